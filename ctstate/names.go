package ctstate

import (
	"fmt"
	"strconv"
	"strings"
)

// SyntaxError is the error of a text that cannot be parsed.
type SyntaxError struct {
	In  string // the text
	Off int    // offset in bytes of the fault, 0 to len(In)
	Msg string
}

// Error returns the quoted text, the offset and Msg.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("%q at byte %d: %s", e.In, e.Off, e.Msg)
}

// nameOf returns a number's name, or the number itself where it has none.
func nameOf[T ~uint8](v T, names []string) string {
	if int(v) < len(names) {
		return names[v]
	}
	return strconv.Itoa(int(v))
}

// parseName reads what nameOf returns.
func parseName[T ~uint8](v *T, b []byte, names []string) error {
	in := string(b)
	for i, name := range names {
		if in == name {
			*v = T(i)
			return nil
		}
	}
	n, err := strconv.ParseUint(in, 10, 8)
	if err != nil {
		*v = 0
		return &SyntaxError{In: in, Msg: "want one of " + strings.Join(names, ", ")}
	}
	*v = T(n)
	return nil
}

// bitsString writes the set bits by name, lowest first, and those without a name in hexadecimal.
func bitsString(v uint32, names []string) string {
	if v == 0 {
		return "0"
	}
	var b strings.Builder
	for i, name := range names {
		if bit := uint32(1) << i; v&bit != 0 {
			if b.Len() > 0 {
				b.WriteByte('|')
			}
			b.WriteString(name)
			v &^= bit
		}
	}
	if v != 0 {
		if b.Len() > 0 {
			b.WriteByte('|')
		}
		b.WriteString("0x" + strconv.FormatUint(uint64(v), 16))
	}
	return b.String()
}

// parseBits reads names and numbers joined by '|'.
func parseBits(in string, names []string) (uint32, error) {
	var v uint32
	for off := 0; ; {
		end := off
		for end < len(in) && in[end] != '|' {
			end++
		}
		bits, ok := bitsOf(in[off:end], names)
		if !ok {
			return 0, &SyntaxError{In: in, Off: off, Msg: fmt.Sprintf("unknown flag %q", in[off:end])}
		}
		v |= bits
		if end == len(in) {
			return v, nil
		}
		off = end + 1
	}
}

func bitsOf(word string, names []string) (uint32, bool) {
	for i, name := range names {
		if word == name {
			return 1 << i, true
		}
	}
	v, err := strconv.ParseUint(word, 0, 32)
	return uint32(v), err == nil
}
