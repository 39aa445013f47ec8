package engine

import (
	"fmt"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow"
)

// entryFlow returns the flow of the packet as it enters the bridge.
func (r *run) entryFlow(st state) string {
	var f openflow.Flow
	f.Fields = append(f.Fields, openflow.Field{Name: "in_port", Value: fmt.Sprint(r.req.InPort)})
	f.Fields = append(f.Fields, r.metadata()...)
	f.Fields = append(f.Fields, ctFields(st)...)
	f.Fields = append(f.Fields, openflow.FieldsOf(st.pkt)...)
	f.Fields = append(f.Fields, origFields(st.conn)...)
	return f.String()
}

// metadata returns the request's flow fields other than the packet's own.
func (r *run) metadata() []openflow.Field {
	var out []openflow.Field
	for _, f := range r.req.Metadata {
		out = append(out, openflow.Field{Name: f.Name, Value: f.Value, Mask: f.Mask})
	}
	return out
}

// thawFlow returns the flow that resumes recirculation id: the frozen state contains the registers,
// metadata, stack and tunnel; the flow gives headers and conntrack's answer. The bridge and in_port
// are the packet's first (ofproto/ofproto-dpif-xlate.c: xlate_actions, frozen_state).
func (r *run) thawFlow(id uint32, st state) flowText {
	if st.conn.OrigTuple != nil && st.conn.State&(ctstate.New|ctstate.Est|ctstate.Rpl) == 0 && r.req.InPortDatapath != "" && st.inside == nil {
		return flowText{flow: r.datapathFlow(id, st)}
	}
	bridge, inPort := r.origin(st)
	var f openflow.Flow
	f.Fields = append(f.Fields, openflow.Field{Name: "recirc_id", Value: fmt.Sprintf("0x%x", id)}, inPort)
	f.Fields = append(f.Fields, keyFields(st)...)
	f.Fields = append(f.Fields, ctFields(st)...)
	f.Fields = append(f.Fields, openflow.FieldsOf(st.pkt)...)
	f.Fields = append(f.Fields, origFields(st.conn)...)
	return flowText{bridge: bridge, flow: f.String()}
}

// keyFields returns the fields of the datapath key other than headers and conntrack.
func keyFields(st state) []openflow.Field {
	var out []openflow.Field
	add := func(name string, v uint32) {
		if v != 0 {
			out = append(out, openflow.Field{Name: name, Value: fmt.Sprintf("0x%x", v)})
		}
	}
	add("dp_hash", st.dp)
	add("skb_priority", st.prio)
	add("pkt_mark", st.mark)
	return out
}

// ctFields returns ct_state, ct_zone, ct_mark and ct_label; none for an untracked packet.
func ctFields(st state) []openflow.Field {
	c := st.conn
	if c.State == 0 {
		return nil
	}
	return []openflow.Field{
		{Name: "ct_state", Value: c.State.String()},
		{Name: "ct_zone", Value: fmt.Sprint(c.KeyZone)},
		{Name: "ct_mark", Value: fmt.Sprintf("0x%x", c.Mark)},
		{Name: "ct_label", Value: c.Label.String()},
	}
}

// origFields returns the fields of the original tuple; OVS accepts them only after the Ethernet
// type and a ct_state with new, est or rpl (lib/meta-flow.c: mf_are_prereqs_ok, MFP_CT_VALID).
func origFields(c ctstate.Conn) []openflow.Field {
	t := c.OrigTuple
	if t == nil || c.State&(ctstate.New|ctstate.Est|ctstate.Rpl) == 0 {
		return nil
	}
	src, dst := "ct_nw_src", "ct_nw_dst"
	if t.Src.Addr().Is6() {
		src, dst = "ct_ipv6_src", "ct_ipv6_dst"
	}
	tp := [2]uint16{t.Src.Port(), t.Dst.Port()}
	if t.Proto == ctstate.ProtoICMP || t.Proto == ctstate.ProtoICMPv6 {
		tp = [2]uint16{uint16(t.ICMPType), uint16(t.ICMPCode)}
	}
	return []openflow.Field{
		{Name: src, Value: t.Src.Addr().String()},
		{Name: dst, Value: t.Dst.Addr().String()},
		{Name: "ct_nw_proto", Value: fmt.Sprint(t.Proto)},
		{Name: "ct_tp_src", Value: fmt.Sprint(tp[0])},
		{Name: "ct_tp_dst", Value: fmt.Sprint(tp[1])},
	}
}

