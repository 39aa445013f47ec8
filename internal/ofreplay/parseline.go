package ofreplay

import (
	"encoding/binary"
	"encoding/hex"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// parseLine reads an OpenFlow action that changes fields, as a trace prints it; it returns nil for
// any other action.
func parseLine(text string) Action {
	name, rest, ok := strings.Cut(text, ":")
	if !ok {
		return nil
	}
	from, to, arrow := strings.Cut(rest, "->")
	switch name {
	case "push", "pop":
		s, ok := ParseSubfield(rest)
		switch {
		case !ok:
			return nil
		case name == "push":
			return Push{s}
		}
		return Pop{s}
	case "move":
		src, ok1 := ParseSubfield(from)
		dst, ok2 := ParseSubfield(to)
		if arrow && ok1 && ok2 && src.Bits == dst.Bits {
			return Move{src, dst}
		}
	case "load":
		dst, ok := ParseSubfield(to)
		v, err := strconv.ParseUint(from, 0, 64)
		if arrow && ok && err == nil {
			return Load{dst, v}
		}
	case "set_field":
		f := FieldNamed(to)
		if !arrow || f == nil {
			return nil
		}
		v, mask, masked := strings.Cut(from, "/")
		a := SetField{Field: f, Value: f.parse(v)}
		if masked {
			a.Mask = f.parseMask(mask)
		}
		if a.Value != nil && masked == (a.Mask != nil) {
			return a
		}
	}
	return nil
}

// ParseSubfield reads NAME[], NAME[N] or NAME[A..B], by either name of the field.
func ParseSubfield(s string) (Subfield, bool) {
	name, bits, ok := strings.Cut(s, "[")
	bits, end := strings.CutSuffix(bits, "]")
	if !ok || !end {
		return Subfield{}, false
	}
	var f *Field
	for i := range fields {
		if fields[i].NXM == name || fields[i].Name == name {
			f = &fields[i]
		}
	}
	if f == nil {
		return Subfield{}, false
	}
	sub := Subfield{f, 0, f.Bits}
	if bits != "" {
		from, to, isRange := strings.Cut(bits, "..")
		if !isRange {
			to = from
		}
		a, err1 := strconv.Atoi(from)
		b, err2 := strconv.Atoi(to)
		if err1 != nil || err2 != nil {
			return Subfield{}, false
		}
		sub.Ofs, sub.Bits = a, b-a+1
	}
	return sub, sub.valid()
}

// parse is the reverse of value, without a mask; nil on bad text.
func (f *Field) parse(s string) []byte {
	switch f.format {
	case fmtEther:
		m, err := net.ParseMAC(s)
		if err != nil || len(m) != f.Bytes {
			return nil
		}
		return m
	case fmtIPv4, fmtIPv6:
		a, err := netip.ParseAddr(s)
		if err != nil || len(a.AsSlice()) != f.Bytes {
			return nil
		}
		return a.AsSlice()
	}
	return parseInteger(s, f.Bytes)
}

// parseMask reads a mask: a number or, for an address, also a prefix length.
func (f *Field) parseMask(s string) []byte {
	if n, err := strconv.Atoi(s); err == nil && (f.format == fmtIPv4 || f.format == fmtIPv6) {
		if n < 0 || n > f.Bits {
			return nil
		}
		m := make([]byte, f.Bytes)
		for i := range n {
			m[i/8] |= 0x80 >> (i % 8)
		}
		return m
	}
	return f.parse(s)
}

// parseInteger reads a decimal or hexadecimal number into n bytes.
func parseInteger(s string, n int) []byte {
	digits, isHex := strings.CutPrefix(s, "0x")
	if !isHex {
		v, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			return nil
		}
		digits = hex.EncodeToString(binary.BigEndian.AppendUint64(nil, v))
	}
	digits = strings.TrimLeft(digits, "0")
	if len(digits) > 2*n {
		return nil
	}
	b, err := hex.DecodeString(strings.Repeat("0", 2*n-len(digits)) + digits)
	if err != nil {
		return nil
	}
	return b
}
