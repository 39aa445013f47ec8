package ofreplay

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow"
)

// Run executes actions on a packet and its registers, up to the first that sends it on (resubmit,
// output). lost says why the result is unknown; empty: it is known. Writes to tunnel and conntrack
// fields are ignored.
func Run(pkt packet.Packet, regs Registers, actions []Action) (_ packet.Packet, _ Registers, lost string) {
	m := machine{pkt: pkt, regs: regs}
	m.run(actions)
	return m.pkt, m.regs, m.lost
}

// machine is a packet with its registers, as actions change them.
type machine struct {
	pkt   packet.Packet
	regs  Registers
	other map[string][]byte // other fields: ct_mark, tun_id, ...; nil if they are not followed
	stack [][]byte          // bits, one a byte
	lost  string            // why the state from here on is unknown

	untracked bool // the conntrack state that the section began with is gone
	tags      bool // Open vSwitch reads headers after a second VLAN tag
}

// machineOf returns a machine with a flow's packet and registers.
func machineOf(f openflow.Flow) (machine, error) {
	p, err := openflow.ToPacket(f)
	if err != nil {
		return machine{}, err
	}
	m := machine{pkt: p, regs: RegistersOf(f), other: otherOf(f)}
	m.tags = slices.ContainsFunc(f.Fields, func(fd openflow.Field) bool {
		return strings.HasSuffix(fd.Name, "1") && strings.Contains(fd.Name, "vlan")
	})
	return m, nil
}

// fields returns the packet's headers as a table look-up uses them.
func (m *machine) fields() []openflow.Field {
	if m.tags {
		return openflow.FieldsBehindTags(m.pkt)
	}
	return openflow.FieldsOf(m.pkt)
}

// run executes actions until one sends the packet on.
func (m *machine) run(as []Action) {
	for _, a := range as {
		if m.lost != "" || !m.step(a) {
			return
		}
	}
}

// step executes one action; it returns false if the packet was sent on.
func (m *machine) step(a Action) bool {
	switch a := a.(type) {
	case SetField:
		m.setField(a)
	case Load:
		m.writeBits(a.Dst, toBits(binary.BigEndian.AppendUint64(nil, a.Value), a.Dst.Bits))
	case Move:
		m.writeBits(a.Dst, m.readBits(a.Src))
	case Push:
		m.stack = append(m.stack, m.readBits(a.Src))
	case Pop:
		if len(m.stack) == 0 {
			m.lost = "pop from an empty stack"
			break
		}
		top := m.stack[len(m.stack)-1]
		m.stack = m.stack[:len(m.stack)-1]
		m.writeBits(a.Dst, top)
	case Note, Controller, Clone:
	case Plain:
		switch {
		case a.Text == "dec_ttl" && m.pkt.TTL > 1:
			m.pkt.TTL--
		case a.Text == "ct_clear" || a.Text == "pop_queue" || strings.HasPrefix(a.Text, "set_queue:") || strings.HasPrefix(a.Text, "meter:"):
		default:
			m.lost = "nested action " + a.Text + " is not followed here"
		}
	case Opaque:
		m.lost = "nested action not understood: " + a.Why
	default:
		return false
	}
	return true
}

func (m *machine) setField(a SetField) {
	v := toBits(a.Value, a.Field.Bits)
	if a.Mask != nil {
		old := m.readBits(Subfield{a.Field, 0, a.Field.Bits})
		mask := toBits(a.Mask, a.Field.Bits)
		for i := range v {
			if i < len(old) && i < len(mask) && mask[i] == 0 {
				v[i] = old[i]
			}
		}
	}
	m.writeBits(Subfield{a.Field, 0, a.Field.Bits}, v)
}

// toBits returns the low n bits, least significant first.
func toBits(v []byte, n int) []byte {
	out := make([]byte, n)
	for i := range out {
		if at := len(v) - 1 - i/8; at >= 0 {
			out[i] = v[at] >> (i % 8) & 1
		}
	}
	return out
}

// fromBits is the reverse of toBits, in n bytes.
func fromBits(bits []byte, n int) []byte {
	out := make([]byte, n)
	for i, b := range bits {
		if at := n - 1 - i/8; at >= 0 {
			out[at] |= b << (i % 8)
		}
	}
	return out
}

func (m *machine) readBits(s Subfield) []byte {
	v, ok := m.get(s.Field)
	if !ok {
		m.lost = "the value of " + s.Field.Name + " is unknown here"
		return make([]byte, s.Bits)
	}
	return toBits(v, s.Field.Bits)[s.Ofs : s.Ofs+s.Bits]
}

// writeBits writes bits, cut or filled with zeros, as mf_write_subfield does.
func (m *machine) writeBits(s Subfield, bits []byte) {
	if m.lost != "" {
		return
	}
	all := make([]byte, s.Field.Bits)
	if isOther(s.Field.Name) && m.other == nil {
		return
	}
	if s.Ofs != 0 || s.Bits != s.Field.Bits {
		v, ok := m.get(s.Field)
		if !ok {
			m.lost = "the value of " + s.Field.Name + " is unknown here"
			return
		}
		all = toBits(v, s.Field.Bits)
	}
	for i := range s.Bits {
		all[s.Ofs+i] = 0
		if i < len(bits) {
			all[s.Ofs+i] = bits[i]
		}
	}
	if !m.set(s.Field, fromBits(all, s.Field.Bytes)) {
		m.lost = "setting " + s.Field.Name + " is not followed here"
	}
}

