package engine

import (
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
)

// Carried is what the undetermined choices of earlier packets leave on a node for later ones: the
// values of hashes, and the choices that conntrack entries depend on. A caller takes it from an
// Outcome and gives it to the next Request on that node.
type Carried struct {
	Hashes  []HashValue    `json:"hashes,omitempty"`
	Entries []EntryChoices `json:"entries,omitempty"`
}

// HashValue is what is known of a hash that the datapath computes. Packets whose hashed fields are
// the same have the same hash.
type HashValue struct {
	Of      string   `json:"of"`                // algorithm, basis and hashed fields; for comparison only
	Mask    uint32   `json:"mask"`              // the known bits of the hash; 0: nothing is known
	Values  []uint32 `json:"values"`            // possible values of those bits; the other bits are 0
	Choices []Choice `json:"choices,omitempty"` // the choices that this knowledge depends on
}

// EntryChoices are the choices that led to a conntrack entry: a packet that the entry translates
// depends on them.
type EntryChoices struct {
	Zone    uint16        `json:"zone"`
	Orig    ctstate.Tuple `json:"orig"`
	Choices []Choice      `json:"choices,omitempty"`
	// Made reports whether this trace made the entry: choices from before the trace are then not
	// listed yet.
	Made bool `json:"made,omitempty"`
}

// hash returns what is known of a hash; if nothing is, a HashValue with Mask 0.
func (c *Carried) hash(of string) HashValue {
	for _, h := range c.Hashes {
		if h.Of == of {
			return h
		}
	}
	return HashValue{Of: of}
}

// learn records what is now known of a hash. The list is copied: alternatives share the old one.
func (c *Carried) learn(h HashValue) {
	c.Hashes = append(slices.DeleteFunc(slices.Clone(c.Hashes), func(o HashValue) bool { return o.Of == h.Of }), h)
}

// of returns the choices that an entry depends on.
func (c *Carried) of(e *ctstate.Entry) []Choice {
	for _, x := range c.Entries {
		if x.Zone == e.Zone && x.Orig == e.Orig {
			return x.Choices
		}
	}
	return nil
}

// made records the choices that a new entry depends on; it replaces those of an earlier entry with
// the same tuple.
func (c *Carried) made(x EntryChoices) {
	c.Entries = slices.DeleteFunc(slices.Clone(c.Entries), func(o EntryChoices) bool { return o.Zone == x.Zone && o.Orig == x.Orig })
	c.Entries = append(c.Entries, x)
}

// Lists reports whether a choice is carried.
func (c Carried) Lists(choice Choice) bool {
	return slices.ContainsFunc(c.Hashes, func(h HashValue) bool { return slices.Contains(h.Choices, choice) }) ||
		slices.ContainsFunc(c.Entries, func(e EntryChoices) bool { return slices.Contains(e.Choices, choice) })
}

// Mapped returns c with every list of choices replaced by what f returns for it.
func (c Carried) Mapped(f func([]Choice) []Choice) Carried {
	var out Carried
	for _, h := range c.Hashes {
		h.Choices = f(h.Choices)
		out.Hashes = append(out.Hashes, h)
	}
	for _, e := range c.Entries {
		e.Choices = f(e.Choices)
		out.Entries = append(out.Entries, e)
	}
	return out
}

// joined returns a new list of the choices in list and then those in more that are not in list.
func joined(list, more []Choice) []Choice {
	out := list[:len(list):len(list)]
	for _, c := range more {
		if !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	return out
}

// possible reports whether a hash can have the value x.
func (h HashValue) possible(x uint32) bool {
	return h.Mask == 0 || slices.Contains(h.Values, x&h.Mask)
}

// widened returns h for a mask that contains h's own: the hashes of groups use the low bits
// (ofproto/ofproto-dpif.c: group_setup_dp_hash_table).
func (h HashValue) widened(mask uint32) HashValue {
	out := HashValue{Of: h.Of, Mask: mask, Choices: h.Choices}
	for x := uint32(0); x <= mask; x++ {
		if h.possible(x) {
			out.Values = append(out.Values, x)
		}
	}
	return out
}

// either returns what is known of a hash if one of two alternatives happens.
func (h HashValue) either(o HashValue) HashValue {
	mask := max(h.Mask, o.Mask)
	h, o = h.widened(mask), o.widened(mask)
	h.Values = append(h.Values, o.Values...)
	slices.Sort(h.Values)
	h.Values = slices.Compact(h.Values)
	h.Choices = slices.DeleteFunc(slices.Clone(h.Choices), func(c Choice) bool { return !slices.Contains(o.Choices, c) })
	return h
}

// either returns what is carried on if one of two alternatives happens that leave the same entries:
// a hash that only one of them has computed is unknown, and an entry depends on the choices that it
// depends on in both.
func (c Carried) either(o Carried) Carried {
	var out Carried
	for _, h := range c.Hashes {
		if other := o.hash(h.Of); h.Mask != 0 && other.Mask != 0 {
			out.Hashes = append(out.Hashes, h.either(other))
		}
	}
	for _, e := range c.Entries {
		same := o.of(&ctstate.Entry{Zone: e.Zone, Orig: e.Orig})
		e.Choices = slices.DeleteFunc(slices.Clone(e.Choices), func(c Choice) bool { return !slices.Contains(same, c) })
		out.Entries = append(out.Entries, e)
	}
	return out
}
