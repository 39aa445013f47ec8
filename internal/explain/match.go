package explain

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
	"strconv"
	"strings"
)

// truth is the outcome of a condition over a packet that is known in part.
type truth int8

const (
	unknown truth = iota
	no
	yes
)

func not(t truth) truth {
	switch t {
	case yes:
		return no
	case no:
		return yes
	}
	return unknown
}

func known(b bool) truth {
	if b {
		return yes
	}
	return no
}

// term is one conjunct of a match with its outcome.
type term struct {
	text string
	is   truth
	far  bool // not met, and the packet is of another protocol
}

// conjuncts evaluates a logical match and takes it apart at its outermost
// "&&", through parentheses. ok is false for a match that is not understood.
func (f facts) conjuncts(match string) (terms []term, ok bool) {
	p := &matcher{in: match, f: f}
	p.or(&terms)
	p.blank()
	if p.bad || p.at != len(p.in) {
		return nil, false
	}
	return terms, true
}

// holds evaluates a whole match; one that is not understood is unknown.
func (f facts) holds(match string) truth {
	terms, ok := f.conjuncts(match)
	if !ok {
		return unknown
	}
	result := yes
	for _, t := range terms {
		if t.is == no {
			return no
		}
		if t.is == unknown {
			result = unknown
		}
	}
	return result
}

// matcher reads the expression language of OVN's lib/expr.c just far enough
// to say which conditions a packet meets.
type matcher struct {
	in  string
	at  int
	f   facts
	bad bool
	neg bool // what is read stands under a negation (expr_parse_not): operators are turned around

	depth int
	left  string // what the latest comparison was about
}

// maxDepth bounds nesting; northd writes a handful of levels.
const maxDepth = 100

func (p *matcher) blank() {
	for p.at < len(p.in) && strings.IndexByte(" \t\n", p.in[p.at]) >= 0 {
		p.at++
	}
}

func (p *matcher) take(tok string) bool {
	p.blank()
	if strings.HasPrefix(p.in[p.at:], tok) {
		p.at += len(tok)
		return true
	}
	return false
}

// or reads a disjunction; out gets its conjuncts when there is one alternative.
func (p *matcher) or(out *[]term) truth {
	p.blank()
	start := p.at
	var terms []term
	t := p.and(&terms)
	alternatives := 1
	for !p.bad && p.take("||") {
		alternatives++
		var rest []term
		t = p.join(t, p.and(&rest), yes)
	}
	if alternatives > 1 {
		terms = []term{{text: strings.TrimSpace(p.in[start:p.at]), is: t}}
	}
	*out = append(*out, terms...)
	return t
}

func (p *matcher) and(out *[]term) truth {
	t := p.not(out)
	for !p.bad && p.take("&&") {
		t = p.join(t, p.not(out), no)
	}
	return t
}

// join combines two outcomes: the one that settles a disjunction is yes, a conjunction no; under a negation they change places.
func (p *matcher) join(a, b, settles truth) truth {
	if p.neg {
		settles = not(settles)
	}
	switch {
	case a == settles || b == settles:
		return settles
	case a == unknown || b == unknown:
		return unknown
	}
	return not(settles)
}

func (p *matcher) not(out *[]term) truth {
	if p.depth++; p.depth > maxDepth {
		p.bad = true
		return unknown
	}
	defer func() { p.depth-- }()
	p.blank()
	start := p.at
	if p.at+1 < len(p.in) && p.in[p.at] == '!' && p.in[p.at+1] != '=' {
		p.at++
		var inner []term
		p.neg = !p.neg
		t := p.not(&inner)
		p.neg = !p.neg
		*out = append(*out, term{text: p.in[start:p.at], is: t})
		return t
	}
	if p.take("(") {
		t := p.or(out)
		if !p.take(")") {
			p.bad = true
		}
		return t
	}
	t := p.comparison()
	*out = append(*out, term{text: strings.TrimSpace(p.in[start:p.at]), is: t, far: t == no && p.f.foreign(p.left)})
	return t
}

// foreign reports a protocol that the packet is not, or a field that it lacks.
func (f facts) foreign(name string) bool {
	if is, ok := f.predicate(name); ok && !strings.Contains(name, ".") {
		return !is
	}
	_, has, told := f.value(name)
	return told && !has
}

// word reads a name, a constant, a string, or a set in braces.
func (p *matcher) word() string {
	p.blank()
	start := p.at
	if p.at >= len(p.in) {
		p.bad = true
		return ""
	}
	switch p.in[p.at] {
	case '"':
		for p.at++; p.at < len(p.in) && p.in[p.at] != '"'; p.at++ {
			if p.in[p.at] == '\\' {
				p.at++
			}
		}
		p.at = min(p.at+1, len(p.in))
		return p.in[start:p.at]
	case '{':
		end := strings.IndexByte(p.in[p.at:], '}')
		if end < 0 {
			p.bad = true
			return ""
		}
		p.at += end + 1
		return p.in[start:p.at]
	}
	for p.at < len(p.in) && strings.IndexByte(" \t\n()&|!=<>{},\"", p.in[p.at]) < 0 {
		p.at++
	}
	if p.at == start {
		p.bad = true
	}
	return p.in[start:p.at]
}

