package connection

import (
	"fmt"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
)

// Bit is one of OVN's bits in ct_mark (lib/logical-fields.c: ovn_init_symtab, ct_mark.blocked and
// the others). They are in ct_label before 22.06, and from 22.09 to 24.03 also as long as a chassis
// is connected that is older than 22.06 (northd: ct_no_masked_label).
type Bit int

// OVN's bits.
const (
	Blocked   Bit = iota // a rule has blocked the connection: OVN drops its packets in this zone
	Natted               // a load balancer has translated it
	SkipSNAT             // it gets no source NAT, whatever the router's options say
	ForceSNAT            // it gets the source NAT of lb_force_snat_ip
)

var bitNames = [...]string{Blocked: "blocked", Natted: "natted", SkipSNAT: "skip_snat", ForceSNAT: "force_snat"}

// In reports whether an entry has the bit.
func (b Bit) In(e *ctstate.Entry) bool { return (uint64(e.Mark)|e.Label.Lo)>>b&1 != 0 }

// Marks returns OVN's bits of an entry by name. router says that its zone is a router's, where mark
// and label also have the way back of ECMP symmetric reply; a switch's zone has other fields in the
// same bits.
func Marks(e *ctstate.Entry, router bool) (out []string) {
	for b, name := range bitNames {
		if Bit(b).In(e) {
			out = append(out, name)
		}
	}
	if !router {
		return out
	}
	if port := e.Mark >> 16; port != 0 {
		out = append(out, fmt.Sprintf("ecmp_reply_port=%d", port))
	}
	if mac := e.Label.Lo>>32 | e.Label.Hi<<32&0xffff_0000_0000; mac != 0 {
		out = append(out, fmt.Sprintf("ecmp_reply_eth=%02x:%02x:%02x:%02x:%02x:%02x", byte(mac>>40), byte(mac>>32), byte(mac>>24), byte(mac>>16), byte(mac>>8), byte(mac)))
	}
	return out
}
