package ofreplay

import (
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/oftrace"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow"
)

// check compares a line "FIELD is now VALUE" with the machine. For fields that the section's flow
// does not print, such as the tun_id of a flow without tun_flags, the trace is right.
func (w *walker) check(text string) {
	_, now, ok := strings.Cut(text, " is now ")
	var dst Subfield
	unprinted := false
	switch a := w.moved.(type) {
	case Move:
		dst = a.Dst
		unprinted = isOther(a.Src.Field.Name) && w.m.other[a.Src.Field.Name] == nil
	case Pop:
		dst = a.Dst
	default:
		return
	}
	if !ok || w.m.lost != "" || isOther(dst.Field.Name) {
		return
	}
	want := parseInteger(now, (dst.Bits+7)/8)
	if dst.Bits == dst.Field.Bits && dst.Field.format != fmtHex && dst.Field.format != fmtDecimal {
		want = dst.Field.parse(now)
	}
	switch {
	case want == nil:
	case unprinted:
		w.m.writeBits(dst, toBits(want, dst.Bits))
	case !slices.Equal(w.m.readBits(dst), toBits(want, dst.Bits)):
		w.wrong = append(w.wrong, text)
		w.m.lost = "the trace says " + text + ", which is not what its actions give"
	}
}

// matches compares the registers in a table's match with the machine.
func (w *walker) matches(hit oftrace.TableHit) {
	match := hit.Match
	f, err := openflow.Parse(match)
	if err != nil || w.m.lost != "" {
		return
	}
	if hit.Priority == 0 && hit.Cookie == 0 && len(f.Fields) == 1 && f.Fields[0].Name == "reg0" {
		return // one of ofproto-dpif's own rules for a miss (add_internal_miss_flow), printed under the wrong table
	}
	for _, fd := range f.Fields {
		fl := FieldNamed(fd.Name)
		if fl == nil {
			continue
		}
		if _, _, ok := fl.Registers(); !ok && fd.Name != "metadata" {
			continue
		}
		v, _ := w.m.get(fl)
		want, mask := fl.parse(fd.Value), fl.parse(fd.Mask)
		for i := range want {
			m := byte(0xff)
			if mask != nil {
				m = mask[i]
			}
			if v[i]&m != want[i]&m {
				w.wrong = append(w.wrong, match)
				w.m.lost = "the trace matched " + match + ", which is not what its actions give"
				return
			}
		}
	}
}
