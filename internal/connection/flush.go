package connection

import (
	"fmt"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
)

const (
	protoICMP   = 1
	protoICMPv6 = 58
)

// FlushCommand returns the command that removes the entry with the original tuple from a zone; it
// is to be run on the entry's chassis (lib/ct-dpif.c: ct_dpif_parse_tuple).
func FlushCommand(zone uint16, orig ctstate.Tuple) string {
	family := "nw"
	if orig.IsIPv6() {
		family = "ipv6"
	}
	fields := []string{
		fmt.Sprintf("ct_%s_src=%s", family, orig.Src.Addr()), fmt.Sprintf("ct_%s_dst=%s", family, orig.Dst.Addr()),
		fmt.Sprintf("ct_nw_proto=%d", orig.Proto), // for both families
	}
	switch {
	case ctstate.HasPorts(orig.Proto):
		fields = append(fields, fmt.Sprintf("ct_tp_src=%d", orig.Src.Port()), fmt.Sprintf("ct_tp_dst=%d", orig.Dst.Port()))
	case orig.Proto == protoICMP || orig.Proto == protoICMPv6:
		fields = append(fields, fmt.Sprintf("icmp_id=%d", orig.ICMPID), fmt.Sprintf("icmp_type=%d", orig.ICMPType), fmt.Sprintf("icmp_code=%d", orig.ICMPCode))
	}
	return fmt.Sprintf("ovs-appctl dpctl/flush-conntrack zone=%d '%s'", zone, strings.Join(fields, ","))
}
