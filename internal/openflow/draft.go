package openflow

import (
	"fmt"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
)

// slot is a member of struct flow: the field that gave it, and whether its value is not zero.
type slot struct {
	name string // in draft.given, or "word"
	set  bool
}

// draft collects fields under one name each; they are then read in the order of their
// prerequisites.
type draft struct {
	given map[string]Field
	slots map[string]slot // by slotOf
	regs  [32]bool        // the registers that are not zero
	tci   uint64          // of the first tag, from the fields so far
	tag   Field           // the last of them
	twice *FieldError     // the first field whose slot was given before
	err   error
	p     packet.Packet
}

// take records a field. Like parse_ofp_exact_flow (lib/ofp-flow.c), it rejects a field that was
// given before with bits other than zero (mf_is_set); a later value replaces a zero.
func (d *draft) take(f Field) error {
	if w, ok := protoWord(f.Name); ok { // whatever its value, as ofp_parse_protocol's callers
		return d.takeWord(f, w)
	}
	name := canonical(f.Name)
	metadata := IsMetadata(name)
	switch {
	case metadata:
	case !ofPacket(name):
		return &FieldError{f, "unknown field"}
	case f.Mask != "" && !fullMask(f):
		return &FieldError{f, "a packet has values, not masks"}
	}
	switch name {
	case "dl_vlan", "vlan_vid", "dl_vlan_pcp", "vlan_tci":
		return d.takeTCI(name, f)
	}
	if first, n, ok := regRange(name); ok {
		return d.takeRegister(f, first, n)
	}
	d.claim(name, f)
	if !metadata {
		d.given[name] = f
	}
	return nil
}

// takeWord records a protocol word.
func (d *draft) takeWord(f Field, w word) error {
	if d.slots["dl_type"].set {
		return &FieldError{f, "Ethernet type set multiple times"}
	}
	if w.proto != 0 && d.slots["nw_proto"].set {
		return &FieldError{f, "network protocol set multiple times"}
	}
	d.given["word"] = f
	d.slots["dl_type"] = slot{name: "word", set: true}
	if w.proto != 0 {
		d.slots["nw_proto"] = slot{name: "word", set: true}
	}
	d.p.EthType, d.p.Proto = w.ethType, w.proto
	return nil
}

// claim records the field of a slot. A second field is reported only at the end: if the packet's
// kind does not have the field, that error has precedence.
func (d *draft) claim(name string, f Field) {
	at := slotOf(name)
	old := d.slots[at]
	if !old.set {
		delete(d.given, old.name)
		d.slots[at] = slot{name: name, set: !isZero(f)}
		return
	}
	msg := "field set multiple times"
	switch {
	case old.name == "word" && at == "dl_type":
		msg = "Ethernet type set multiple times"
	case old.name == "word":
		msg = "network protocol set multiple times"
	}
	if d.twice == nil {
		d.twice = &FieldError{f, msg}
	}
}

// isZero reports whether a field's value is zero, in any notation.
func isZero(f Field) bool {
	if f.Name == "packet_type" {
		ns, id, ok := parsePacketType(f.Value)
		return ok && ns == 0 && id == 0
	}
	return (strings.Trim(strings.TrimPrefix(f.Value, "0x"), "0:.") == "" || f.Value == "no") && !strings.HasPrefix(f.Name, "tun_metadata")
}

// takeRegister records a register: the same bits must not be given twice.
func (d *draft) takeRegister(f Field, first, n int) error {
	v, ok := ParseU128(f.Value)
	if !ok || n < 4 && v.Hi != 0 || n == 1 && v.Lo>>32 != 0 {
		return &FieldError{f, fmt.Sprintf("not a number of %d bits", 32*n)}
	}
	words := []uint64{v.Hi >> 32, v.Hi, v.Lo >> 32, v.Lo}[4-n:]
	for i := range words {
		if d.regs[first+i] {
			return &FieldError{f, "field set multiple times"}
		}
	}
	for i, w := range words {
		d.regs[first+i] = uint32(w) != 0
	}
	return nil
}

// takeTCI records a field of the first tag, in its bits of struct flow (flow_set_dl_vlan and
// similar functions).
func (d *draft) takeTCI(name string, f Field) error {
	const cfi = 0x1000
	d.tag = f
	v, ok := parseUint(f.Value)
	if !ok {
		return &FieldError{f, "not a number"}
	}
	none := name == "dl_vlan" && v == 0xffff // OFP10_VLAN_NONE
	top := map[string]uint64{"dl_vlan": 0xfff, "vlan_vid": 0x1fff, "dl_vlan_pcp": 7, "vlan_tci": 0xffff}[name]
	if v > top && !none {
		return &FieldError{f, fmt.Sprintf("larger than %d", top)}
	}
	bits, set := top, v
	switch name {
	case "dl_vlan":
		set |= cfi
	case "dl_vlan_pcp":
		bits, set = 7<<13, v<<13|cfi
	}
	switch {
	case d.tci&bits != 0:
		return &FieldError{f, "field set multiple times"}
	case none:
		d.tci = 0
	default:
		d.tci = d.tci&^bits | set
	}
	return nil
}
