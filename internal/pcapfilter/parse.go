package pcapfilter

import (
	"fmt"
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/syntax"
)

// maxLen is the maximum length of a filter in bytes.
const maxLen = 4096

const protoEther = "ether"

// protocols are the words that a primitive may begin with, or be.
var protocols = []string{protoEther, "ip", "ip6", "arp", "rarp", "tcp", "udp", "sctp", "icmp", "icmp6"}

var kinds = map[string]Kind{
	"host": KindHost, "net": KindNet, "port": KindPort, "portrange": KindPortRange, "proto": KindProto,
	"broadcast": KindBroadcast, "multicast": KindMulticast,
}

// parser reads tokens from the left.
type parser struct {
	in   string
	toks []token
	last *Prim // whose qualifiers a bare value has; nil if there are none
	deep int   // open parentheses and negations
}

// maxDeep bounds the nesting of a filter.
const maxDeep = 100

// Parse reads a filter. An empty one is nil, which matches every frame. The error is a
// *syntax.Error with the place.
func Parse(in string) (Expr, error) {
	p := &parser{in: in, toks: lex(in)}
	if len(in) > maxLen {
		return nil, p.fail(maxLen, "a filter has at most %d bytes", maxLen)
	}
	if p.end() {
		return nil, nil
	}
	e, err := p.expr()
	if err == nil && !p.end() {
		err = p.fail(p.peek().off, "%q is not expected here", p.peek().text)
	}
	if err != nil {
		return nil, err
	}
	return e, nil
}

func (p *parser) peek() token { return p.toks[0] }

// ahead returns the text of the n-th token from here.
func (p *parser) ahead(n int) string { return p.toks[min(n, len(p.toks)-1)].text }

func (p *parser) end() bool { return len(p.toks) == 1 }

func (p *parser) next() token {
	t := p.toks[0]
	if !p.end() {
		p.toks = p.toks[1:]
	}
	return t
}

// take reports whether the next token is a word, and passes it.
func (p *parser) take(word string) bool {
	if p.peek().text != word {
		return false
	}
	p.next()
	return true
}

func (p *parser) fail(off int, format string, args ...any) error {
	return &syntax.Error{What: "filter", In: p.in, Off: off, Whole: true, Msg: fmt.Sprintf(format, args...)}
}

// expr reads terms joined by "and" and "or", which have one precedence.
func (p *parser) expr() (Expr, error) {
	left, err := p.term()
	for err == nil {
		op := p.peek().text
		if op != "and" && op != "or" {
			return left, nil
		}
		p.next()
		var right Expr
		if right, err = p.term(); err != nil {
			break
		}
		if op == "and" {
			left = &And{left, right}
		} else {
			left = &Or{left, right}
		}
	}
	return nil, err
}

// term reads a primitive, a negation or an expression in parentheses.
func (p *parser) term() (Expr, error) {
	p.deep++
	defer func() { p.deep-- }()
	t := p.peek()
	switch {
	case p.deep > maxDeep:
		return nil, p.fail(t.off, "more than %d parentheses and negations within each other", maxDeep)
	case p.take("not"):
		x, err := p.term()
		if err != nil {
			return nil, err
		}
		return &Not{x}, nil
	case p.take("("):
		e, err := p.expr()
		if err == nil && !p.take(")") {
			err = p.fail(p.peek().off, "a ) is missing for the ( at offset %d", t.off)
		}
		return e, err
	}
	return p.prim()
}

// prim reads a primitive, or a further value of the one before it.
func (p *parser) prim() (Expr, error) {
	t := p.peek()
	q := Prim{}
	switch {
	case t.text == "" || t.text == "and" || t.text == "or" || t.text == ")":
		return nil, p.fail(t.off, "a condition is missing")
	case p.take("vlan"):
		return p.vlan()
	case slices.Contains(protocols, t.text):
		q.Proto = p.next().text
	}
	var hasDir bool
	if q.Dir, hasDir = p.dir(); hasDir {
		q.Kind = KindHost // "src 10.0.0.1"
	}
	at := p.peek()
	kind, hasKind := kinds[at.text]
	if hasKind {
		p.next()
		q.Kind = kind
	}
	switch {
	case hasKind || hasDir:
		return p.qualified(q, at)
	case q.Proto == protoEther:
		return nil, p.fail(p.peek().off, "ether is followed by host, src, dst, proto, broadcast or multicast")
	case q.Proto != "":
		p.last = nil
		return &q, nil
	}
	return p.bare()
}

// vlan reads the id behind "vlan", where there is one.
func (p *parser) vlan() (Expr, error) {
	p.last = nil
	q := &Prim{Kind: KindVLAN}
	t := p.peek()
	if t.text == "" || t.text[0] < '0' || t.text[0] > '9' {
		return q, nil
	}
	id, err := p.number(p.next(), "VLAN id", 4095)
	q.Lo, q.HasID = id, true
	return q, err
}

// dir reads src, dst, "src or dst" or "src and dst".
func (p *parser) dir() (Dir, bool) {
	first := p.peek().text
	dirs := map[string]Dir{"src": DirSrc, "dst": DirDst}
	d, ok := dirs[first]
	if !ok {
		return DirEither, false
	}
	p.next()
	other, both := dirs[p.ahead(1)]
	if op := p.peek().text; both && other != d && (op == "or" || op == "and") {
		p.next()
		p.next()
		if op == "or" {
			return DirEither, true
		}
		return DirBoth, true
	}
	return d, true
}

// qualified reads the value or values behind qualifiers; at is the place of the last one.
func (p *parser) qualified(q Prim, at token) (Expr, error) {
	if err := p.suits(q, at); err != nil {
		return nil, err
	}
	p.last = nil
	if q.Kind == KindBroadcast || q.Kind == KindMulticast {
		return &q, nil
	}
	if p.peek().text != "(" {
		return p.one(q)
	}
	return p.list(q)
}

// list reads values joined by "and" and "or" in parentheses.
func (p *parser) list(q Prim) (Expr, error) {
	open := p.next()
	left, err := p.one(q)
	for err == nil && !p.take(")") {
		op := p.next()
		if op.text != "and" && op.text != "or" {
			return nil, p.fail(op.off, "a ) is missing for the ( at offset %d, which holds values only", open.off)
		}
		var right Expr
		if right, err = p.one(q); err != nil {
			break
		}
		if op.text == "and" {
			left = &And{left, right}
		} else {
			left = &Or{left, right}
		}
	}
	if err != nil {
		return nil, err
	}
	return left, nil
}

// one reads one value with qualifiers, which the next bare value has too.
func (p *parser) one(q Prim) (Expr, error) {
	if err := p.value(&q); err != nil {
		return nil, err
	}
	p.last = &q
	return &q, nil
}

// bare reads a value without qualifiers: it has those of the value before it.
func (p *parser) bare() (Expr, error) {
	t := p.peek()
	if p.last != nil {
		return p.one(Prim{Proto: p.last.Proto, Dir: p.last.Dir, Kind: p.last.Kind})
	}
	return nil, p.fail(t.off, "%q begins no condition that is read here: %s", t.text, known)
}

// known lists what begins a condition, for messages.
const known = "ip, ip6, arp, rarp, tcp, udp, sctp, icmp, icmp6, ether, src, dst, host, net, port, portrange, proto, vlan, broadcast, multicast"
