package engine

import (
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
)

// Carried is what the undetermined choices of the packets before leave on a node for those that
// come: how hashes fell, and which entries are as they are because of a choice. A caller takes it
// from an Outcome and gives it to the next Request on that node.
type Carried struct {
	Hashes  []HashValue    `json:"hashes,omitempty"`
	Entries []EntryChoices `json:"entries,omitempty"`
}

// HashValue is what is known of a hash that the datapath computes. Packets whose hashed fields are
// the same have the same hash.
type HashValue struct {
	Of      string   `json:"of"`                // algorithm, basis and hashed fields: only good for comparison
	Mask    uint32   `json:"mask"`              // the bits of which something is known; 0: nothing is
	Values  []uint32 `json:"values"`            // what those bits may be; the others are 0
	Choices []Choice `json:"choices,omitempty"` // those that made it known
}

// EntryChoices are the choices that led to a conntrack entry: a packet that the entry translates
// depends on them.
type EntryChoices struct {
	Zone    uint16        `json:"zone"`
	Orig    ctstate.Tuple `json:"orig"`
	Choices []Choice      `json:"choices,omitempty"`
	// Made says that the entry was made in the trace whose Outcome this is: choices made before
	// that trace are not listed yet.
	Made bool `json:"made,omitempty"`
}

// hash finds what is known of a hash; the zero HashValue where nothing is.
func (c *Carried) hash(of string) HashValue {
	for _, h := range c.Hashes {
		if h.Of == of {
			return h
		}
	}
	return HashValue{Of: of}
}

// learn notes what is known of a hash now. The list is copied: alternatives share the old one.
func (c *Carried) learn(h HashValue) {
	c.Hashes = append(slices.DeleteFunc(slices.Clone(c.Hashes), func(o HashValue) bool { return o.Of == h.Of }), h)
}

// of lists the choices that an entry depends on.
func (c *Carried) of(e *ctstate.Entry) []Choice {
	for _, x := range c.Entries {
		if x.Zone == e.Zone && x.Orig == e.Orig {
			return x.Choices
		}
	}
	return nil
}

// made notes which choices a new entry depends on; it replaces one of the same connection.
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

// joined adds choices to others, those left out that are there already. The list is copied.
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

// widened is h under a mask that has the bits of its own and others: hashes of groups use the low
// bits (ofproto/ofproto-dpif.c: group_setup_dp_hash_table).
func (h HashValue) widened(mask uint32) HashValue {
	out := HashValue{Of: h.Of, Mask: mask, Choices: h.Choices}
	for x := uint32(0); x <= mask; x++ {
		if h.possible(x) {
			out.Values = append(out.Values, x)
		}
	}
	return out
}

// either is what is known of a hash where one of two alternatives happens.
func (h HashValue) either(o HashValue) HashValue {
	mask := max(h.Mask, o.Mask)
	h, o = h.widened(mask), o.widened(mask)
	h.Values = append(h.Values, o.Values...)
	slices.Sort(h.Values)
	h.Values = slices.Compact(h.Values)
	h.Choices = slices.DeleteFunc(slices.Clone(h.Choices), func(c Choice) bool { return !slices.Contains(o.Choices, c) })
	return h
}

// either is what is carried on where one of two alternatives happens that leave the same entries:
// of a hash that only one of them has computed nothing is known, and an entry depends on what it
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
