package odp

import (
	"net/netip"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow"
)

// ones is the mask that format_u128 does not print.
var ones = openflow.U128{Hi: ^uint64(0), Lo: ^uint64(0)}

// ct reads the body of ct(...). It returns nil for an unknown item, whose effect on the packet is
// unknown.
func (p *parser) ct(lo, hi int) Action {
	var c CT
	if lo == hi {
		return nil
	}
	for i := lo; ; {
		end := p.item(i, hi)
		if !p.ctItem(&c, i, end) {
			return nil
		}
		if end == hi {
			return c
		}
		i = end + 1
	}
}

func (p *parser) ctItem(c *CT, lo, hi int) bool {
	text := p.in[lo:hi]
	switch text {
	case "commit":
		c.Commit = true
		return true
	case "force_commit", "force":
		c.Force = true
		return true
	case "nat":
		c.NAT = &NAT{}
		return true
	}
	if name, blo, bhi, ok := p.call(lo, hi); ok && name == "nat" {
		c.NAT = p.nat(blo, bhi)
		return c.NAT != nil
	}
	name, value, ok := strings.Cut(text, "=")
	if !ok || value == "" {
		return false
	}
	val, mask, masked := strings.Cut(value, "/")
	switch name {
	case "zone":
		v, ok := num(value, 16)
		c.Zone = uint16(v)
		return ok
	case "mark":
		v, ok := num(val, 32)
		c.HasMark, c.Mark, c.MarkMask = true, uint32(v), ^uint32(0)
		if masked && ok {
			v, ok = num(mask, 32)
			c.MarkMask = uint32(v)
		}
		return ok
	case "label":
		c.HasLabel, c.LabelMask = true, ones
		c.Label, ok = openflow.ParseU128(val)
		if masked && ok {
			c.LabelMask, ok = openflow.ParseU128(mask)
		}
		return ok
	case "helper":
		c.Helper = value
		return true
	case "timeout":
		c.Timeout = value
		return true
	}
	return false
}

// nat reads the body of nat(...); it returns nil for an unknown option.
func (p *parser) nat(lo, hi int) *NAT {
	n := &NAT{}
	body := p.in[lo:hi]
	if strings.HasPrefix(body, "error") || body == "range error" {
		n.Err = body
		return n
	}
	for i := lo; i <= hi; {
		end := p.item(i, hi)
		text := p.in[i:end]
		name, value, has := strings.Cut(text, "=")
		switch name {
		case "src", "dst":
			if n.Src || n.Dst || has && !n.setRange(value) {
				return nil
			}
			n.Src, n.Dst = name == "src", name == "dst"
		case "persistent":
			n.Persistent = true
		case "hash":
			n.Hash = true
		case "random":
			n.Random = true
		default:
			return nil
		}
		if has && name != "src" && name != "dst" {
			return nil
		}
		i = end + 1
	}
	if !n.Src && !n.Dst {
		return nil // ovs_nat_policy: options only with src or dst
	}
	return n
}

// setRange reads IP[-IP][:PORT[-PORT]]; IPv6 addresses are in brackets if a port follows.
func (n *NAT) setRange(s string) bool {
	addrs, ports := s, ""
	if strings.IndexByte(s, '[') >= 0 {
		if i := strings.LastIndexByte(s, ']'); i+1 < len(s) {
			if i < 0 || s[i+1] != ':' {
				return false
			}
			addrs, ports = s[:i+1], s[i+2:]
			if ports == "" {
				return false
			}
		}
	} else if strings.Count(s, ":") == 1 {
		var ok bool
		if addrs, ports, ok = strings.Cut(s, ":"); !ok || ports == "" {
			return false
		}
	}
	lo, hi, ranged := strings.Cut(addrs, "-")
	var ok bool
	if n.MinAddr, ok = addr(lo); !ok {
		return false
	}
	n.MaxAddr = n.MinAddr
	if ranged {
		if n.MaxAddr, ok = addr(hi); !ok || n.MaxAddr.Is4() != n.MinAddr.Is4() {
			return false
		}
	}
	if ports == "" {
		return true
	}
	plo, phi, ranged := strings.Cut(ports, "-")
	v, ok := num(plo, 16)
	n.MinPort, n.MaxPort = uint16(v), uint16(v)
	if ranged && ok {
		v, ok = num(phi, 16)
		n.MaxPort = uint16(v)
	}
	return ok && n.MinPort != 0
}

func (c CT) append(b []byte) []byte {
	b = append(b, "ct"...)
	start := len(b)
	b = append(b, '(')
	if c.Commit {
		b = append(b, "commit,"...)
	}
	if c.Force {
		b = append(b, "force_commit,"...)
	}
	if c.Zone != 0 {
		b = appendUint(append(b, "zone="...), uint64(c.Zone))
		b = append(b, ',')
	}
	if c.HasMark {
		b = appendHex(append(b, "mark="...), uint64(c.Mark))
		b = appendHex(append(b, '/'), uint64(c.MarkMask))
		b = append(b, ',')
	}
	if c.HasLabel {
		b = append(append(b, "label="...), c.Label.String()...)
		if c.LabelMask != ones {
			b = append(append(b, '/'), c.LabelMask.String()...)
		}
		b = append(b, ',')
	}
	if c.Helper != "" {
		b = append(append(append(b, "helper="...), c.Helper...), ',')
	}
	if c.Timeout != "" {
		b = append(append(append(b, "timeout="...), c.Timeout...), ',')
	}
	if c.NAT != nil {
		b = append(c.NAT.append(b), ',')
	}
	if len(b) == start+1 {
		return b[:start] // bare: zone 0 and no other option
	}
	b[len(b)-1] = ')'
	return b
}

// append prints the nat part as format_odp_ct_nat does.
func (n *NAT) append(b []byte) []byte {
	b = append(b, "nat"...)
	switch {
	case n.Err != "":
		return append(append(append(b, '('), n.Err...), ')')
	case n.Src:
		b = append(b, "(src"...)
	case n.Dst:
		b = append(b, "(dst"...)
	default:
		return b
	}
	if n.MinAddr.IsValid() {
		brackets := n.MinAddr.Is6() && n.MinPort != 0
		b = appendBracketed(append(b, '='), n.MinAddr, brackets)
		if n.MaxAddr.IsValid() && n.MaxAddr != n.MinAddr {
			b = appendBracketed(append(b, '-'), n.MaxAddr, brackets)
		}
		if n.MinPort != 0 {
			b = appendUint(append(b, ':'), uint64(n.MinPort))
			if n.MaxPort != 0 && n.MaxPort != n.MinPort {
				b = appendUint(append(b, '-'), uint64(n.MaxPort))
			}
		}
	}
	if n.Persistent {
		b = append(b, ",persistent"...)
	}
	if n.Hash {
		b = append(b, ",hash"...)
	}
	if n.Random {
		b = append(b, ",random"...)
	}
	return append(b, ')')
}

// appendBracketed prints an address as ipv6_format_addr_bracket does.
func appendBracketed(b []byte, a netip.Addr, brackets bool) []byte {
	if brackets {
		b = append(b, '[')
	}
	b = packet.AppendAddr(b, a)
	if brackets {
		b = append(b, ']')
	}
	return b
}
