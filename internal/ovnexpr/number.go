package ovnexpr

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/u128"
)

// ParseNumber reads one integer or address without a mask: decimal, 0x and hex digits, IPv4, IPv6,
// or a MAC address. It returns false if the text is anything else.
func ParseNumber(text string) (u128.Uint, bool) {
	l := lexer{in: text}
	v, _, bad := l.number()
	return v, bad == "" && l.pos == len(text)
}

// integer reads a number or address, and a mask or prefix length after a slash.
func (l *lexer) integer(t *token) {
	t.kind = tInteger
	var bad string
	n := &t.num
	if n.val, n.format, bad = l.number(); bad != "" {
		t.kind, t.text = tError, bad
		return
	}
	if l.at(l.pos) != '/' {
		return
	}
	l.pos++
	mask, format, bad := l.number()
	switch {
	case bad != "":
	case format == n.format:
		n.mask = mask
	case format == fDecimal && n.format == fIPv4 && mask.Lo <= 32:
		n.mask = u128.Ones(32-int(mask.Lo), int(mask.Lo))
	case format == fDecimal && n.format == fIPv6 && mask.Lo <= 128:
		n.mask = u128.Ones(128-int(mask.Lo), int(mask.Lo))
	case format == fHex && n.format == fDecimal && n.val.IsZero():
		n.mask, n.format = mask, fHex
	default:
		bad = "Value and mask have incompatible formats."
	}
	if bad != "" {
		t.kind, t.text = tError, bad
		return
	}
	n.masked, n.val = true, n.val.And(n.mask)
}

// number reads one number or address (lex_parse_integer__).
func (l *lexer) number() (u128.Uint, format, string) {
	start, dot := l.pos, false
	for c := l.at(l.pos); isAlnum(c) || c == ':' && !dot || c == '.' && l.at(l.pos+1) != '.'; c = l.at(l.pos) {
		dot = dot || c == '.'
		l.pos++
	}
	text := l.in[start:l.pos]
	if text == "" {
		return u128.Uint{}, 0, "Integer constant expected."
	}
	if len(text) == 17 {
		if m, err := net.ParseMAC(text); err == nil {
			return u128.FromBytes(m), fMAC, ""
		}
	}
	if strings.Trim(text, "0123456789") == "" {
		if text[0] == '0' && len(text) > 1 {
			return u128.Uint{}, 0, "Decimal constants must not have leading zeros."
		}
		v, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return u128.Uint{}, 0, "Decimal constants must be less than 2**64."
		}
		return u128.Uint{Lo: v}, fDecimal, ""
	}
	if len(text) > 1 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X') {
		return hexNumber(text)
	}
	a, err := netip.ParseAddr(text)
	switch {
	case err != nil:
		return u128.Uint{}, 0, "Invalid numeric constant."
	case a.Is4():
		b := a.As4()
		return u128.FromBytes(b[:]), fIPv4, ""
	}
	b := a.As16()
	return u128.FromBytes(b[:]), fIPv6, ""
}

func hexNumber(text string) (u128.Uint, format, string) {
	digits := text[2:]
	if digits == "" {
		return u128.Uint{}, 0, fmt.Sprintf("Hex digits expected following 0%c.", text[1])
	}
	var v u128.Uint
	for i := 0; i < len(digits); i++ {
		d := hexDigit(digits[i])
		if d < 0 {
			return u128.Uint{}, 0, "Invalid syntax in hexadecimal constant."
		}
		if v.Hi>>60 != 0 {
			return u128.Uint{}, 0, "Hexadecimal constant requires more than 128 bits."
		}
		v = v.Shl(4).Or(u128.Uint{Lo: uint64(d)})
	}
	return v, fHex, ""
}

// hexDigit returns the value of a hex digit, or -1.
func hexDigit(c byte) int {
	switch {
	case isDigit(c):
		return int(c - '0')
	case isHex(c):
		return int(c|0x20-'a') + 10
	}
	return -1
}

// String returns the number in OVN's notation: hexadecimal digits or an address, with its mask.
func (n number) String() string {
	if !n.masked {
		return n.format.print(n.val)
	}
	if ofs, run := n.mask.Run(); n.format == fIPv4 && ofs+run == 32 || n.format == fIPv6 && ofs+run == 128 {
		return n.format.print(n.val) + "/" + strconv.Itoa(run)
	}
	return n.format.print(n.val) + "/" + n.format.print(n.mask)
}

func (f format) print(v u128.Uint) string {
	b := v.Bytes()
	switch f {
	case fDecimal:
		return strconv.FormatUint(v.Lo, 10)
	case fIPv4:
		return netip.AddrFrom4([4]byte(b[12:])).String()
	case fIPv6:
		return netip.AddrFrom16(b).String()
	case fMAC:
		return net.HardwareAddr(b[10:]).String()
	}
	return "0x" + strings.TrimPrefix(v.String(), "0x")
}

// isBool reports whether the number is a plain 0 or 1.
func (n number) isBool() bool {
	return n.format == fDecimal && !n.masked && n.val.Hi == 0 && n.val.Lo <= 1
}
