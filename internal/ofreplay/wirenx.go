package ofreplay

import (
	"encoding/binary"
	"fmt"
	"net/netip"
)

// decodeNX reads a Nicira action; it returns nil without an error for an unknown one.
func decodeNX(sub uint16, b []byte, base, depth int) (Action, error) {
	r := &reader{b: b[10:]}
	switch sub {
	case 35:
		return decodeCT(b, base, depth)
	case 37:
		return decodeController(b, base)
	case 42:
		as, err := decodeActions(b[16:], base+16, depth+1)
		return Clone{as}, err
	}
	a := decodeNXFlat(sub, r)
	if r.bad {
		a = nil
	}
	return a, nil
}

// decodeNXFlat reads a Nicira action without nested actions.
func decodeNXFlat(sub uint16, r *reader) Action {
	switch sub {
	case 1: // NXAST_RESUBMIT
		return Resubmit{InPort: r.u16(), Table: 255}
	case 14, 44: // NXAST_RESUBMIT_TABLE, _CT
		return Resubmit{InPort: r.u16(), Table: r.u8(), CT: sub == 44}
	case 2:
		r.bytes(2)
		return plain("set_tunnel:%#x", r.u32())
	case 4:
		r.bytes(2)
		return plain("set_queue:%d", r.u32())
	case 5:
		return Plain{"pop_queue"}
	case 6: // NXAST_REG_MOVE
		var a Move
		n := int(r.u16())
		a.Src.Ofs, a.Dst.Ofs = int(r.u16()), int(r.u16())
		return r.move(a, n)
	case 7: // NXAST_REG_LOAD
		return decodeLoad(r)
	case 8:
		return Note{r.b}
	case 9:
		r.bytes(6)
		return plain("set_tunnel64:%#x", r.u64())
	case 15: // NXAST_OUTPUT_REG
		return decodeOutputReg(r, false)
	case 32:
		return decodeOutputReg(r, true)
	case 17:
		return Plain{"exit"}
	case 18:
		return Plain{"dec_ttl"}
	case 27, 28: // NXAST_STACK_PUSH, _POP
		return decodeStack(r, sub == 27)
	case 33: // NXAST_REG_LOAD2: the OXM entry begins in the padding of ext_action_header
		return decodeSetField(r)
	case 36:
		return decodeNAT(r)
	case 39: // NXAST_OUTPUT_TRUNC
		port, n := r.u16(), r.u32()
		return Plain{fmt.Sprintf("output(port=%s,max_len=%d)", portText(uint32(port)), n)}
	case 40:
		r.bytes(2)
		return plain("group:%d", r.u32())
	case 43:
		return Plain{"ct_clear"}
	case 49: // NXAST_CHECK_PKT_LARGER
		a := CheckLarger{Len: r.u16()}
		a.Dst.Ofs, a.Dst.Bits = int(r.u16()), 1
		a.Dst.Field, _, _ = r.header()
		if r.bad || !a.Dst.valid() {
			return nil
		}
		return a
	}
	return nil
}

// subfieldNX decodes NXM's ofs_nbits.
func subfieldNX(ofsNbits uint16) Subfield {
	return Subfield{Ofs: int(ofsNbits >> 6), Bits: int(ofsNbits&0x3f) + 1}
}

func decodeLoad(r *reader) Action {
	a := Load{Dst: subfieldNX(r.u16())}
	a.Dst.Field, _, _ = r.header()
	a.Value = r.u64()
	if r.bad || !a.Dst.valid() || !a.Dst.Field.write || a.Dst.Bits < 64 && a.Value>>a.Dst.Bits != 0 {
		return nil
	}
	return a
}

func decodeOutputReg(r *reader, two bool) Action {
	a := OutputReg{subfieldNX(r.u16())}
	if two {
		r.bytes(2) // max_len comes before the header
	}
	a.Src.Field, _, _ = r.header()
	if r.bad || !a.Src.valid() {
		return nil
	}
	return a
}

func decodeStack(r *reader, push bool) Action {
	s := Subfield{Ofs: int(r.u16())}
	s.Field, _, _ = r.header()
	s.Bits = int(r.u16())
	if r.bad || !s.valid() || !r.zeros() {
		return nil
	}
	if push {
		return Push{s}
	}
	return Pop{s}
}

// decodeCT reads nx_action_conntrack.
func decodeCT(b []byte, base, depth int) (Action, error) {
	if len(b) < 24 {
		return nil, nil
	}
	r := &reader{b: b[10:24]}
	flags := r.u16()
	zone := r.u32()
	imm := r.u16()
	a := CT{Commit: flags&1 != 0, Force: flags&2 != 0, Zone: imm, Table: r.u8()}
	r.bytes(3)
	a.ALG = r.u16()
	if zone != 0 {
		s := subfieldNX(imm)
		s.Field, _, _ = (&reader{b: b[12:16]}).header()
		if !s.valid() {
			return nil, nil
		}
		a.Zone, a.ZoneSrc = 0, &s
	}
	if flags&^3 != 0 {
		return nil, nil
	}
	as, err := decodeActions(b[24:], base+24, depth+1)
	a.Actions = as
	return a, err
}

// decodeNAT reads nx_action_nat after its subtype.
func decodeNAT(r *reader) Action {
	r.bytes(2)
	flags, present := r.u16(), r.u16()
	if flags&^0x1f != 0 || present&^0x3f != 0 {
		return nil
	}
	a := NAT{Src: flags&1 != 0, Dst: flags&2 != 0, Persistent: flags&4 != 0, Hash: flags&8 != 0, Random: flags&16 != 0}
	addr := func(bit uint16, n int, to *netip.Addr) {
		if present&bit != 0 {
			*to, _ = netip.AddrFromSlice(r.bytes(n))
		}
	}
	addr(1, 4, &a.Min)
	addr(2, 4, &a.Max)
	addr(4, 16, &a.Min)
	addr(8, 16, &a.Max)
	if present&16 != 0 {
		a.PortMin = r.u16()
	}
	if present&32 != 0 {
		a.PortMax = r.u16()
	}
	return a
}

// decodeController reads NXAST_CONTROLLER2's properties.
func decodeController(b []byte, base int) (Action, error) {
	p := Controller{MaxLen: 0xffff}
	for off := 16; off < len(b); {
		if len(b)-off < 4 {
			return nil, nil
		}
		typ, n := binary.BigEndian.Uint16(b[off:]), int(binary.BigEndian.Uint16(b[off+2:]))
		if n < 4 || off+n > len(b) {
			return nil, &BytesError{base + off, "bad property length"}
		}
		r := &reader{b: b[off+4 : off+n]}
		switch typ {
		case 0:
			p.MaxLen = r.u16()
		case 1:
			p.ID = r.u16()
		case 2:
			if v := r.u8(); v != 1 { // OFPR_ACTION
				p.Reason = fmt.Sprint(v)
			}
		case 3:
			p.UserData = r.b
		case 4:
			p.Pause = true
		case 5:
			p.MeterID = r.u32()
		default:
			return nil, nil
		}
		if r.bad {
			return nil, nil
		}
		off += (n + 7) &^ 7
	}
	return p, nil
}