func (p *matcher) relop() string {
	p.blank()
	for _, op := range []string{"==", "!=", "<=", ">=", "<", ">"} {
		if p.take(op) {
			return op
		}
	}
	return ""
}

func (p *matcher) comparison() truth {
	left := p.word()
	p.left = left
	if p.bad {
		return unknown
	}
	if p.take("(") {
		port := strings.Trim(p.word(), `"`)
		if !p.take(")") {
			p.bad = true
		}
		if left != residentFunc {
			return unknown
		}
		here := p.f.residents[port].here // unknown, unless it was read
		if p.neg {
			here = not(here)
		}
		return here
	}
	op := p.relop()
	if op == "" {
		return p.f.bit(left, !p.neg)
	}
	right := p.word()
	if p.bad {
		return unknown
	}
	if again := p.relop(); again != "" { // 1 < field < 3
		p.word()
		return unknown
	}
	if p.neg {
		op = opposite[op]
	}
	return p.f.compare(left, op, right)
}

var opposite = map[string]string{"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}

// bit evaluates a predicate or a one-bit field that is wanted set or clear. A field's prerequisites hold either way: without
// ct.trk neither ct.new nor !ct.new is true.
func (f facts) bit(name string, want bool) truth {
	if strings.HasPrefix(name, "ct.") && name != "ct.trk" {
		if tracked, _ := f.predicate("ct.trk"); !tracked {
			return no
		}
	}
	if v, ok := f.predicate(name); ok {
		return known(v == want)
	}
	v, ok, is := f.value(name)
	switch {
	case !is:
		return unknown
	case !ok:
		return no
	}
	return known((v != "0") == want)
}

// compare evaluates FIELD OP VALUES.
func (f facts) compare(field, op, values string) truth {
	have, ok, is := f.value(field)
	if !is {
		want := values == "1"
		if (want || values == "0") && (op == "==" || op == "!=") {
			return f.bit(field, want == (op == "=="))
		}
		return unknown
	}
	if !ok {
		return no // a comparison implies that the packet has the field
	}
	if !strings.HasPrefix(values, "{") {
		return f.compareOne(have, op, values)
	}
	// == of a set holds for any of its members, != for all of them.
	result := no
	if op == "!=" {
		result = yes
	}
	for _, v := range strings.FieldsFunc(strings.Trim(values, "{}"), func(r rune) bool { return r == ',' || r == ' ' }) {
		t := f.compareOne(have, op, v)
		switch {
		case op == "!=" && t == no:
			return no
		case op != "!=" && t == yes:
			return yes
		case t == unknown:
			result = unknown
		}
	}
	return result
}

// compareOne compares with one constant, or with the members of a named set.
func (f facts) compareOne(have, op, want string) truth {
	if strings.HasPrefix(want, "$") || strings.HasPrefix(want, "@") {
		members := f.sets[want]
		if len(members) == 0 {
			return unknown // it was not read, or OVN does not say what an empty one means here
		}
		result := known(op == "!=")
		for _, m := range members {
			switch t := f.compareOne(have, op, m); {
			case t == unknown:
				return unknown
			case t != result:
				return t
			}
		}
		return result
	}
	if strings.HasPrefix(want, `"`) {
		return equality(have == strings.Trim(want, `"`), op)
	}
	if a, err := netip.ParseAddr(have); err == nil {
		if p, err := netip.ParsePrefix(want); err == nil {
			return equality(p.Contains(a), op)
		}
		if b, err := netip.ParseAddr(want); err == nil {
			return equality(a == b, op)
		}
		if addr, mask, ok := strings.Cut(want, "/"); ok {
			return maskedEquality(a, addr, mask, op)
		}
		return unknown
	}
	if strings.Count(have, ":") == 5 && strings.Count(want, ":") == 5 && !strings.Contains(want, "/") {
		return equality(strings.EqualFold(have, want), op)
	}
	x, errX := strconv.ParseUint(have, 0, 64)
	if b, err := netip.ParseAddr(want); err == nil && b.Is4() && errX == nil { // reg0 == 10.0.0.1
		four := b.As4()
		return equality(x == uint64(binary.BigEndian.Uint32(four[:])), op)
	}
	y, errY := strconv.ParseUint(want, 0, 64)
	if errX != nil || errY != nil {
		return unknown
	}
	switch op {
	case "<":
		return known(x < y)
	case "<=":
		return known(x <= y)
	case ">":
		return known(x > y)
	case ">=":
		return known(x >= y)
	}
	return equality(x == y, op)
}

func equality(same bool, op string) truth {
	switch op {
	case "==":
		return known(same)
	case "!=":
		return known(!same)
	}
	return unknown
}

// maskedEquality reads an IPv4 mask written as an address, 10.0.0.0/255.255.0.0.
func maskedEquality(a netip.Addr, addr, mask, op string) truth {
	m, err := netip.ParseAddr(mask)
	if err != nil || !m.Is4() {
		return unknown
	}
	b := m.As4()
	ones := bits.LeadingZeros32(^binary.BigEndian.Uint32(b[:]))
	p, err := netip.ParsePrefix(addr + "/" + strconv.Itoa(ones))
	if err != nil || bits.OnesCount32(binary.BigEndian.Uint32(b[:])) != ones {
		return unknown
	}
	return equality(p.Contains(a), op)
}
