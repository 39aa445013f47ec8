package ctstate

import (
	"fmt"
	"strconv"
	"strings"
)

// State is the ct_state of a packet: the OVS_CS_F_* bits of
// include/uapi/linux/openvswitch.h.
type State uint32

// The bits of ct_state.
const (
	New  State = 0x01
	Est  State = 0x02
	Rel  State = 0x04
	Rpl  State = 0x08
	Inv  State = 0x10
	Trk  State = 0x20
	SNAT State = 0x40
	DNAT State = 0x80
)

// natMask is OVS_CS_F_NAT_MASK.
const natMask = SNAT | DNAT

// stateNames are the names OVS prints (lib/odp-util.c:odp_ct_state_to_string), lowest bit first.
var stateNames = [...]string{"new", "est", "rel", "rpl", "inv", "trk", "snat", "dnat"}

// Status is a conntrack entry's status: the IPS_* bits of
// uapi/linux/netfilter/nf_conntrack_common.h.
type Status uint32

// The bits of an entry's status.
const (
	Expected     Status = 0x1
	SeenReply    Status = 0x2
	Assured      Status = 0x4
	Confirmed    Status = 0x8
	SrcNAT       Status = 0x10
	DstNAT       Status = 0x20
	SeqAdjust    Status = 0x40
	SrcNATDone   Status = 0x80
	DstNATDone   Status = 0x100
	Dying        Status = 0x200
	FixedTimeout Status = 0x400
	Template     Status = 0x800
	Untracked    Status = 0x1000
	Helper       Status = 0x2000
	Offload      Status = 0x4000
	HWOffload    Status = 0x8000
)

var statusNames = [...]string{"EXPECTED", "SEEN_REPLY", "ASSURED", "CONFIRMED", "SRC_NAT", "DST_NAT", "SEQ_ADJUST",
	"SRC_NAT_DONE", "DST_NAT_DONE", "DYING", "FIXED_TIMEOUT", "TEMPLATE", "UNTRACKED", "HELPER", "OFFLOAD", "HW_OFFLOAD"}

// String writes the set bits as OVS does, lowest first, as in "est|trk"; no bit is "0", bits
// without a name come last in hexadecimal.
func (s State) String() string { return bitsString(uint32(s), stateNames[:]) }

// String writes the set bits by the kernel's names, lowest first, as in "SEEN_REPLY|CONFIRMED".
func (s Status) String() string { return bitsString(uint32(s), statusNames[:]) }

// MarshalText writes the text of String.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what ParseState reads.
func (s *State) UnmarshalText(b []byte) (err error) {
	*s, err = ParseState(string(b))
	return err
}

// MarshalText writes the text of String.
func (s Status) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what ParseStatus reads.
func (s *Status) UnmarshalText(b []byte) (err error) {
	*s, err = ParseStatus(string(b))
	return err
}

// ParseState reads names and numbers joined by '|': "est|trk", "0x22", "trk|0x100000".
func ParseState(in string) (State, error) {
	v, err := parseBits(in, stateNames[:])
	return State(v), err
}

// ParseStatus reads the kernel's names and numbers joined by '|'.
func ParseStatus(in string) (Status, error) {
	v, err := parseBits(in, statusNames[:])
	return Status(v), err
}

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

// Match is a ct_state match: the bits in Mask must be as in Value.
type Match struct{ Value, Mask State }

// Matches reports whether s fulfils m.
func (m Match) Matches(s State) bool { return s&m.Mask == m.Value&m.Mask }

// String writes the match as OVS does, as in "+trk-new"; a match of nothing is "0/0".
func (m Match) String() string {
	if m.Mask == 0 {
		return "0/0"
	}
	var b strings.Builder
	rest := m.Mask
	for i, name := range stateNames {
		bit := State(1) << i
		if m.Mask&bit == 0 {
			continue
		}
		b.WriteByte(sign(m.Value&bit != 0))
		b.WriteString(name)
		rest &^= bit
	}
	for bit := State(1); rest != 0; bit <<= 1 {
		if rest&bit != 0 {
			b.WriteByte(sign(m.Value&bit != 0))
			b.WriteString("0x" + strconv.FormatUint(uint64(bit), 16))
			rest &^= bit
		}
	}
	return b.String()
}

func sign(set bool) byte {
	if set {
		return '+'
	}
	return '-'
}

// ParseMatch reads "+trk-new" or "VALUE/MASK" in numbers; a flag named twice must have the same sign.
func ParseMatch(in string) (Match, error) {
	if in != "" && in[0] != '+' && in[0] != '-' {
		return parseNumericMatch(in)
	}
	var m Match
	for off := 0; off < len(in); {
		set := in[off] == '+'
		if !set && in[off] != '-' {
			return Match{}, &SyntaxError{In: in, Off: off, Msg: "want '+' or '-'"}
		}
		end := off + 1
		for end < len(in) && in[end] != '+' && in[end] != '-' {
			end++
		}
		v, ok := bitsOf(in[off+1:end], stateNames[:])
		bits := State(v)
		if !ok || bits == 0 {
			return Match{}, &SyntaxError{In: in, Off: off + 1, Msg: fmt.Sprintf("unknown flag %q", in[off+1:end])}
		}
		want := State(0)
		if set {
			want = bits
		}
		if m.Mask&bits != 0 && m.Value&m.Mask&bits != want&m.Mask {
			return Match{}, &SyntaxError{In: in, Off: off, Msg: "contradicts an earlier flag"}
		}
		m.Mask |= bits
		m.Value |= want
		off = end
	}
	if m.Mask == 0 {
		return Match{}, &SyntaxError{In: in, Msg: "empty match"}
	}
	return m, nil
}

func parseNumericMatch(in string) (Match, error) {
	val, mask, found := strings.Cut(in, "/")
	v, err := strconv.ParseUint(val, 0, 32)
	if err != nil {
		return Match{}, &SyntaxError{In: in, Msg: "want '+', '-' or a number"}
	}
	if !found {
		return Match{Value: State(v), Mask: ^State(0)}, nil
	}
	k, err := strconv.ParseUint(mask, 0, 32)
	if err != nil {
		return Match{}, &SyntaxError{In: in, Off: len(val) + 1, Msg: "mask is not a number"}
	}
	if v&^k != 0 {
		return Match{}, &SyntaxError{In: in, Msg: "value has bits outside the mask"}
	}
	return Match{Value: State(v), Mask: State(k)}, nil
}

// SyntaxError is text that could not be read: where, and what was wrong.
type SyntaxError struct {
	In  string
	Off int
	Msg string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("%q at byte %d: %s", e.In, e.Off, e.Msg)
}