// datapathFlow returns thawFlow's flow in the datapath's syntax, which accepts an original tuple
// with any ct_state: OpenFlow fields cannot give that of a packet with +rel only.
func (r *run) datapathFlow(id uint32, st state) string {
	var b strings.Builder
	p, c := st.pkt, st.conn
	fmt.Fprintf(&b, "recirc_id(0x%x),in_port(%s)", id, r.req.InPortDatapath)
	if st.dp != 0 {
		fmt.Fprintf(&b, ",dp_hash(0x%x)", st.dp)
	}
	if st.prio != 0 {
		fmt.Fprintf(&b, ",skb_priority(0x%x)", st.prio)
	}
	if st.mark != 0 {
		fmt.Fprintf(&b, ",skb_mark(0x%x)", st.mark)
	}
	fmt.Fprintf(&b, ",ct_state(0x%x),ct_zone(0x%x),ct_mark(0x%x),ct_label(%s)", uint32(c.State), c.KeyZone, c.Mark, c.Label)
	t := c.OrigTuple
	tp := [2]uint16{t.Src.Port(), t.Dst.Port()}
	if t.Proto == ctstate.ProtoICMP || t.Proto == ctstate.ProtoICMPv6 {
		tp = [2]uint16{uint16(t.ICMPType), uint16(t.ICMPCode)}
	}
	version := 4
	if t.Src.Addr().Is6() {
		version = 6
	}
	fmt.Fprintf(&b, ",ct_tuple%d(src=%v,dst=%v,proto=%d,tp_src=%d,tp_dst=%d)", version, t.Src.Addr(), t.Dst.Addr(), t.Proto, tp[0], tp[1])
	if p.NoEth {
		fmt.Fprintf(&b, ",packet_type(ns=1,id=0x%x)", p.EthType)
	} else {
		fmt.Fprintf(&b, ",eth(src=%v,dst=%v)", p.EthSrc, p.EthDst)
	}
	closing := ""
	for _, v := range p.VLANs {
		fmt.Fprintf(&b, ",eth_type(0x%04x),vlan(vid=%d,pcp=%d),encap(", v.TPID, v.VID, v.PCP)
		closing += ")"
	}
	sep := ","
	if closing != "" {
		sep = ""
	}
	fmt.Fprintf(&b, "%seth_type(0x%04x)", sep, p.EthType)
	frag := map[packet.Frag]string{packet.FragNo: "no", packet.FragFirst: "first", packet.FragLater: "later"}[p.Frag]
	if p.EthType == packet.EthIPv6 {
		fmt.Fprintf(&b, ",ipv6(src=%v,dst=%v,label=%#x,proto=%d,tclass=%#x,hlimit=%d,frag=%s)", p.Src, p.Dst, p.Label, p.Proto, p.TOS, p.TTL, frag)
	} else {
		fmt.Fprintf(&b, ",ipv4(src=%v,dst=%v,proto=%d,tos=%#x,ttl=%d,frag=%s)", p.Src, p.Dst, p.Proto, p.TOS, p.TTL, frag)
	}
	switch p.Proto {
	case ctstate.ProtoICMP:
		fmt.Fprintf(&b, ",icmp(type=%d,code=%d)", p.ICMPType, p.ICMPCode)
	case ctstate.ProtoICMPv6:
		fmt.Fprintf(&b, ",icmpv6(type=%d,code=%d)", p.ICMPType, p.ICMPCode)
	case ctstate.ProtoTCP:
		fmt.Fprintf(&b, ",tcp(src=%d,dst=%d),tcp_flags(0x%x)", p.SrcPort, p.DstPort, uint16(p.TCPFlags))
	case ctstate.ProtoUDP:
		fmt.Fprintf(&b, ",udp(src=%d,dst=%d)", p.SrcPort, p.DstPort)
	case ctstate.ProtoSCTP:
		fmt.Fprintf(&b, ",sctp(src=%d,dst=%d)", p.SrcPort, p.DstPort)
	}
	b.WriteString(closing)
	return b.String()
}
