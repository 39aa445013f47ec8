package probe

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

// answer returns the packet that the receiver of the last delivered frame sends back, made from
// that frame.
func (r *Runner) answer(last *Reality, sent Packet, flags string) (Packet, error) {
	if last == nil || len(last.Ends) == 0 {
		return Packet{}, errors.New("no frame was delivered, so there is no answer")
	}
	return r.answerTo(last.Ends[0], sent, flags)
}

func (r *Runner) answerTo(end Seen, sent Packet, flags string) (Packet, error) {
	f := end.Frame
	h := f.Header
	from, err := r.sender(end)
	if err != nil {
		return Packet{}, err
	}
	p := Packet{From: from, EthSrc: h["eth_dst"], EthDst: h["eth_src"], Proto: sent.Proto, Src: h["ip_dst"], Dst: h["ip_src"]}
	if v := h["vlan"]; v != "" {
		p.VLAN, _ = strconv.Atoi(v)
	}
	p.Sport, _ = strconv.Atoi(h["l4_dst"])
	p.Dport, _ = strconv.Atoi(h["l4_src"])
	switch sent.Proto {
	case "tcp":
		t, ok := f.pkt.Layer(layers.LayerTypeTCP).(*layers.TCP)
		if !ok {
			return Packet{}, errors.New("the delivered frame has no TCP header")
		}
		p.Ack = t.Seq + uint32(len(t.Payload))
		if t.SYN || t.FIN {
			p.Ack++
		}
		p.Seq = t.Ack
		switch {
		case t.SYN && !t.ACK:
			p.Flags = "syn|ack"
			r.serial++
			p.Seq = r.serial<<8 | 0x80000000
		default:
			p.Flags = "ack"
		}
		if flags != "" {
			p.Flags = flags
		}
		if p.Flags == "rst" {
			p.Seq, p.Ack = t.Ack, 0
		}
	case "udp":
	case "sctp":
		// The initiate tag of an INIT or INIT ACK is the verification tag of the answer.
		s := f.pkt.Layer(layers.LayerTypeSCTP)
		if s == nil || len(s.LayerPayload()) < 8 {
			return Packet{}, errors.New("the delivered frame has no SCTP chunk")
		}
		chunk := s.LayerPayload()
		r.serial++
		switch own := binary.BigEndian.Uint32(chunk[4:]); chunk[0] {
		case sctpInit:
			p.Payload = SCTPInitAck(p.Sport, p.Dport, own, r.serial|0x40000000)
		case sctpInitAck:
			p.Payload = SCTPCookieEcho(p.Sport, p.Dport, own, r.serial)
		default:
			return Packet{}, fmt.Errorf("no answer to SCTP chunk %d", chunk[0])
		}
	case "icmp":
		p.Type = 0
		// A fragment has no ICMP layer of gopacket's.
		if n := f.pkt.NetworkLayer(); n != nil && len(n.LayerPayload()) >= 8 {
			p.ID, p.Seq = int(binary.BigEndian.Uint16(n.LayerPayload()[4:])), uint32(binary.BigEndian.Uint16(n.LayerPayload()[6:]))
		}
	case "icmp6":
		p.Type, p.ID, p.Seq = 129, sent.ID, sent.Seq
	default:
		return Packet{}, fmt.Errorf("no answer to %s", sent.Proto)
	}
	return p, nil
}

// errNobody is returned for a packet that has left for a MAC which no outside host has.
var errNobody = errors.New("no outside host has it")

// sender returns the port or host that answers a frame seen at end.
func (r *Runner) sender(end Seen) (string, error) {
	if port, ok := strings.CutPrefix(end.End, "port "); ok {
		return port, nil
	}
	for _, h := range r.Lab.Topo.Hosts {
		if strings.EqualFold(h.MAC, end.Frame.Header["eth_dst"]) {
			return h.Name, nil
		}
	}
	return "", fmt.Errorf("%w: MAC %s", errNobody, end.Frame.Header["eth_dst"])
}

// icmpError returns an ICMP error about the frame that was delivered last: port unreachable, or
// time exceeded from middle. It quotes that packet from the IP header on.
func (r *Runner) icmpError(last *Reality, middle string) (Packet, error) {
	if last == nil || len(last.Ends) == 0 {
		return Packet{}, errors.New("no frame was delivered, so there is no ICMP error")
	}
	f := last.Ends[0].Frame
	from, err := r.sender(last.Ends[0])
	if err != nil {
		return Packet{}, err
	}
	h := f.Header
	p := Packet{From: from, EthSrc: h["eth_dst"], EthDst: h["eth_src"], Src: h["ip_dst"], Dst: h["ip_src"]}
	if middle != "" {
		p.Src = middle
	}
	network := f.pkt.NetworkLayer()
	if network == nil {
		return Packet{}, errors.New("the delivered frame has no IP header")
	}
	inner := append(append([]byte(nil), network.LayerContents()...), network.LayerPayload()...)
	mac := append(append([]byte(nil), mustMAC(p.EthDst)...), mustMAC(p.EthSrc)...)
	if v := h["vlan"]; v != "" {
		tag, _ := strconv.Atoi(v)
		mac = binary.BigEndian.AppendUint16(append(mac, 0x81, 0x00), uint16(tag))
	}
	opt := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	buf := gopacket.NewSerializeBuffer()
	if strings.Contains(p.Src, ":") {
		p.Proto, p.Type, p.Code = "icmp6", 1, 4
		if middle != "" {
			p.Type, p.Code = 3, 0
		}
		ip := &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: layers.IPProtocolICMPv6, SrcIP: ipBytes(p.Src), DstIP: ipBytes(p.Dst)}
		i := &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(uint8(p.Type), uint8(p.Code))}
		i.SetNetworkLayerForChecksum(ip)
		err = gopacket.SerializeLayers(buf, opt, ip, i, gopacket.Payload(append(make([]byte, 4), inner...)))
		mac = append(mac, 0x86, 0xdd)
	} else {
		p.Proto, p.Type, p.Code = "icmp", 3, 3
		if middle != "" {
			p.Type, p.Code = 11, 0
		}
		ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolICMPv4, SrcIP: ipBytes(p.Src), DstIP: ipBytes(p.Dst)}
		err = gopacket.SerializeLayers(buf, opt, ip, &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(uint8(p.Type), uint8(p.Code))}, gopacket.Payload(inner))
		mac = append(mac, 0x08, 0x00)
	}
	p.Raw = append(mac, buf.Bytes()...)
	p.Error = true
	return p, err
}
