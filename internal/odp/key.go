package odp

import "strings"

// Keys is a list of flow key attributes: a datapath flow.
type Keys []Key

// ParseFlow reads a datapath flow: keys separated by commas. "<empty>" and any other item that is
// not NAME(...) become keys with a Text.
func ParseFlow(in string) (Keys, error) {
	p, err := newParser(in)
	if err != nil {
		return nil, err
	}
	if in == "" {
		return nil, fault(in, 0, "no key")
	}
	for i := 0; i <= len(in); {
		end := p.item(i, len(in))
		if i == end {
			return nil, fault(in, i, "empty key")
		}
		i = end + 1
	}
	return p.keys(0, len(in)), nil
}

// key reads NAME(...); false for any other shape.
func (p *parser) key(lo, hi int) (Key, bool) {
	name, blo, bhi, ok := p.call(lo, hi)
	if !ok || name == "" || p.item(lo, hi) != hi {
		return Key{}, false
	}
	k := Key{Name: name}
	switch name {
	case "encap":
		if blo < bhi {
			k.Encap = p.keys(blo, bhi)
		}
		return k, true
	case "in_port":
		// A port's name is one value, with any characters.
		v, m, _ := cutMask(p.in[blo:bhi])
		k.Fields = []KeyField{{Value: v, Mask: m}}
		return k, true
	}
	k.Fields = p.fields(blo, bhi)
	if name == "tunnel" {
		k.Tunnel = p.tunnel(k.Fields)
	}
	return k, true
}

// keys reads attributes separated by commas; an item that is not NAME(...) becomes a Key with a
// Text.
func (p *parser) keys(lo, hi int) Keys {
	var ks Keys
	for i := lo; ; {
		end := p.item(i, hi)
		k, ok := p.key(i, end)
		if !ok {
			k = Key{Text: p.in[i:end]}
		}
		ks = append(ks, k)
		if end == hi {
			return ks
		}
		i = end + 1
	}
}

// fields reads the body of a key: NAME=VALUE[/MASK], NAME(...), VALUE[/MASK], in any order.
func (p *parser) fields(lo, hi int) []KeyField {
	if lo == hi {
		return nil
	}
	fs := make([]KeyField, 0, 4)
	for i := lo; ; {
		end := p.item(i, hi)
		fs = append(fs, p.field(i, end))
		if end == hi {
			return fs
		}
		i = end + 1
	}
}

func (p *parser) field(lo, hi int) KeyField {
	text := p.in[lo:hi]
	if name, blo, _, ok := p.call(lo, hi); ok && name != "" && strings.IndexByte(name, '=') < 0 {
		return KeyField{Name: name, Value: p.in[blo-1 : hi]}
	}
	eq := strings.IndexByte(text, '=')
	if eq <= 0 || eq+1 == len(text) || text[eq+1] == '(' || strings.IndexByte(text[:eq], '(') >= 0 {
		// No name, or a text that NAME=VALUE would not reproduce.
		if eq >= 0 {
			return KeyField{Value: text}
		}
		v, m, _ := cutMask(text)
		return KeyField{Value: v, Mask: m}
	}
	v, m, _ := cutMask(text[eq+1:])
	return KeyField{Name: text[:eq], Value: v, Mask: m}
}

// cutMask splits VALUE/MASK at the first slash outside parentheses and quotes; if either half is
// empty, there is no mask.
func cutMask(s string) (value, mask string, ok bool) {
	if s == "" || s[0] == '"' {
		return s, "", false
	}
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '(':
			depth++
		case ')':
			depth--
		case '/':
			if depth == 0 && i > 0 && i+1 < len(s) {
				return s[:i], s[i+1:], true
			}
		}
	}
	return s, "", false
}

// Get returns the first field of that name; the empty name is the bare value.
func (k Key) Get(name string) (KeyField, bool) {
	for _, f := range k.Fields {
		if f.Name == name {
			return f, true
		}
	}
	return KeyField{}, false
}

// String prints the key as format_odp_key_attr does.
func (k Key) String() string { return string(k.append(nil)) }

func (k Key) append(b []byte) []byte {
	if k.Name == "" {
		return append(b, k.Text...)
	}
	b = append(append(b, k.Name...), '(')
	if k.Encap != nil {
		return append(k.Encap.append(b), ')')
	}
	fs := k.Fields
	if fs == nil && k.Tunnel != nil {
		fs = k.Tunnel.fields()
	}
	for i, f := range fs {
		if i > 0 {
			b = append(b, ',')
		}
		b = f.append(b)
	}
	return append(b, ')')
}

func (f KeyField) append(b []byte) []byte {
	b = append(b, f.Name...)
	if f.Name != "" && !strings.HasPrefix(f.Value, "(") {
		b = append(b, '=')
	}
	b = append(b, f.Value...)
	if f.Mask != "" {
		b = append(append(b, '/'), f.Mask...)
	}
	return b
}

// String returns the field as printed in its key.
func (f KeyField) String() string { return string(f.append(nil)) }

// String prints the flow as odp_flow_format does.
func (ks Keys) String() string { return string(ks.append(nil)) }

func (ks Keys) append(b []byte) []byte {
	for i, k := range ks {
		if i > 0 {
			b = append(b, ',')
		}
		b = k.append(b)
	}
	return b
}

// Get returns the first key of that name, also of those in encap(...).
func (ks Keys) Get(name string) (Key, bool) {
	for _, k := range ks {
		if k.Name == name && k.Text == "" {
			return k, true
		}
		if sub, ok := k.Encap.Get(name); ok {
			return sub, true
		}
	}
	return Key{}, false
}
