package odp

import (
	"strings"
)

// Parse reads datapath actions as format_odp_actions prints them. An unknown action, at any depth,
// becomes an Opaque with its text; only unbalanced parentheses or an empty item are a
// *syntax.Error.
func Parse(in string) (Actions, error) {
	p, err := newParser(in)
	if err != nil {
		return nil, err
	}
	return p.actions(0, len(in), 0)
}

// actions reads a list; "drop" alone is the empty list.
func (p *parser) actions(lo, hi, depth int) (Actions, error) {
	if lo == hi {
		return nil, fault(p.in, lo, "no action")
	}
	if p.in[lo:hi] == "drop" {
		return Actions{}, nil
	}
	as := make(Actions, 0, 1+strings.Count(p.in[lo:hi], ","))
	if cap(as) > 8 {
		as = make(Actions, 0, 8) // most commas are inside parentheses
	}
	for i := lo; ; {
		end := p.item(i, hi)
		if strings.HasPrefix(p.in[i:end], "bad length ") && end < hi {
			// "bad length N, expected M for: ..." is one item with a comma of its own.
			end = p.item(end+1, hi)
		}
		if i == end {
			return nil, fault(p.in, i, "empty action")
		}
		a, err := p.one(i, end, depth)
		if err != nil {
			return nil, err
		}
		as = append(as, a)
		if end == hi {
			return as, nil
		}
		i = end + 1
	}
}

// nested reads the actions of a compound action; for an empty text, which some malformed messages
// print, it returns nil.
func (p *parser) nested(lo, hi, depth int) (Actions, error) {
	if lo == hi {
		return nil, nil
	}
	return p.actions(lo, hi, depth+1)
}

// one reads a single action.
func (p *parser) one(lo, hi, depth int) (Action, error) {
	text := p.in[lo:hi]
	name, blo, bhi, ok := p.call(lo, hi)
	if !ok {
		return bare(text), nil
	}
	if depth < maxDepth {
		switch name {
		case "clone", "sample", "check_pkt_len", "dec_ttl":
			a, err := p.compound(name, blo, bhi, depth)
			if err != nil {
				return nil, err
			}
			if a != nil {
				return a, nil
			}
			return Opaque{text}, nil
		}
	}
	if a := p.simple(name, blo, bhi); a != nil {
		return a, nil
	}
	return Opaque{text}, nil
}

// bare reads an action without parentheses. An unknown word is taken as a port's name: with --names
// the two cannot be distinguished.
func bare(text string) Action {
	switch text {
	case "drop":
		return Drop{}
	case "pop_eth":
		return PopEth{}
	case "pop_vlan":
		return PopVLAN{}
	case "pop_nsh":
		return PopNSH{}
	case "ct":
		return CT{Bare: true}
	case "ct_clear":
		return CTClear{}
	}
	if rest, ok := strings.CutPrefix(text, "action"); ok {
		if _, ok := num(rest, 16); ok {
			return Opaque{text}
		}
	}
	if text[0] != '"' && strings.ContainsAny(text, "()<> *") {
		return Opaque{text}
	}
	return Output{text}
}

// compound reads an action with nested actions; it returns nil for an unknown form.
func (p *parser) compound(name string, lo, hi, depth int) (Action, error) {
	if name == "clone" {
		as, err := p.nested(lo, hi, depth)
		return Clone{as}, err
	}
	first := p.item(lo, hi)
	if name == "dec_ttl" {
		n, blo, bhi, ok := p.call(lo, first)
		if !ok || n != "le_1" || first != hi {
			return nil, nil
		}
		as, err := p.nested(blo, bhi, depth)
		return DecTTL{as}, err
	}
	if first == hi {
		return nil, nil
	}
	second := p.item(first+1, hi)
	n, blo, bhi, ok := p.call(first+1, second)
	if !ok {
		return nil, nil
	}
	if name == "sample" {
		pct, ok := strings.CutPrefix(p.in[lo:first], "sample=")
		pct, ok2 := strings.CutSuffix(pct, "%")
		if !ok || !ok2 || n != "actions" || second != hi {
			return nil, nil
		}
		as, err := p.nested(blo, bhi, depth)
		return Sample{pct, as}, err
	}
	return p.checkPktLen(lo, first, second, hi, n, blo, bhi, depth)
}

// checkPktLen reads the rest of check_pkt_len(size=N,gt(...),le(...)).
func (p *parser) checkPktLen(lo, first, second, hi int, n string, blo, bhi, depth int) (Action, error) {
	text, ok := strings.CutPrefix(p.in[lo:first], "size=")
	size, ok2 := num(text, 32)
	if !ok || !ok2 || n != "gt" || second == hi || p.item(second+1, hi) != hi {
		return nil, nil
	}
	n2, llo, lhi, ok := p.call(second+1, hi)
	if !ok || n2 != "le" {
		return nil, nil
	}
	gt, err := p.nested(blo, bhi, depth)
	if err != nil {
		return nil, err
	}
	le, err := p.nested(llo, lhi, depth)
	return CheckPktLen{uint32(size), gt, le}, err
}

