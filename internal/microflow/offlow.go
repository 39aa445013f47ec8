package microflow

import (
	"errors"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow"
)

// FromOpenFlow reads an OpenFlow flow as users write it: in_port=vm1,tcp,nw_src=...,nw_ttl=64, in
// any order. InPort is its in_port, a port's name or number. The microflow keeps the conntrack
// state; Other contains registers, tunnel and metadata by their OpenFlow names.
func FromOpenFlow(text string) (Microflow, error) {
	flow, where := openflow.Read(text)
	mf := Microflow{Text: text, Where: map[Set]int{}, Other: map[string]Value{}}
	var err error
	mf.Packet, err = openflow.ToPacket(flow)
	var fe *openflow.FieldError
	if errors.As(err, &fe) {
		return Microflow{}, &SyntaxError{In: text, Off: where[fe.Place(flow)], Msg: fe.Error()}
	}
	if err != nil {
		return Microflow{}, err
	}
	if mf.Packet.NoEth {
		return Microflow{}, &SyntaxError{In: text, Off: where[flow.Find("packet_type")], Msg: "packets of a logical port have an Ethernet header"}
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

// keep records a field that is not part of the packet, or of any packet of its kind: an ICMP type
// of a later fragment.
func (mf *Microflow) keep(flow openflow.Flow, f openflow.Field, off int) error {
	switch {
	case f.Name == "ct_state":
		state, mask, err := openflow.ParseCTState(f.Value)
		if err != nil {
			return &SyntaxError{In: mf.Text, Off: off, Msg: "ct_state=" + f.Value + ": " + err.Error()}
		}
		mf.CTState, mf.CTMask = state, mask
	case f.Name == "in_port", f.Name == "in_port_oxm", f.Name == "eth", f.Name == "priority", f.Name == "table", f.Name == "cookie":
	case openflow.IsMetadata(f.Name), mf.Packet.Frag == packet.FragLater && ofICMP(f.Name):
		v, ok := flow.U128(f.Name)
		value := Value{Value: v, Mask: openflow.U128{Hi: ^uint64(0), Lo: ^uint64(0)}}
		if !ok {
			value.Text = f.Value
		}
		mf.Other[f.Name] = value
	}
	return nil
}

// ofICMP reports whether a field belongs to an ICMP header or to neighbour discovery.
func ofICMP(name string) bool {
	return strings.HasPrefix(name, "icmp") && strings.Contains(name, "_") || strings.HasPrefix(name, "nd_")
}

// partOf returns the part of the packet that a field gives.
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
