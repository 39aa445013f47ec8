package odp

import "strings"

// tnlPush reads tnl_port(P),header(...),out_port(P).
func (p *parser) tnlPush(lo, hi int) Action {
	e1 := p.item(lo, hi)
	if e1 == hi {
		return nil
	}
	e2 := p.item(e1+1, hi)
	if e2 == hi || p.item(e2+1, hi) != hi {
		return nil
	}
	n1, a1, b1, ok1 := p.call(lo, e1)
	n2, a2, b2, ok2 := p.call(e1+1, e2)
	n3, a3, b3, ok3 := p.call(e2+1, hi)
	if !ok1 || !ok2 || !ok3 || n1 != "tnl_port" || n2 != "header" || n3 != "out_port" {
		return nil
	}
	return TnlPush{
		TnlPort: p.in[a1:b1], OutPort: p.in[a3:b3],
		Header: p.tunnelHeader(a2, b2), Text: p.in[e1+1 : e2],
	}
}

// tunnelHeader reads the parts of header(...) that tracing needs; Kind stays empty if the
// encapsulation is unknown or the header was cut short.
func (p *parser) tunnelHeader(lo, hi int) TunnelHeader {
	var h TunnelHeader
	for _, f := range p.fields(lo, hi) {
		if !strings.HasPrefix(f.Value, "(") {
			switch f.Name {
			case "size":
				h.Size, _ = num(f.Value, 64)
			case "type":
				h.Type, _ = num(f.Value, 64)
			}
			continue
		}
		sub, err := newParser(inner(f.Value))
		if err != nil {
			continue
		}
		h.layer(f.Name, sub)
	}
	return h
}

// layer reads one layer of the header.
func (h *TunnelHeader) layer(name string, p *parser) {
	k := Key{Fields: p.fields(0, len(p.in))}
	str := func(name string) string { f, _ := k.Get(name); return f.Value }
	number := func(name string, bits int) uint64 { v, _ := num(str(name), bits); return v }
	switch name {
	case "eth":
		h.EthDst, h.EthSrc = str("dst"), str("src")
	case "ipv4", "ipv6":
		h.Src, _ = addr(str("src"))
		h.Dst, _ = addr(str("dst"))
		h.Proto = uint8(number("proto", 8))
		h.TTL = uint8(number("ttl", 8) | number("hlimit", 8))
		h.TOS = uint8(number("tos", 8) | number("tclass", 8))
	case "udp":
		h.UDPSrc, h.UDPDst = uint16(number("src", 16)), uint16(number("dst", 16))
	case "vxlan":
		h.Kind, h.VNI = name, number("vni", 24)
	case "geneve":
		h.Kind, h.VNI = name, number("vni", 24)
		h.Options, _ = geneveOptions(inner(str("options")))
	case "gre":
		h.Kind, h.VNI = name, number("key", 32)
	case "erspan":
		h.Kind, h.VNI = name, number("sid", 16)
	case "gtpu":
		h.Kind, h.VNI = name, number("teid", 32)
	case "srv6":
		h.Kind = name
	}
}