// simple reads an action without nested actions; it returns nil for an unknown form.
func (p *parser) simple(name string, lo, hi int) Action {
	body := p.in[lo:hi]
	switch name {
	case "ct":
		return p.ct(lo, hi)
	case "set":
		if k, ok := p.key(lo, hi); ok {
			return Set{k}
		}
	case "recirc":
		if v, ok := num(body, 32); ok {
			return Recirc{uint32(v)}
		}
	case "hash":
		return p.hash(lo, hi)
	case "userspace":
		return p.userspace(lo, hi)
	case "tnl_push":
		return p.tnlPush(lo, hi)
	case "tnl_pop":
		if body != "" {
			return TnlPop{body}
		}
	case "trunc":
		if v, ok := num(body, 32); ok {
			return Trunc{uint32(v)}
		}
	case "meter":
		if v, ok := num(body, 32); ok {
			return Meter{uint32(v)}
		}
	case "lb_output":
		if v, ok := num(body, 32); ok {
			return LbOutput{uint32(v)}
		}
	case "pop_nsh":
		if body == "" {
			return PopNSH{}
		}
	case "push_nsh":
		return PushNSH{body}
	default:
		return p.fieldAction(name, lo, hi)
	}
	return nil
}

// hash reads l4(BASIS), sym_l4(BASIS), Unknown hash algorithm(N).
func (p *parser) hash(lo, hi int) Action {
	alg, blo, bhi, ok := p.call(lo, hi)
	if !ok {
		return nil
	}
	basis, ok := num(p.in[blo:bhi], 32)
	if !ok {
		return nil
	}
	return Hash{alg, uint32(basis)}
}

// fieldAction reads an action that consists of NAME=VALUE fields.
func (p *parser) fieldAction(name string, lo, hi int) Action {
	switch name {
	case "push_eth", "push_vlan", "push_mpls", "add_mpls", "pop_mpls", "psample":
	default:
		return nil
	}
	fs := p.fields(lo, hi)
	r := reader{fs: fs}
	var a Action
	switch name {
	case "push_eth":
		a = PushEth{Src: r.str("src"), Dst: r.str("dst")}
	case "push_vlan":
		v := PushVLAN{TPID: 0x8100, CFI: true}
		v.HasTPID, v.HasVID, v.HasPCP = r.has("tpid"), r.has("vid"), r.has("pcp")
		if v.HasTPID {
			v.TPID = uint16(r.num("tpid", 16))
		}
		if v.HasVID {
			v.VID = uint16(r.num("vid", 12))
		}
		if v.HasPCP {
			v.PCP = uint8(r.num("pcp", 3))
		}
		if r.has("cfi") {
			v.CFI = r.num("cfi", 1) == 1
		}
		a = v
	case "push_mpls", "add_mpls":
		a = PushMPLS{
			Label: uint32(r.num("label", 20)), TC: uint8(r.num("tc", 3)), TTL: uint8(r.num("ttl", 8)),
			BOS: r.num("bos", 1) == 1, EthType: uint16(r.num("eth_type", 16)), Add: name == "add_mpls",
		}
	case "pop_mpls":
		a = PopMPLS{uint16(r.num("eth_type", 16))}
	case "psample":
		v := PSample{Group: uint32(r.num("group", 32))}
		if r.has("cookie") {
			text := r.str("cookie")
			hex, ok := strings.CutPrefix(text, "0x")
			r.bad = r.bad || !ok && text != "0" || hex == ""
			v.Cookie = hex
		}
		a = v
	}
	if !r.done() {
		return nil
	}
	return a
}

// reader removes fields by name and records those that are missing or left over.
type reader struct {
	fs   []KeyField
	used int
	bad  bool
}

func (r *reader) has(name string) bool {
	for _, f := range r.fs {
		if f.Name == name {
			return true
		}
	}
	return false
}

// str returns the value of a required field, which must be given once and without a mask.
func (r *reader) str(name string) string {
	for _, f := range r.fs {
		if f.Name == name {
			r.used++
			r.bad = r.bad || f.Mask != "" || f.Value == ""
			return f.Value
		}
	}
	r.bad = true
	return ""
}

func (r *reader) num(name string, bits int) uint64 {
	v, ok := num(r.str(name), bits)
	r.bad = r.bad || !ok
	return v
}

func (r *reader) done() bool { return !r.bad && r.used == len(r.fs) }
