package campaign

import (
	"math/rand/v2"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab"
)

// Every kind draws complete instances, whatever the seed.
func TestDraw(t *testing.T) {
	if n := len(All()); n < 30 {
		t.Errorf("%d kinds", n)
	}
	topo := lab.Base()
	names := map[string]bool{}
	for _, k := range All() {
		if names[k.Name] {
			t.Errorf("%s: twice", k.Name)
		}
		names[k.Name] = true
		different := map[string]bool{}
		for seed := range uint64(200) {
			d := &draw{rand.New(rand.NewPCG(seed, 1)), topo, 7}
			in := k.Draw(d)
			different[in.What] = true
			switch {
			case in.What == "" || len(in.Asks) == 0:
				t.Fatalf("%s: nothing is said or asked: %+v", k.Name, in)
			case len(in.Inject) == 0 && in.Act == nil || len(in.Mend) == 0 && in.Repair == nil:
				t.Fatalf("%s: nothing is injected or mended", k.Name)
			case in.Flow.From == "" && in.Shows == nil:
				t.Fatalf("%s: nothing shows the fault", k.Name)
			}
			for _, a := range in.Asks {
				if len(a.Codes) == 0 || len(a.Codes) > 2 || len(a.Args) == 0 {
					t.Fatalf("%s: %+v", k.Name, a)
				}
			}
			for _, cmd := range append(append(append(in.Setup, in.Teardown...), in.Inject...), in.Mend...) {
				if _, err := lab.SplitWords(cmd); err != nil {
					t.Fatalf("%s: %v", k.Name, err)
				}
			}
		}
		if len(different) < 2 {
			t.Errorf("%s: only %v", k.Name, different)
		}
	}
}

// A kind is left out where its datapath or release cannot have the fault.
func TestImpossible(t *testing.T) {
	for _, c := range []struct {
		kind              Kind
		datapath, version string
		want              bool
	}{
		{Kind{}, "", "7.11.0", false},
		{Kind{Only: lab.Userspace}, lab.Userspace, "7.0.0", false},
		{Kind{Only: lab.Userspace}, "", "7.0.0", true},
		{Kind{Until: "7.11"}, "", "7.6.0", false},
		{Kind{Until: "7.11"}, "", "7.11.0", true},
	} {
		if why := c.kind.Impossible(c.datapath, &lab.Schema{Version: c.version}); (why != "") != c.want {
			t.Errorf("%+v on %q of %s: %q", c.kind, c.datapath, c.version, why)
		}
	}
}
