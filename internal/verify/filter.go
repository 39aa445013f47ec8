package verify

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
)

// kind is what frames must share to be told apart by their addresses and ports.
type kind struct {
	ethType uint16
	proto   uint8
}

// family are the values that the fields of a kind's frames may have.
type family struct {
	kind
	src, dst         []netip.Addr
	sport, dport     []uint16
	anyPort, anyAddr bool
}

func addNew[T comparable](list []T, v T) []T {
	if slices.Contains(list, v) {
		return list
	}
	return append(list, v)
}

// families returns what a frame may look like that is taken for the packet: each address and each
// port is that of the packet as sent, or of a predicted frame. Combinations that are not predicted
// count too: that is how a wrong translation is seen.
func (p *Plan) families() []*family {
	var out []*family
	add := func(q packet.Packet, anyPort, anyAddr bool) {
		k := kind{q.EthType, q.Proto}
		i := slices.IndexFunc(out, func(f *family) bool { return f.kind == k })
		if i < 0 {
			i, out = len(out), append(out, &family{kind: k})
		}
		f := out[i]
		f.src, f.dst = addNew(f.src, q.Src), addNew(f.dst, q.Dst)
		f.sport, f.dport = addNew(f.sport, q.SrcPort), addNew(f.dport, q.DstPort)
		f.anyPort, f.anyAddr = f.anyPort || anyPort, f.anyAddr || anyAddr
	}
	add(p.Sent, false, false)
	for _, o := range p.Outcomes {
		for _, f := range o.Frames {
			add(f.Packet, f.AnyPort, f.AnyAddr)
		}
	}
	return out
}

// Filter returns the filter, of package pcapfilter, for the frames that may be the packet, with and
// without a VLAN tag.
func (p *Plan) Filter() string {
	var out []string
	for _, f := range p.families() {
		out = append(out, "("+f.filter()+")")
	}
	plain := strings.Join(out, " or ")
	return plain + " or (vlan and (" + plain + "))" // "vlan" moves what is behind it only
}

func (f *family) filter() string {
	terms := []string{fmt.Sprintf("ether proto 0x%04x", f.ethType)}
	ip := f.ethType == packet.EthIPv4 || f.ethType == packet.EthIPv6
	if ip {
		terms = append(terms, fmt.Sprintf("proto %d", f.proto))
	}
	if (ip || f.ethType == packet.EthARP) && !f.anyAddr {
		terms = append(terms, among("src host", f.src), among("dst host", f.dst))
	}
	if ip && !f.anyPort && hasPorts(f.proto) {
		terms = append(terms, among("src port", f.sport), among("dst port", f.dport))
	}
	return strings.Join(terms, " and ")
}

func hasPorts(proto uint8) bool {
	return proto == packet.ProtoTCP || proto == packet.ProtoUDP || proto == packet.ProtoSCTP
}

// among returns a condition that holds for each of the values.
func among[T any](what string, values []T) string {
	var out []string
	for _, v := range values {
		out = append(out, fmt.Sprint(v))
	}
	return what + " (" + strings.Join(out, " or ") + ")"
}

// Ours reports whether a frame that the filter takes may be the packet by what no filter compares:
// an ICMP query has the id of the packet, or of a prediction.
func (p *Plan) Ours(q packet.Packet) bool {
	if !q.IsQuery() {
		return true
	}
	if q.ICMPID == p.Sent.ICMPID {
		return true
	}
	for _, o := range p.Outcomes {
		for _, f := range o.Frames {
			if f.AnyPort || f.Packet.IsQuery() && f.Packet.ICMPID == q.ICMPID {
				return true
			}
		}
	}
	return false
}
