package odp

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/syntax"
)

// maxDepth bounds the nesting that is parsed; deeper actions stay Opaque. The datapath's own limit
// is far lower (lib/odp-execute.c, net/openvswitch/flow_netlink.c).
const maxDepth = 512

// parser contains a text with balanced parentheses.
type parser struct {
	in    string
	close []int32 // for each '(' the offset of its ')'
}

// fault returns the error of a text that Open vSwitch does not print.
func fault(in string, off int, msg string) error {
	return &syntax.Error{What: "odp", In: in, Off: off, Msg: msg}
}

// newParser checks that the parentheses of in are balanced, and records where each one closes.
func newParser(in string) (*parser, error) {
	p := &parser{in: in}
	if strings.IndexByte(in, '(') < 0 && strings.IndexByte(in, ')') < 0 {
		return p, nil
	}
	p.close = make([]int32, len(in))
	// The stack of open parentheses is threaded through close itself.
	top := int32(-1)
	for i := 0; i < len(in); i++ {
		switch in[i] {
		case '"':
			// A name in quotes may contain any character; quotes are only at the start of an item
			// or a value.
			if i == 0 || strings.IndexByte(",(=", in[i-1]) >= 0 {
				if n := syntax.Quoted(in[i:]); n > 0 {
					i += n - 1
				}
			}
		case '(':
			p.close[i] = top
			top = int32(i)
		case ')':
			if top < 0 {
				return nil, fault(in, i, "unbalanced ')'")
			}
			next := p.close[top]
			p.close[top] = int32(i)
			top = next
		}
	}
	if top >= 0 {
		return nil, fault(in, int(top), "'(' is never closed")
	}
	return p, nil
}

// item returns the end of the item that starts at lo: a comma outside parentheses, or hi.
func (p *parser) item(lo, hi int) int {
	for i := lo; i < hi; i++ {
		switch p.in[i] {
		case ',':
			return i
		case '(':
			i = int(p.close[i])
		case '"':
			if i == lo || p.in[i-1] == '=' {
				if n := syntax.Quoted(p.in[i:hi]); n > 0 {
					i += n - 1
				}
			}
		}
	}
	return hi
}

// call splits NAME(BODY); ok is false for any other form.
func (p *parser) call(lo, hi int) (name string, blo, bhi int, ok bool) {
	if hi <= lo || p.in[hi-1] != ')' || p.in[lo] == '"' {
		return "", 0, 0, false
	}
	open := strings.IndexByte(p.in[lo:hi], '(')
	if open < 0 || int(p.close[lo+open]) != hi-1 {
		return "", 0, 0, false
	}
	return p.in[lo : lo+open], lo + open + 1, hi - 1, true
}

// num reads a decimal or 0x number of at most bits.
func num(s string, bits int) (uint64, bool) {
	base := 10
	if strings.HasPrefix(s, "0x") || strings.HasPrefix(s, "0X") {
		s, base = s[2:], 16
	}
	v, err := strconv.ParseUint(s, base, bits)
	return v, err == nil
}

// addr reads an address, with or without brackets. The datapath's syntax has no zones.
func addr(s string) (netip.Addr, bool) {
	if n := len(s); n > 1 && s[0] == '[' && s[n-1] == ']' {
		s = s[1 : n-1]
	}
	a, err := netip.ParseAddr(s)
	return a, err == nil && a.Zone() == ""
}
