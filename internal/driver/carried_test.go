package driver

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
)

// An entry depends on the choices before the visit that made it and on those of the visit; a
// repeated choice is listed once.
func TestEntriesDependOnTheWholeWay(t *testing.T) {
	e := entryOf(80).Entries[0].Entry
	syn := engine.Choice{Kind: "nat-port", Chosen: "1-2", Of: "SYN"}
	route, backend := engine.Choice{Kind: "ecmp", Chosen: "a", Share: 0.5}, engine.Choice{Kind: "lb-backend", Chosen: "b", Share: 0.5}
	twin := route // another route of the same look
	made := func(cs ...engine.Choice) *engine.Outcome {
		return &engine.Outcome{Carried: engine.Carried{Entries: []engine.EntryChoices{{Zone: e.Zone, Orig: e.Orig, Choices: cs, Made: true}}}}
	}
	for name, c := range map[string]struct {
		before []engine.Choice
		o      *engine.Outcome
		want   []engine.Choice
	}{
		"none":        {nil, made(), nil},
		"visit's own": {nil, made(backend), []engine.Choice{backend}},
		"before":      {[]engine.Choice{syn, route}, made(), []engine.Choice{syn, route}},
		"both":        {[]engine.Choice{syn, route}, made(syn, twin, backend), []engine.Choice{syn, route, twin, backend}},
	} {
		w := World{}.After("hv1", c.o, c.before)
		if got := choicesOf(w, "hv1"); cmp.Diff(c.want, got) != "" {
			t.Errorf("%s: %+v", name, got)
		}
		if c.want == nil && w.Carried != nil && len(w.Carried) > 0 {
			t.Errorf("%s: something is carried: %+v", name, w.Carried)
		}
	}
	// A choice that a visit repeats from an earlier visit is the same choice.
	w := World{}.After("hv1", made(route), nil)
	if got := choicesOf(w.After("hv1", made(route), []engine.Choice{route}), "hv1"); len(got) != 1 {
		t.Errorf("repeated: %+v", got)
	}
	// Later packets list a choice under the packet's label; a determined one is not listed.
	w = World{}.After("hv1", made(syn, route, engine.Choice{Kind: "lb-backend", Determined: true}), nil)
	if got := choicesOf(w.Ended("ACK"), "hv1"); cmp.Diff([]engine.Choice{syn, {Kind: "ecmp", Chosen: "a", Share: 0.5, Of: "ACK"}}, got) != "" {
		t.Errorf("ended: %+v", got)
	}
	if len(choicesOf(w, "hv1")) != 3 || choicesOf(w, "hv1")[1].Of != "" {
		t.Error("the world before has been changed")
	}
}

func choicesOf(w World, chassis string) []engine.Choice {
	for _, e := range w.Carried[chassis].Entries {
		return e.Choices
	}
	return nil
}

// The entries that one packet leaves on a chassis are given to that chassis for the next packet,
// separately in each alternative. Choices of earlier packets are listed and lead to no
// alternatives.
func testCarried(t *testing.T, sb *ovn.SB) {
	hv1, hv2 := chassis("hv1", "sw0-p1"), chassis("hv2", "sw1-p1")
	leaf := output(hv1.port(t, "tap0"), tcpSYN())
	r := choose(leaf, leaf)
	for i, o := range r.Outcomes {
		o.Carried.Hashes = []engine.HashValue{{Of: "l4", Mask: 1, Values: []uint32{uint32(i)}, Choices: o.Choices}}
	}
	hv1.trace = same(r)
	d := &Driver{SB: sb, Nodes: fakeNodes{"hv1": hv1, "hv2": hv2}}
	sent := send(t, d, tcpSYN())
	for i, o := range sent.Outcomes {
		var asked engine.Carried
		hv1.trace = func(req node.TraceRequest) (*engine.Result, error) {
			asked = req.Carried
			l := leaf
			l.Choices = append([]engine.Choice{}, req.Carried.Hashes[0].Choices...)
			res := result(l, output(hv1.port(t, "tap0"), req.Packet))
			res.Outcomes[0].Carried = req.Carried
			return res, nil
		}
		next, err := d.Send(t.Context(), o.World, fromHV1, tcpSYN(), "ACK", "original")
		if err != nil {
			t.Fatal(err)
		}
		if h := asked.Hashes[0]; h.Values[0] != uint32(i) || h.Choices[0].Of != "SYN" {
			t.Errorf("asked with %+v", h)
		}
		if c := next.Branches[0].Choices; len(c) != 1 || c[0].Of != "SYN" || c[0].Determined || len(next.Outcomes) != 1 || len(next.Outcomes[0].Choices) != 0 {
			t.Errorf("%+v", next.Branches[0])
		}
		if !copies(next.Branches) {
			t.Error("two copies, one of which depends on an earlier packet's choice, both happen")
		}
		hv1.trace = same(r)
	}
}

// An alternative of an earlier packet is not an alternative of this one.
func TestEarlierChoicesExcludeNothing(t *testing.T) {
	of := func(v engine.Verdict, cs ...engine.Choice) *Branch {
		return &Branch{Verdict: v, Choices: cs}
	}
	syn := engine.Choice{Kind: "ecmp", Chosen: "a", Share: 0.5, Of: "SYN"}
	list := []*Branch{of(engine.Dropped, syn), of(engine.Delivered)}
	if v := verdictOf(list, true); v != engine.Delivered {
		t.Errorf("a flood of which one copy arrives is %v", v)
	}
	var zone ctstate.OverlayData
	if w := (World{}).with("hv1", zone).Ended("SYN"); w.Carried != nil {
		t.Error("nothing is carried")
	}
}
