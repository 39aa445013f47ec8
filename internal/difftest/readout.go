package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
)

// Tables: the first selects the program by the frame's destination address, then there is one for
// each further action, and the last sends copies of the packet whose Ethernet addresses contain the
// conntrack fields; the rest of the frame is unchanged.
const readTable = 100

// copies lists the fields that are moved into the 96 address bits of each copy.
var (
	copiesAll = [][]string{
		{"NXM_NX_CT_STATE[]->NXM_OF_ETH_DST[0..31]", "NXM_NX_CT_ZONE[]->NXM_OF_ETH_DST[32..47]", "NXM_NX_CT_MARK[]->NXM_OF_ETH_SRC[0..31]",
			"NXM_NX_REG0[0..15]->NXM_OF_ETH_SRC[32..47]"},
		{"NXM_NX_CT_LABEL[0..47]->NXM_OF_ETH_DST[]", "NXM_NX_CT_LABEL[48..95]->NXM_OF_ETH_SRC[]"},
	}
	copiesPlain = [][]string{{"NXM_NX_CT_LABEL[96..127]->NXM_OF_ETH_DST[0..31]"}}
	copiesTuple = [][]string{{"NXM_NX_CT_LABEL[96..127]->NXM_OF_ETH_DST[0..31]", "NXM_NX_CT_NW_PROTO[]->NXM_OF_ETH_DST[32..39]",
		"NXM_NX_CT_TP_SRC[]->NXM_OF_ETH_SRC[0..15]", "NXM_NX_CT_TP_DST[]->NXM_OF_ETH_SRC[16..31]"}}
	copiesIPv4 = [][]string{{"NXM_NX_CT_NW_SRC[]->NXM_OF_ETH_DST[0..31]", "NXM_NX_CT_NW_DST[]->NXM_OF_ETH_SRC[0..31]"}}
	copiesIPv6 = [][]string{
		{"NXM_NX_CT_IPV6_SRC[0..47]->NXM_OF_ETH_DST[]", "NXM_NX_CT_IPV6_SRC[48..95]->NXM_OF_ETH_SRC[]"},
		{"NXM_NX_CT_IPV6_SRC[96..127]->NXM_OF_ETH_DST[0..31]", "NXM_NX_CT_IPV6_DST[0..47]->NXM_OF_ETH_SRC[]"},
		{"NXM_NX_CT_IPV6_DST[48..95]->NXM_OF_ETH_DST[]", "NXM_NX_CT_IPV6_DST[96..127]->NXM_OF_ETH_SRC[0..31]"},
	}
)

// writeCopies returns the actions that send copies, each with its number as VLAN tag.
func writeCopies(groups ...[][]string) string {
	var b strings.Builder
	b.WriteString("push_vlan:0x8100")
	n := 0
	for _, g := range groups {
		for _, moves := range g {
			n++
			fmt.Fprintf(&b, ",set_field:00:00:00:00:00:00->eth_dst,set_field:00:00:00:00:00:00->eth_src,set_field:%d->vlan_vid", 4096+n)
			for _, m := range moves {
				b.WriteString(",move:" + m)
			}
			b.WriteString(",output:2")
		}
	}
	return b.String()
}

// hasTuple reports whether the last table sends the original tuple for this state.
func hasTuple(s ctstate.State) bool { return s&ctstate.Trk != 0 && s&ctstate.Inv == 0 }

// programMAC returns the destination address that selects a program.
func programMAC(i int) [6]byte { return [6]byte{0x02, 0, 0, 0, byte(i >> 8), byte(i)} }

// flowText returns the flows of all programs.
func flowText(programs []program) string {
	var b strings.Builder
	for i := range programs {
		m := programMAC(i)
		for _, family := range []string{"ip", "ipv6"} {
			writeProgram(&b, &programs[i], fmt.Sprintf("%s,dl_dst=%02x:%02x:%02x:%02x:%02x:%02x", family, m[0], m[1], m[2], m[3], m[4], m[5]), family == "ipv6")
		}
	}
	// A timeout policy applies only to some protocols, but the datapath's flows would not match on the
	// protocol.
	for table := range 6 {
		fmt.Fprintf(&b, "table=%d,priority=65535,ip,nw_proto=250 actions=drop\ntable=%d,priority=65535,ipv6,nw_proto=250 actions=drop\n", table, table)
	}
	for _, f := range []struct {
		match  string
		groups [][][]string
	}{
		{"priority=2,ip,ct_state=+trk-inv", [][][]string{copiesAll, copiesTuple, copiesIPv4}},
		{"priority=2,ipv6,ct_state=+trk-inv", [][][]string{copiesAll, copiesTuple, copiesIPv6}},
		{"priority=1", [][][]string{copiesAll, copiesPlain}},
	} {
		fmt.Fprintf(&b, "table=%d,%s actions=%s\n", readTable, f.match, writeCopies(f.groups...))
	}
	return b.String()
}

