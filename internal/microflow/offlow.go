package microflow

import (
	"errors"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/packet"
)

// FromOpenFlow reads an OpenFlow flow as users paste it: in_port=vm1,tcp,nw_src=...,nw_ttl=64, in any order. InPort is
// its in_port, a port's name or number; conntrack state is kept, and registers, tunnel and metadata are in Other under
// their OpenFlow names.
func FromOpenFlow(text string) (Microflow, error) {
	flow, err := openflow.Parse(text)
	var se *openflow.SyntaxError
	if errors.As(err, &se) {
		return Microflow{}, &SyntaxError{In: text, Off: se.Off, Msg: se.Msg}
	}
	if err != nil {
		return Microflow{}, err
	}
	where := offsets(text, flow)
	mf := Microflow{Text: text, Where: map[Set]int{}, Other: map[string]Value{}}
	mf.Packet, err = packet.FromFlow(flow)
	var fe *packet.FieldError
	if errors.As(err, &fe) {
		off := 0
		for i, f := range flow.Fields {
			if f.Name == fe.Field.Name && f.Value == fe.Field.Value {
				off = where[i]
			}
		}
		return Microflow{}, &SyntaxError{In: text, Off: off, Msg: fe.Error()}
	}
	if err != nil {
		return Microflow{}, err
	}
	mf.InPort, _ = flow.InPort()
	for i, f := range flow.Fields {
		part := partOf(f, &mf.Packet)
		mf.Given |= part
		for bit := Set(1); bit <= part; bit <<= 1 {
			if part.Has(bit) {
				mf.Where[bit] = where[i]
			}
		}
		if err := mf.keep(flow, f, where[i]); err != nil {
			return Microflow{}, err
		}
	}
	return mf, nil
}

// offsets finds where each field stands: the parser keeps them in order.
func offsets(text string, flow openflow.Flow) []int {
	out := make([]int, len(flow.Fields))
	at := 0
	for i, f := range flow.Fields {
		if n := strings.Index(text[at:], f.Name); n >= 0 {
			at += n
		}
		out[i] = at
		at = min(len(text), at+len(f.Name)+len(f.Value))
	}
	return out
}

// keep takes what is not of the packet.
func (mf *Microflow) keep(flow openflow.Flow, f openflow.Field, off int) error {
	switch {
	case f.Name == "ct_state":
		state, mask, err := openflow.ParseCTState(f.Value)
		if err != nil {
			return &SyntaxError{In: mf.Text, Off: off, Msg: "ct_state=" + f.Value + ": " + err.Error()}
		}
		mf.CTState, mf.CTMask = state, mask
	case f.Name == "pkt_mark", f.Name == "metadata",
		strings.HasPrefix(f.Name, "reg"), strings.HasPrefix(f.Name, "xreg"), strings.HasPrefix(f.Name, "xxreg"),
		strings.HasPrefix(f.Name, "tun_"), strings.HasPrefix(f.Name, "ct_"), f.Name == "recirc_id", f.Name == "dp_hash",
		f.Name == "skb_priority", f.Name == "actset_output", f.Name == "conj_id":
		v, ok := flow.U128(f.Name)
		value := Value{Value: v, Mask: openflow.U128{Hi: ^uint64(0), Lo: ^uint64(0)}}
		if !ok {
			value.Text = f.Value
		}
		mf.Other[f.Name] = value
	}
	return nil
}

// partOf is the part of the packet that a field gives.
func partOf(f openflow.Field, p *packet.Packet) Set {
	name := f.Name
	switch name {
	case "dl_src", "eth_src":
		return HasEthSrc
	case "dl_dst", "eth_dst":
		return HasEthDst
	case "dl_type", "eth_type", "ip", "ipv4", "ip4", "ipv6", "ip6", "arp", "rarp", "mpls", "mplsm":
		return HasEthType
	case "icmp", "tcp", "udp", "sctp", "icmp6", "icmpv6", "tcp6", "udp6", "sctp6":
		return HasEthType | HasProto
	case "nw_src", "ip_src", "ipv6_src", "arp_spa":
		return HasSrc
	case "nw_dst", "ip_dst", "ipv6_dst", "arp_tpa":
		return HasDst
	case "nw_proto", "ip_proto":
		if p.IsARP() {
			return HasARPOp
		}
		return HasProto
	case "nw_tos", "ip_dscp", "nw_ecn", "ip_ecn":
		return HasTOS
	case "nw_ttl":
		return HasTTL
	case "nw_frag", "ip_frag":
		return HasFrag
	case "ipv6_label":
		return HasLabel
	case "tcp_flags":
		return HasTCPFlags
	case "arp_op":
		return HasARPOp
	case "arp_sha":
		return HasARPSHA
	case "arp_tha":
		return HasARPTHA
	case "nd_target":
		return HasNDTarget
	case "nd_sll":
		return HasNDSLL
	case "nd_tll":
		return HasNDTLL
	}
	switch {
	case strings.HasPrefix(name, "dl_vlan"), strings.HasPrefix(name, "vlan_"):
		return HasVLAN
	case strings.HasSuffix(name, "p_src"): // tp_src, tcp_src, udp_src, sctp_src
		return HasSrcPort
	case strings.HasSuffix(name, "p_dst"):
		return HasDstPort
	case strings.HasPrefix(name, "icmp") && strings.HasSuffix(name, "_type"):
		return HasICMPType
	case strings.HasPrefix(name, "icmp") && strings.HasSuffix(name, "_code"):
		return HasICMPCode
	}
	return 0
}
