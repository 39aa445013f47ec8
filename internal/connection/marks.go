package connection

import (
	"fmt"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
)

// markBits are OVN's bits in ct_mark, or in ct_label until 21.09 (lib/logical-fields.c:
// ovn_init_symtab, ct_mark.blocked and the others).
var markBits = []struct {
	bit  int
	name string
}{{0, "blocked"}, {1, "natted"}, {2, "skip_snat"}, {3, "force_snat"}}

// Marks returns OVN's bits of an entry by name. router says that its zone is a router's, where mark
// and label also have the way back of ECMP symmetric reply; a switch's zone has other fields in the
// same bits.
func Marks(e *ctstate.Entry, router bool) (out []string) {
	for _, b := range markBits {
		if (uint64(e.Mark)|e.Label.Lo)>>b.bit&1 != 0 {
			out = append(out, b.name)
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

// Blocked reports whether a rule has blocked the connection: OVN then drops its packets in this zone.
func Blocked(e *ctstate.Entry) bool { return e.Mark&1 != 0 || e.Label.Lo&1 != 0 }
