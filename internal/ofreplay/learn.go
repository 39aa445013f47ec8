package ofreplay

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow"
)

// Learned is the flow that a learn() action makes from the packet that executed it (lib/learn.c:
// learn_execute).
type Learned struct {
	Cookie  uint64
	Actions []string
	Unknown string // the part that is unknown, and why; empty: everything is known
	match   []bits
}

// bits is a flow's value of a part of a field, least significant bit first.
type bits struct {
	Subfield
	v []byte
}

func (b bits) String() string {
	v := fromBits(b.v, (b.Bits+7)/8)
	if b.Ofs == 0 && b.Bits == b.Field.Bits && len(v) == b.Field.Bytes {
		return b.Field.Name + "=" + b.Field.value(v, nil)
	}
	return b.Subfield.String() + "=" + integer(v, false)
}

// Match returns the flow's match.
func (l Learned) Match() string {
	var out []string
	for _, b := range l.match {
		out = append(out, b.String())
	}
	return strings.Join(out, ",")
}

// Metadata returns the logical datapath in the flow's match, 0 if there is none.
func (l Learned) Metadata() uint64 {
	for _, b := range l.match {
		if b.Field.Name == "metadata" && b.Bits == b.Field.Bits {
			return binary.BigEndian.Uint64(fromBits(b.v, 8))
		}
	}
	return 0
}

// learnOptions are the items of a learn() action that are neither match nor action of the flow.
var learnOptions = []string{"table", "priority", "idle_timeout", "hard_timeout", "fin_idle_timeout", "fin_hard_timeout",
	"send_flow_rem", "delete_learned"}

// Learn executes the items of a learn() action, as printed, for the packet that executed it; at is
// nil if that is unknown.
func Learn(items []string, at *openflow.Flow) Learned {
	var m *machine
	var l Learned
	if at == nil {
		l.Unknown = "the packet that would have taught it could not be followed"
	} else if known, err := machineOf(*at); err != nil {
		l.Unknown = err.Error()
	} else {
		m = &known
	}
	for _, item := range items {
		if !l.item(m, item) && l.Unknown == "" {
			l.Unknown = fmt.Sprintf("%q of its learn() is not followed here", item)
		}
	}
	return l
}

// item executes one item; it returns false if the item, or a value that it needs, is unknown.
func (l *Learned) item(m *machine, item string) bool {
	name, value, given := strings.Cut(item, "=")
	switch {
	case slices.Contains(learnOptions, name):
		return true
	case name == "cookie":
		v, err := strconv.ParseUint(value, 0, 64)
		l.Cookie = v
		return err == nil
	case strings.HasPrefix(item, "load:"):
		from, to, _ := strings.Cut(strings.TrimPrefix(item, "load:"), "->")
		dst, ok := ParseSubfield(to)
		if !ok || !dst.Field.write {
			return false
		}
		b, known := m.operand(from, dst)
		if known {
			l.Actions = append(l.Actions, b.load())
		}
		return known
	case strings.HasPrefix(item, "output:"):
		b, known := m.operand(strings.TrimPrefix(item, "output:"), Subfield{FieldNamed("in_port"), 0, 16})
		if known {
			l.Actions = append(l.Actions, "output:"+portText(uint32(binary.BigEndian.Uint16(fromBits(b.v, 2)))))
		}
		return known
	}
	dst, ok := learnDst(name)
	if !ok {
		return false
	}
	if !given {
		value = name
	}
	b, known := m.operand(value, dst)
	if known {
		l.match = append(l.match, b)
	}
	return known
}

// learnDst reads the left side of a match: NXM[..], or the name of a whole field.
func learnDst(s string) (Subfield, bool) {
	if strings.HasSuffix(s, "]") {
		return ParseSubfield(s)
	}
	f := FieldNamed(s)
	if f == nil {
		return Subfield{}, false
	}
	return Subfield{f, 0, f.Bits}, true
}

// operand returns the value to write to dst: a field's present value, or a constant.
func (m *machine) operand(text string, dst Subfield) (bits, bool) {
	if strings.HasSuffix(text, "]") {
		src, ok := ParseSubfield(text)
		if !ok || src.Bits != dst.Bits || m == nil {
			return bits{}, false
		}
		v, ok := m.bits(src)
		return bits{dst, v}, ok
	}
	v := dst.Field.parse(text)
	if v == nil {
		v = parseInteger(text, (dst.Bits+7)/8)
	}
	return bits{dst, toBits(v, dst.Bits)}, v != nil
}

// bits returns a part of a field; false if its value is unknown.
func (m *machine) bits(s Subfield) ([]byte, bool) {
	v, ok := m.get(s.Field)
	switch s.Field.Name {
	case "eth_type":
		v, ok = binary.BigEndian.AppendUint16(nil, m.pkt.EthType), true
	case "nw_proto":
		v, ok = []byte{m.pkt.Proto}, true
	}
	if ok && isOther(s.Field.Name) && m.other[s.Field.Name] == nil {
		ok = false
	}
	if !ok {
		return nil, false
	}
	return toBits(v, s.Field.Bits)[s.Ofs : s.Ofs+s.Bits], true
}

// load returns the action that writes the bits, in parts of 64, the most that load can write.
func (b bits) load() string {
	v := fromBits(b.v, b.Field.Bytes)
	if b.Ofs == 0 && b.Bits == b.Field.Bits {
		return SetField{Field: b.Field, Value: v}.String()
	}
	all, mask := make([]byte, b.Field.Bits), make([]byte, b.Field.Bits)
	copy(all[b.Ofs:], b.v)
	for i := range b.Bits {
		mask[b.Ofs+i] = 1
	}
	return SetField{Field: b.Field, Value: fromBits(all, b.Field.Bytes), Mask: fromBits(mask, b.Field.Bytes)}.String()
}

// Takes reports whether the flow matches a packet; known is false if that depends on unknown parts
// of either.
func (l Learned) Takes(p openflow.Flow) (takes, known bool) {
	m, err := machineOf(p)
	if err != nil {
		return false, false
	}
	known = l.Unknown == ""
	for _, b := range l.match {
		v, ok := m.bits(b.Subfield)
		if ok && !slices.Equal(v, b.v) {
			return false, true
		}
		known = known && ok
	}
	return known, known
}