// writeProgram writes one flow for each part of a program between two recirculations.
func writeProgram(b *strings.Builder, p *program, match string, v6 bool) {
	table, stage := 0, 0
	var actions []string
	flush := func() {
		fmt.Fprintf(b, "table=%d,%s actions=%s\n", table, match, strings.Join(actions, ","))
		actions = nil
	}
	for i := range p.ops {
		o := &p.ops[i]
		if o.clear || o.set || !o.pause {
			actions = append(actions, o.text(v6, 0))
			continue
		}
		next := i + 1
		if i == len(p.ops)-1 {
			next = readTable
		}
		actions = append(actions, o.text(v6, next))
		flush()
		table = next
		if next != readTable && stage < 2 { // save the action's result
			actions = append(actions, fmt.Sprintf("move:NXM_NX_CT_STATE[0..7]->NXM_NX_REG0[%d..%d]", 8*stage, 8*stage+7))
			stage++
		}
	}
}

// seen holds the packet and fields received from the bridge.
type seen struct {
	state  ctstate.State
	zone   uint16
	mark   uint32
	label  ctstate.Label
	stages [2]ctstate.State // saved states after earlier actions
	orig   *ctstate.Tuple   // without an ICMP id
	packet []byte           // from the IP header on
}

// want returns the number of copies, from the first copy.
func want(frame []byte) (int, error) {
	if len(frame) < 18+20 || frame[12] != 0x81 {
		return 0, errors.New("received a frame without a VLAN tag")
	}
	switch {
	case !hasTuple(ctstate.State(binary.BigEndian.Uint32(frame[2:]))):
		return 3, nil
	case binary.BigEndian.Uint16(frame[16:]) == 0x0800:
		return 4, nil
	}
	return 6, nil
}

// decode decodes the copies of one packet.
func decode(frames [][]byte) (*seen, error) {
	for i, f := range frames {
		if len(f) < 18+20 || binary.BigEndian.Uint16(f[12:]) != 0x8100 || int(binary.BigEndian.Uint16(f[14:])&0xfff) != i+1 {
			return nil, fmt.Errorf("copy %d is not as expected: %x", i+1, f)
		}
	}
	be := binary.BigEndian
	a := frames[0]
	s := &seen{state: ctstate.State(be.Uint32(a[2:])), zone: be.Uint16(a), mark: be.Uint32(a[8:]), packet: a[18:]}
	s.stages[0], s.stages[1] = ctstate.State(a[7]), ctstate.State(a[6])
	lo, mid, hi := mac(frames[1][0:]), mac(frames[1][6:]), uint64(be.Uint32(frames[2][2:]))
	s.label = ctstate.Label{Lo: lo | mid<<48, Hi: mid>>16 | hi<<32}
	if len(frames) < 4 {
		return s, nil
	}
	t := ctstate.Tuple{Proto: frames[2][1]}
	sport, dport := be.Uint16(frames[2][10:]), be.Uint16(frames[2][8:])
	var src, dst netip.Addr
	if len(frames) == 4 {
		src, dst = netip.AddrFrom4([4]byte(frames[3][2:6])), netip.AddrFrom4([4]byte(frames[3][8:12]))
	} else {
		b, c, d := frames[3], frames[4], frames[5]
		src = netip.AddrFrom16([16]byte(concat(c[2:6], b[6:12], b[0:6])))
		dst = netip.AddrFrom16([16]byte(concat(d[8:12], d[0:6], c[6:12])))
	}
	switch {
	case t.Proto == 0:
		return s, nil
	case t.Proto == ctstate.ProtoICMP || t.Proto == ctstate.ProtoICMPv6:
		t.ICMPType, t.ICMPCode = uint8(sport), uint8(dport)
		sport, dport = 0, 0
	}
	t.Src, t.Dst = netip.AddrPortFrom(src, sport), netip.AddrPortFrom(dst, dport)
	s.orig = &t
	return s, nil
}

func concat(parts ...[]byte) []byte {
	var b []byte
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

func mac(b []byte) uint64 {
	return uint64(binary.BigEndian.Uint16(b))<<32 | uint64(binary.BigEndian.Uint32(b[2:]))
}
