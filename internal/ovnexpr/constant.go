package ovnexpr

// constSet is one constant or {several}.
type constSet struct {
	values  []Constant // the constants, with the members of sets that were looked up
	written []Constant // the constants as in the text; nil if they are the same
	form    form
	off     int
}

func (p *parser) constSet() constSet {
	set := constSet{off: p.tok.off}
	if !p.match("{") {
		p.constant(&set)
		return set
	}
	set.form = curly
	for {
		p.constant(&set)
		if p.err != nil {
			return set
		}
		p.match(",") // a comma is optional
		if p.match("}") {
			return set
		}
	}
}

func (p *parser) constant(set *constSet) {
	switch p.tok.kind {
	case tTemplate:
		if !p.o.Lenient {
			p.fail(p.tok.off, "Unexpanded template.")
			break
		}
		p.put(set, Constant{kind: cTemplate, str: p.tok.text, off: p.tok.off})
	case tString:
		p.put(set, Constant{kind: cString, str: p.tok.text, off: p.tok.off})
	case tInteger:
		p.put(set, Constant{num: p.tok.num, off: p.tok.off})
	case tAddrSet:
		p.addressSet(set)
	case tPortGroup:
		p.portGroup(set)
	default:
		p.syntax("expecting constant")
		if p.tok.kind == tID && p.err != nil && p.err.Hint == "" {
			p.err.Hint = `strings stand in double quotes: inport == "sw0-p1"`
		}
	}
	if p.err == nil {
		p.advance()
	}
}

// put adds a value as written.
func (p *parser) put(set *constSet, c Constant) {
	p.add(set, c)
	if set.written != nil {
		set.written = append(set.written, c)
	}
}

// add adds a value; a set of both strings and integers is an error.
func (p *parser) add(set *constSet, c Constant) {
	if len(set.values) > 0 && set.values[0].isStr() != c.isStr() && !p.o.Lenient {
		want := "integer"
		if set.values[0].isStr() {
			want = "string"
		}
		p.syntax("expecting " + want)
		return
	}
	if p.count++; p.count > maxSet {
		p.fail(p.tok.off, "Too many values.")
		return
	}
	set.values = append(set.values, c)
}

func (p *parser) addressSet(set *constSet) {
	p.named(set, cAddrSet, "address set", Names.AddressSet, Addresses)
}

func (p *parser) portGroup(set *constSet) {
	p.named(set, cPortGroup, "port group", Names.PortGroup, Ports)
}

// named reads the name of a set or group: it stands for its members, unless names are kept.
func (p *parser) named(set *constSet, kind constKind, what string, of func(Names, string) ([]string, bool), constants func([]string) []Constant) {
	name := Constant{kind: kind, str: p.tok.text, off: p.tok.off}
	if p.keepsNames() {
		p.put(set, name)
		return
	}
	var members []string
	ok := false
	if p.o.Names != nil {
		members, ok = of(p.o.Names, name.str)
	}
	if !ok {
		p.syntax("expecting " + what + " name")
		return
	}
	p.members(set, name, constants(members))
}

func (p *parser) keepsNames() bool { return p.o.KeepNames || p.o.Lenient }

// members adds the members of a named set.
func (p *parser) members(set *constSet, name Constant, members []Constant) {
	if set.written == nil {
		set.written = append(make([]Constant, 0, len(set.values)+1), set.values...)
	}
	set.written = append(set.written, name)
	for _, c := range members {
		c.off = name.off
		p.add(set, c)
	}
}
