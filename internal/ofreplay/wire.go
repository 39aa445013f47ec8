package ofreplay

import (
	"encoding/binary"
	"fmt"
)

// BytesError is the error of encoded actions that cannot be decoded.
type BytesError struct {
	Off int
	Msg string
}

// Error returns the byte offset and the message.
func (e *BytesError) Error() string { return fmt.Sprintf("actions: byte %d: %s", e.Off, e.Msg) }

// maxDepth bounds the nesting of actions: ct(exec()), clone(), controller().
const maxDepth = 8

// DecodeActions reads OpenFlow actions as OVN nests them in userdata: OpenFlow 1.3 encoding up to
// 20.03, 1.5 since, both with Nicira extensions. An unknown action becomes Opaque.
func DecodeActions(b []byte) ([]Action, error) { return decodeActions(b, 0, 0) }

func decodeActions(b []byte, base, depth int) ([]Action, error) {
	if depth > maxDepth {
		return nil, &BytesError{base, "actions nested too deep"}
	}
	var out []Action
	for off := 0; off < len(b); {
		if len(b)-off < 8 {
			return nil, &BytesError{base + off, "action shorter than 8 bytes"}
		}
		n := int(binary.BigEndian.Uint16(b[off+2:]))
		if n < 8 || n%8 != 0 || off+n > len(b) {
			return nil, &BytesError{base + off, fmt.Sprintf("bad action length %d", n)}
		}
		a, err := decodeAction(b[off:off+n], base+off, depth)
		if err != nil {
			return nil, err
		}
		out = append(out, a)
		off += n
	}
	return out, nil
}

// Vendors of experimenter actions.
const (
	nxVendor  = 0x00002320
	onfVendor = 0x4f4e4600
)

// decodeAction reads one action, whose length has been checked. Only malformed nested actions are
// an error.
func decodeAction(b []byte, base, depth int) (Action, error) {
	typ := binary.BigEndian.Uint16(b)
	if typ != 0xffff {
		if a := decodeStandard(typ, b); a != nil {
			return a, nil
		}
		return Opaque{b, fmt.Sprintf("OpenFlow action type %d", typ)}, nil
	}
	if len(b) < 16 {
		return Opaque{b, "experimenter action of 8 bytes"}, nil
	}
	vendor, sub := binary.BigEndian.Uint32(b[4:]), binary.BigEndian.Uint16(b[8:])
	var a Action
	var err error
	switch {
	case vendor == nxVendor:
		a, err = decodeNX(sub, b, base, depth)
	case vendor == onfVendor && sub == 3200: // ONFACT_RAW13_COPY_FIELD, after 6 bytes more of header than OpenFlow 1.5's
		a = decodeCopy(&reader{b: b[10:]})
	}
	if err != nil {
		return nil, err
	}
	if a == nil {
		a = Opaque{b, fmt.Sprintf("experimenter action 0x%x:%d", vendor, sub)}
	}
	return a, nil
}

// decodeStandard reads an OpenFlow 1.1+ action; it returns nil for an unknown one.
func decodeStandard(typ uint16, b []byte) Action {
	r := &reader{b: b[4:]}
	switch typ {
	case 0: // OFPAT11_OUTPUT
		a := Output{Port: r.u32(), MaxLen: r.u16()}
		if r.bad {
			return nil
		}
		return a
	case 15:
		return plain("set_mpls_ttl(%d)", r.u8())
	case 16:
		return Plain{"dec_mpls_ttl"}
	case 17:
		return plain("push_vlan:%#x", r.u16())
	case 18:
		return Plain{"pop_vlan"}
	case 19:
		return plain("push_mpls:0x%04x", r.u16())
	case 20:
		return plain("pop_mpls:0x%04x", r.u16())
	case 21:
		return plain("set_queue:%d", r.u32())
	case 22:
		return plain("group:%d", r.u32())
	case 23:
		return plain("mod_nw_ttl:%d", r.u8())
	case 24:
		return Plain{"dec_ttl"}
	case 25:
		return decodeSetField(r)
	case 28:
		return decodeCopy(r)
	case 29:
		return plain("meter:%d", r.u32())
	}
	return nil
}

func plain[T any](f string, v T) Action { return Plain{fmt.Sprintf(f, v)} }

// decodeSetField reads one OXM entry with its value and mask.
func decodeSetField(r *reader) Action {
	f, masked, n := r.header()
	if f == nil || f.format == fmtOther || !f.write {
		return nil
	}
	a := SetField{Field: f, Value: r.bytes(n)}
	if masked {
		a.Mask = r.bytes(n)
		if allOnes(a.Mask) {
			a.Mask = nil
		}
	}
	if r.bad || !r.zeros() || (n != f.Bytes && !f.variable()) || n == 0 {
		return nil
	}
	return a
}

// decodeCopy reads OpenFlow 1.5's ofp15_action_copy_field after type and length.
func decodeCopy(r *reader) Action {
	var a Move
	n := int(r.u16())
	a.Src.Ofs, a.Dst.Ofs = int(r.u16()), int(r.u16())
	r.bytes(2)
	return r.move(a, n)
}

// move reads the two OXM headers that end a copy_field or reg_move.
func (r *reader) move(a Move, n int) Action {
	a.Src.Bits, a.Dst.Bits = n, n
	a.Src.Field, _, _ = r.header()
	a.Dst.Field, _, _ = r.header()
	if r.bad || !r.zeros() || !a.Src.valid() || !a.Dst.valid() || !a.Dst.Field.write {
		return nil
	}
	return a
}

// DecodeHeader reads an OXM header at the start of b: f is nil for an unknown field, and ok is
// false for a header that is truncated or malformed.
func DecodeHeader(b []byte) (f *Field, rest []byte, ok bool) {
	r := &reader{b: b}
	f, _, _ = r.header()
	return f, r.b, !r.bad
}

// reader reads bytes in order; bad stays true once it has read beyond the end.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) bytes(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.bad = true
		r.b = nil
		return make([]byte, max(0, min(n, 16)))
	}
	v := r.b[:n]
	r.b = r.b[n:]
	return v
}

func (r *reader) u8() uint8   { return r.bytes(1)[0] }
func (r *reader) u16() uint16 { return binary.BigEndian.Uint16(r.bytes(2)) }
func (r *reader) u32() uint32 { return binary.BigEndian.Uint32(r.bytes(4)) }
func (r *reader) u64() uint64 { return binary.BigEndian.Uint64(r.bytes(8)) }

// header reads an OXM header; n is the length of the value (without its mask).
func (r *reader) header() (f *Field, masked bool, n int) {
	h := r.u32()
	code := oxm{class: uint16(h >> 16), number: uint8(h >> 9 & 0x7f)}
	masked, n = h>>8&1 != 0, int(h&0xff)
	if code.class == 0xffff { // nxm_experimenter_len: the length counts the experimenter id
		code.vendor = r.u32()
		n -= 4
	}
	if masked {
		if n%2 != 0 {
			r.bad = true
		}
		n /= 2
	}
	if r.bad {
		return nil, false, 0
	}
	return fieldByCode(code), masked, n
}

// zeros reports whether only padding is left.
func (r *reader) zeros() bool {
	for _, c := range r.b {
		if c != 0 {
			return false
		}
	}
	return true
}

func allOnes(b []byte) bool {
	for _, c := range b {
		if c != 0xff {
			return false
		}
	}
	return true
}