// Registers returns the registers reg0, reg1, ... that make up a field regN, xregN or xxregN: n of
// them from first on, the most significant first. ok is false for any other field.
func (f *Field) Registers() (first, n int, ok bool) {
	for _, p := range []struct {
		prefix string
		n      int
	}{{"xxreg", 4}, {"xreg", 2}, {"reg", 1}} {
		if num, found := strings.CutPrefix(f.Name, p.prefix); found {
			i, err := strconv.Atoi(num)
			return i * p.n, p.n, err == nil && i*p.n+p.n <= len(Registers{}.Reg)
		}
	}
	return 0, 0, false
}

func (m *machine) get(f *Field) ([]byte, bool) {
	if first, n, ok := f.Registers(); ok {
		var v []byte
		for i := range n {
			v = binary.BigEndian.AppendUint32(v, m.regs.Reg[first+i])
		}
		return v, true
	}
	if f.Name == "metadata" {
		return binary.BigEndian.AppendUint64(nil, m.regs.Metadata), true
	}
	if isOther(f.Name) && m.other != nil {
		return m.other[f.Name], true // toBits pads with zeros
	}
	if shift, mask, ok := tosPart(f.Name); ok {
		return []byte{m.pkt.TOS >> shift & mask}, true
	}
	if len(m.pkt.VLANs) > 0 {
		switch tag := m.pkt.VLANs[0]; f.Name {
		case "vlan_vid":
			return binary.BigEndian.AppendUint16(nil, tag.VID), true
		case "vlan_pcp":
			return []byte{tag.PCP}, true
		}
	}
	switch v := slot(&m.pkt, f.Name).(type) {
	case *packet.MAC:
		return v[:], true
	case *netip.Addr:
		if f.Bytes == 4 && v.Is4() || f.Bytes == 16 && v.Is6() {
			return v.AsSlice(), true
		}
	case *uint8:
		return []byte{*v}, true
	case *uint16:
		return binary.BigEndian.AppendUint16(nil, *v), true
	}
	return nil, false
}

func (m *machine) set(f *Field, v []byte) bool {
	if first, n, ok := f.Registers(); ok {
		for i := range n {
			m.regs.Reg[first+i] = binary.BigEndian.Uint32(v[4*i:])
		}
		return true
	}
	if f.Name == "metadata" {
		m.regs.Metadata = binary.BigEndian.Uint64(v)
		return true
	}
	if isOther(f.Name) {
		if m.other != nil {
			m.other[f.Name] = v
		}
		return true
	}
	if shift, mask, ok := tosPart(f.Name); ok {
		m.pkt.TOS = m.pkt.TOS&^(mask<<shift) | v[0]&mask<<shift
		return true
	}
	if len(m.pkt.VLANs) > 0 {
		switch tag := &m.pkt.VLANs[0]; f.Name {
		case "vlan_vid":
			tag.VID = binary.BigEndian.Uint16(v) & 0xfff
			return true
		case "vlan_pcp":
			tag.PCP = v[0] & 7
			return true
		}
	}
	switch to := slot(&m.pkt, f.Name).(type) {
	case *packet.MAC:
		copy(to[:], v)
	case *netip.Addr:
		a, ok := netip.AddrFromSlice(v)
		*to = a
		return ok
	case *uint8:
		*to = v[0]
	case *uint16:
		*to = binary.BigEndian.Uint16(v)
	default:
		return false
	}
	return true
}

// isOther reports whether a field is metadata of the packet, and not a header.
func isOther(name string) bool {
	switch name {
	case "pkt_mark", "tun_id", "tun_src", "tun_dst", "tun_ipv6_src", "tun_ipv6_dst",
		"tun_flags", "in_port", "in_port_oxm":
		return true
	}
	// Conntrack's original tuple, which OVN's ct_extract stages (25.03 and later) copy into
	// registers.
	return strings.HasPrefix(name, "tun_metadata") || strings.HasPrefix(name, "ct_")
}

// tosPart returns the shift and mask, within the traffic class, of the bits that a field contains.
func tosPart(name string) (shift, mask uint8, ok bool) {
	switch name {
	case "nw_tos":
		return 0, 0xfc, true
	case "ip_dscp":
		return 2, 0x3f, true
	case "nw_ecn":
		return 0, 3, true
	}
	return 0, 0, false
}

// slot returns a pointer to the packet's field of that name; nil if there is none.
func slot(p *packet.Packet, name string) any {
	switch name {
	case "eth_src":
		return &p.EthSrc
	case "eth_dst":
		return &p.EthDst
	case "ip_src", "ipv6_src", "arp_spa":
		return &p.Src
	case "ip_dst", "ipv6_dst", "arp_tpa":
		return &p.Dst
	case "nw_ttl":
		return &p.TTL
	case "tcp_src", "udp_src", "sctp_src":
		return &p.SrcPort
	case "tcp_dst", "udp_dst", "sctp_dst":
		return &p.DstPort
	case "icmp_type", "icmpv6_type":
		return &p.ICMPType
	case "icmp_code", "icmpv6_code":
		return &p.ICMPCode
	case "arp_op":
		return &p.ARPOp
	case "arp_sha":
		return &p.ARPSHA
	case "arp_tha":
		return &p.ARPTHA
	case "nd_target":
		return &p.NDTarget
	case "nd_sll":
		return &p.NDSLL
	case "nd_tll":
		return &p.NDTLL
	}
	return nil
}
