package pcapfilter

import (
	"fmt"
	"strings"
)

// text returns a filter as Parse reads it, with parentheses around every operation.
func text(e Expr) string {
	switch e := e.(type) {
	case *And:
		return "(" + text(e.L) + " and " + text(e.R) + ")"
	case *Or:
		return "(" + text(e.L) + " or " + text(e.R) + ")"
	case *Not:
		return "not " + text(e.X)
	case *Prim:
		return e.text()
	}
	return ""
}

var dirNames = map[Dir]string{DirSrc: "src", DirDst: "dst", DirBoth: "src and dst"}

func (p *Prim) text() string {
	words := []string{p.Proto, dirNames[p.Dir], kindNames[p.Kind], p.operand()}
	var out []string
	for _, w := range words {
		if w != "" {
			out = append(out, w)
		}
	}
	return strings.Join(out, " ")
}

// operand returns what the primitive compares with.
func (p *Prim) operand() string {
	switch p.Kind {
	case KindHost:
		if p.Proto == protoEther {
			return p.MAC.String()
		}
		return p.Net.Addr().String()
	case KindNet:
		return p.Net.String()
	case KindPort:
		return fmt.Sprint(p.Lo)
	case KindPortRange:
		return fmt.Sprintf("%d-%d", p.Lo, p.Hi)
	case KindProto:
		if p.Proto == protoEther {
			return fmt.Sprintf("0x%04x", p.Lo)
		}
		return fmt.Sprint(p.Lo)
	case KindVLAN:
		if p.HasID {
			return fmt.Sprint(p.Lo)
		}
	case KindIs, KindBroadcast, KindMulticast:
	}
	return ""
}
