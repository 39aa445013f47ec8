package openflow

import (
	"fmt"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
)

// allCTState contains the bits of ct_state that have a name.
const allCTState ctstate.State = 0xff

// ParseTCPFlags reads syn|ack, +syn-ack, 0x12, 0x12/0x3f. Without a mask, every flag is matched
// exactly. The error is a *syntax.Error.
func ParseTCPFlags(s string) (value, mask packet.TCPFlags, err error) {
	return parseFlags(s, packet.AllTCPFlags)
}

// ParseCTState reads new|trk, new,trk, +new-est+trk, 0x21, 0x21/0x23. Without a mask, every flag is
// matched exactly. The error is a *syntax.Error.
func ParseCTState(s string) (value, mask ctstate.State, err error) {
	return parseFlags(s, allCTState)
}

// bits is a set of flags whose String returns the names of single bits.
type bits interface {
	~uint16 | ~uint32
	fmt.Stringer
}

// parseFlags follows parse_flags (lib/flow.c).
func parseFlags[T bits](in string, all T) (value, mask T, err error) {
	refuse := func(off int, msg string) (T, T, error) { return 0, 0, fault(in, off, msg) }
	if in == "" {
		return refuse(0, "no flags")
	}
	if num, m, ok := strings.Cut(in, "/"); ok {
		v, ok1 := parseUint(num)
		mv, ok2 := parseUint(m)
		if !ok1 || !ok2 || v > uint64(all) || mv > uint64(all) {
			return refuse(0, "not FLAGS/MASK in numbers")
		}
		return T(v), T(mv), nil
	}
	if in[0] == '+' || in[0] == '-' {
		for i := 0; i < len(in); {
			end := i + 1
			for end < len(in) && in[end] != '+' && in[end] != '-' {
				end++
			}
			bit := flagBit(in[i+1:end], all)
			if bit == 0 {
				return refuse(i, "unknown flag")
			}
			if mask&bit != 0 {
				return refuse(i, "flag given twice")
			}
			mask |= bit
			if in[i] == '+' {
				value |= bit
			}
			i = end
		}
		return value, mask, nil
	}
	for i := 0; i <= len(in); {
		end := i
		for end < len(in) && in[end] != '|' && in[end] != ',' {
			end++
		}
		bit := uint64(flagBit(in[i:end], all))
		if bit == 0 {
			var ok bool
			if bit, ok = parseUint(in[i:end]); !ok || bit > uint64(all) {
				return refuse(i, "unknown flag")
			}
		}
		value |= T(bit)
		i = end + 1
	}
	return value, all, nil
}

// flagBit returns the bit of that name, 0 for none.
func flagBit[T bits](name string, all T) T {
	for bit := T(1); bit&all != 0; bit <<= 1 {
		if bit.String() == name {
			return bit
		}
	}
	return 0
}
