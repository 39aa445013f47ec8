package pcapfilter

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
)

// kindNames are the words of the kinds, for messages.
var kindNames = map[Kind]string{
	KindHost: "host", KindNet: "net", KindPort: "port", KindPortRange: "portrange", KindProto: "proto",
	KindVLAN: "vlan", KindBroadcast: "broadcast", KindMulticast: "multicast",
}

// suits refuses qualifiers that do not go together.
func (p *parser) suits(q Prim, at token) error {
	var ok []string
	switch q.Kind {
	case KindHost, KindNet:
		ok = []string{"", "ip", "ip6", "arp", "rarp"}
		if q.Kind == KindHost {
			ok = append(ok, protoEther)
		}
	case KindPort, KindPortRange:
		ok = []string{"", "tcp", "udp", "sctp"}
	case KindProto:
		ok = []string{"", "ip", "ip6", protoEther}
	case KindBroadcast, KindMulticast:
		ok = []string{"", protoEther}
	case KindIs, KindVLAN:
	}
	if !slices.Contains(ok, q.Proto) {
		return p.fail(at.off, "%s does not go with %s", q.Proto, kindNames[q.Kind])
	}
	if q.Dir != DirEither && (q.Kind == KindProto || q.Kind == KindBroadcast || q.Kind == KindMulticast) {
		return p.fail(at.off, "%s has no direction", kindNames[q.Kind])
	}
	return nil
}

// value reads what a primitive compares with.
func (p *parser) value(q *Prim) (err error) {
	t := p.next()
	if t.text == "" || t.text == "and" || t.text == "or" || t.text == "not" || t.text == "(" || t.text == ")" {
		return p.fail(t.off, "a value for %s is missing", kindNames[q.Kind])
	}
	switch q.Kind {
	case KindHost:
		if q.Proto == protoEther {
			if q.MAC, err = packet.ParseMAC(t.text); err != nil {
				return p.fail(t.off, "%q is no MAC address", t.text)
			}
			return nil
		}
		a, err := netip.ParseAddr(t.text)
		if err != nil || a.Zone() != "" {
			return p.fail(t.off, "%q is no IP address, and names are not looked up", t.text)
		}
		q.Net = netip.PrefixFrom(a, a.BitLen())
	case KindNet:
		if q.Net, err = p.network(t); err != nil {
			return err
		}
	case KindPort:
		q.Lo, err = p.number(t, "port number", 65535)
		return err
	case KindPortRange:
		return p.portRange(q, t)
	case KindProto:
		return p.protocol(q, t)
	case KindIs, KindVLAN, KindBroadcast, KindMulticast:
	}
	return p.family(q, t)
}

// family refuses an address of a family that the protocol does not have.
func (p *parser) family(q *Prim, t token) error {
	if q.Net.Addr().Is6() && q.Proto != "" && q.Proto != "ip6" || q.Net.Addr().Is4() && q.Proto == "ip6" {
		return p.fail(t.off, "%s has no address %s", q.Proto, t.text)
	}
	return nil
}

func (p *parser) number(t token, what string, most uint64) (uint16, error) {
	v, err := strconv.ParseUint(t.text, 0, 64)
	switch {
	case err != nil:
		return 0, p.fail(t.off, "%q is no %s", t.text, what)
	case v > most:
		return 0, p.fail(t.off, "%s %s is larger than %d", what, t.text, most)
	}
	return uint16(v), nil
}

func (p *parser) portRange(q *Prim, t token) (err error) {
	lo, hi, ok := strings.Cut(t.text, "-")
	if !ok {
		return p.fail(t.off, "%q is no range of ports, such as 8000-8080", t.text)
	}
	if q.Lo, err = p.number(token{lo, t.off}, "port number", 65535); err != nil {
		return err
	}
	if q.Hi, err = p.number(token{hi, t.off + len(lo) + 1}, "port number", 65535); err != nil {
		return err
	}
	if q.Lo > q.Hi { // libpcap reads it so
		q.Lo, q.Hi = q.Hi, q.Lo
	}
	return nil
}

// ipProtocols and etherTypes are the protocols that have names.
var (
	ipProtocols = map[string]uint16{"icmp": 1, "igmp": 2, "tcp": 6, "udp": 17, "icmp6": 58, "sctp": 132}
	etherTypes  = map[string]uint16{"ip": packet.EthIPv4, "ip6": packet.EthIPv6, "arp": packet.EthARP, "rarp": packet.EthRARP}
)

// minEtherType is the smallest Ethernet type: below it the field is a length (IEEE 802.3).
const minEtherType = 0x600

func (p *parser) protocol(q *Prim, t token) (err error) {
	// libpcap demands a backslash before a protocol's name that is a keyword; here it is optional.
	name := strings.TrimPrefix(t.text, `\`)
	names, what, most := ipProtocols, "protocol", uint64(255)
	if q.Proto == protoEther {
		names, what, most = etherTypes, "Ethernet type", 65535
	}
	if v, ok := names[name]; ok {
		q.Lo = v
		return nil
	}
	if q.Lo, err = p.number(t, what, most); err == nil && q.Proto == protoEther && q.Lo < minEtherType {
		err = p.fail(t.off, "Ethernet type %s is smaller than 0x%04x", t.text, minEtherType)
	}
	return err
}

// network reads ADDRESS/LEN, "ADDRESS mask MASK", and IPv4 networks written short ("10.1").
func (p *parser) network(t token) (netip.Prefix, error) {
	fail := func(format string, args ...any) (netip.Prefix, error) {
		return netip.Prefix{}, p.fail(t.off, format, args...)
	}
	text, length, hasLen := strings.Cut(t.text, "/")
	bits := -1
	if dots := strings.Count(text, "."); !strings.Contains(text, ":") && dots < 3 {
		bits = 8 * (dots + 1)
		text += strings.Repeat(".0", 3-dots)
	}
	a, err := netip.ParseAddr(text)
	if err != nil || a.Zone() != "" {
		return fail("%q is no network, and names are not looked up", t.text)
	}
	switch {
	case hasLen:
		n, err := strconv.ParseUint(length, 10, 8)
		if err != nil || int(n) > a.BitLen() {
			return fail("%q is no length of a network's prefix", length)
		}
		bits = int(n)
	case a.Is4() && p.peek().text == "mask":
		p.next()
		m := p.next()
		if bits = maskBits(m.text); bits < 0 {
			return netip.Prefix{}, p.fail(m.off, "%q is no mask of a network", m.text)
		}
	case bits < 0:
		bits = a.BitLen()
	}
	n := netip.PrefixFrom(a, bits)
	if n.Masked() != n {
		return fail("%q has bits outside the network %s", t.text, n.Masked())
	}
	return n, nil
}

// maskBits returns the length of a prefix written as a mask, or -1.
func maskBits(text string) int {
	m, err := netip.ParseAddr(text)
	if err != nil || !m.Is4() {
		return -1
	}
	for n := range 33 {
		if netip.PrefixFrom(netip.AddrFrom4([4]byte{255, 255, 255, 255}), n).Masked().Addr() == m {
			return n
		}
	}
	return -1
}
