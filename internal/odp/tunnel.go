package odp

import (
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
)

// tunnel reads the typed view of tunnel(...); a field with an unknown value goes to Rest.
func (p *parser) tunnel(fs []KeyField) *Tunnel {
	t := &Tunnel{}
	for _, f := range fs {
		if !t.set(f) {
			t.Rest = append(t.Rest, f)
		}
	}
	return t
}

func (t *Tunnel) set(f KeyField) bool {
	number := func(bits int) (uint64, bool) { return num(f.Value, bits) }
	switch f.Name {
	case "tun_id":
		v, ok := number(64)
		t.ID, t.HasID = v, ok
		return ok
	case "src", "ipv6_src":
		a, ok := addr(f.Value)
		if ok {
			t.Src = a
		}
		return ok
	case "dst", "ipv6_dst":
		a, ok := addr(f.Value)
		if ok {
			t.Dst = a
		}
		return ok
	case "tos":
		v, ok := number(8)
		t.TOS = uint8(v)
		return ok
	case "ttl":
		v, ok := number(8)
		t.TTL = uint8(v)
		return ok
	case "tp_src":
		v, ok := number(16)
		t.TPSrc = uint16(v)
		return ok
	case "tp_dst":
		v, ok := number(16)
		t.TPDst = uint16(v)
		return ok
	case "geneve":
		opts, ok := geneveOptions(inner(f.Value))
		t.Geneve = opts
		return ok
	case "flags":
		return t.setFlags(inner(f.Value))
	}
	return false
}

// setFlags reads "df|csum|key" or, in a match, "-df+csum+key".
func (t *Tunnel) setFlags(s string) bool {
	if s == "" || s == "0" {
		return true
	}
	if s[0] == '+' || s[0] == '-' {
		for s != "" {
			end := strings.IndexAny(s[1:], "+-") + 1
			if end == 0 {
				end = len(s)
			}
			if s[0] == '+' {
				t.Flags = append(t.Flags, s[1:end])
			}
			s = s[end:]
		}
		return true
	}
	t.Flags = strings.Split(s, "|")
	return true
}

// inner strips the parentheses of a NAME(...) field's value.
func inner(s string) string {
	if n := len(s); n >= 2 && s[0] == '(' && s[n-1] == ')' {
		return s[1 : n-1]
	}
	return s
}

// geneveOptions reads {class=0xC,type=0xT,len=N[,0xDATA]}... ; masks are skipped.
func geneveOptions(s string) ([]TunnelOption, bool) {
	var opts []TunnelOption
	for s != "" {
		end := strings.IndexByte(s, '}')
		if s[0] != '{' || end < 0 {
			return nil, false
		}
		o, ok := geneveOption(s[1:end])
		if !ok {
			return nil, false
		}
		opts = append(opts, o)
		s = strings.TrimPrefix(s[end+1:], ",")
	}
	return opts, true
}

func geneveOption(s string) (TunnelOption, bool) {
	var o TunnelOption
	data := ""
	for _, item := range strings.Split(s, ",") {
		name, value, named := strings.Cut(item, "=")
		value, _, _ = strings.Cut(value, "/")
		var v uint64
		ok := true
		switch {
		case named && name == "class":
			v, ok = num(value, 16)
			o.Class = uint16(v)
		case named && name == "type":
			v, ok = num(value, 8)
			o.Type = uint8(v)
		case named && name == "len":
			v, ok = num(value, 8)
			o.Len = uint8(v)
		case !named:
			data, _, _ = strings.Cut(item, "/")
		default:
			ok = false
		}
		if !ok {
			return o, false
		}
	}
	if data == "" {
		return o, true
	}
	digits, ok := strings.CutPrefix(data, "0x")
	if !ok && data != "0" || len(digits) > 2*int(o.Len) {
		return o, false
	}
	// ds_put_hex drops leading zeros; len is the number of bytes.
	raw, err := hex.DecodeString(strings.Repeat("0", 2*int(o.Len)-len(digits)) + digits)
	o.Data = raw
	return o, err == nil
}

// Uint returns the option's value as a number; false if it is longer than 8 bytes or absent.
func (o TunnelOption) Uint() (uint64, bool) {
	if len(o.Data) == 0 || len(o.Data) > 8 {
		return 0, false
	}
	var v uint64
	for _, x := range o.Data {
		v = v<<8 | uint64(x)
	}
	return v, true
}

// String returns the option as format_geneve_opts prints it.
func (o TunnelOption) String() string {
	b := appendHex([]byte("{class="), uint64(o.Class))
	b = appendHex(append(b, ",type="...), uint64(o.Type))
	b = appendUint(append(b, ",len="...), uint64(o.Len))
	if len(o.Data) > 0 {
		digits := strings.TrimLeft(hex.EncodeToString(o.Data), "0")
		if digits == "" {
			b = append(b, ",0"...)
		} else {
			b = append(append(b, ",0x"...), digits...)
		}
	}
	return string(append(b, '}'))
}

// fields is the inverse of tunnel, for a key that was not parsed.
func (t *Tunnel) fields() []KeyField {
	var fs []KeyField
	add := func(name, value string) { fs = append(fs, KeyField{Name: name, Value: value}) }
	if t.HasID {
		add("tun_id", string(append0x(nil, t.ID)))
	}
	v6 := ""
	if t.Src.Is6() || t.Dst.Is6() {
		v6 = "ipv6_"
	}
	if t.Src.IsValid() {
		add(v6+"src", string(packet.AppendAddr(nil, t.Src)))
	}
	if t.Dst.IsValid() {
		add(v6+"dst", string(packet.AppendAddr(nil, t.Dst)))
	}
	if t.TOS != 0 {
		add("tos", string(append0x(nil, uint64(t.TOS))))
	}
	if t.TTL != 0 {
		add("ttl", strconv.Itoa(int(t.TTL)))
	}
	if t.TPSrc != 0 {
		add("tp_src", strconv.Itoa(int(t.TPSrc)))
	}
	if t.TPDst != 0 {
		add("tp_dst", strconv.Itoa(int(t.TPDst)))
	}
	if len(t.Geneve) > 0 {
		var b strings.Builder
		b.WriteByte('(')
		for _, o := range t.Geneve {
			b.WriteString(o.String())
		}
		b.WriteByte(')')
		add("geneve", b.String())
	}
	fs = append(fs, t.Rest...)
	add("flags", "("+strings.Join(t.Flags, "|")+")")
	return fs
}
