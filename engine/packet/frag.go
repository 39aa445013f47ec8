package packet

import "fmt"

// Frag says which fragment of a datagram a packet is: the nw_frag of Open vSwitch.
type Frag uint8

// Values of Frag.
const (
	FragNo    Frag = iota // not a fragment
	FragFirst             // the first one, which has the transport header
	FragLater             // any other one
)

// String returns "no", "first" or "later", the words of nw_frag.
func (f Frag) String() string {
	switch f {
	case FragNo:
		return "no"
	case FragFirst:
		return "first"
	case FragLater:
		return "later"
	}
	return fmt.Sprintf("Frag(%d)", uint8(f))
}

// MarshalText returns the word of nw_frag. A value other than the three is an error.
func (f Frag) MarshalText() ([]byte, error) {
	if f > FragLater {
		return nil, fmt.Errorf("%v is no fragment kind", f)
	}
	return []byte(f.String()), nil
}

// UnmarshalText reads the word of nw_frag; f is unchanged on an error.
func (f *Frag) UnmarshalText(text []byte) error {
	for _, v := range []Frag{FragNo, FragFirst, FragLater} {
		if string(text) == v.String() {
			*f = v
			return nil
		}
	}
	return fmt.Errorf("%q is not no, first or later", text)
}
