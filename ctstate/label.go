package ctstate

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
)

// Label is a 128-bit ct_label: struct nf_conn_labels, or Open vSwitch's ovs_u128. Hi has bits 64 to
// 127.
type Label struct{ Hi, Lo uint64 }

// String returns one 128-bit hexadecimal number, as OVS's format_u128 does: "0x0",
// "0x10000000000000002".
func (l Label) String() string {
	if l.Hi == 0 {
		return "0x" + strconv.FormatUint(l.Lo, 16)
	}
	return fmt.Sprintf("0x%x%016x", l.Hi, l.Lo)
}

// ParseLabel reads a hexadecimal number with 0x before it, or a decimal one of at most 64 bits. Any
// other text is a *SyntaxError, and the label zero.
func ParseLabel(in string) (Label, error) {
	if !strings.HasPrefix(in, "0x") && !strings.HasPrefix(in, "0X") {
		v, err := strconv.ParseUint(in, 10, 64)
		if err != nil {
			return Label{}, &SyntaxError{In: in, Msg: "not a number"}
		}
		return Label{Lo: v}, nil
	}
	var l Label
	if len(in) == 2 {
		return Label{}, &SyntaxError{In: in, Off: 2, Msg: "no digits"}
	}
	for i := 2; i < len(in); i++ {
		d, ok := hexDigit(in[i])
		if !ok {
			return Label{}, &SyntaxError{In: in, Off: i, Msg: "not a hexadecimal digit"}
		}
		if l.Hi>>60 != 0 {
			return Label{}, &SyntaxError{In: in, Off: i, Msg: "more than 128 bits"}
		}
		l.Hi = l.Hi<<4 | l.Lo>>60
		l.Lo = l.Lo<<4 | uint64(d)
	}
	return l, nil
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// MarshalText returns the text of String.
func (l Label) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText reads what ParseLabel reads.
func (l *Label) UnmarshalText(b []byte) (err error) {
	*l, err = ParseLabel(string(b))
	return err
}

// Masked returns l with the bits of mask replaced by those of value (nf_connlabels_replace).
func (l Label) Masked(value, mask Label) Label {
	return Label{
		Hi: l.Hi&^mask.Hi | value.Hi&mask.Hi,
		Lo: l.Lo&^mask.Lo | value.Lo&mask.Lo,
	}
}

// IsZero reports whether no bit is set.
func (l Label) IsZero() bool { return l == Label{} }

// nativeLittle reports whether this machine is little-endian.
var nativeLittle = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

// LabelFromBytes reads the 16 bytes of CTA_LABELS: the kernel's array of unsigned long, which OVS
// reads as one 128-bit number in the machine's byte order.
func LabelFromBytes(b [16]byte) Label {
	first, second := binary.NativeEndian.Uint64(b[:8]), binary.NativeEndian.Uint64(b[8:])
	if nativeLittle {
		return Label{Hi: second, Lo: first}
	}
	return Label{Hi: first, Lo: second}
}

// Bytes returns the 16 bytes of CTA_LABELS, as LabelFromBytes reads them.
func (l Label) Bytes() (b [16]byte) {
	first, second := l.Lo, l.Hi
	if !nativeLittle {
		first, second = l.Hi, l.Lo
	}
	binary.NativeEndian.PutUint64(b[:8], first)
	binary.NativeEndian.PutUint64(b[8:], second)
	return b
}
