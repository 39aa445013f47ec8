package driver

import (
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
)

// TestKind checks at what branches end. A refusal ends at the sender's port, outside, or at the
// controller where only its sending is known.
func TestKind(t *testing.T) {
	for _, c := range []struct {
		b    Branch
		want string
	}{
		{Branch{Verdict: engine.Delivered, Port: "p1"}, "port"},
		{Branch{Verdict: engine.Rejected, Port: "p1"}, "port"},
		{Branch{Verdict: engine.Rejected, Port: "eth1", Outside: true}, "external"},
		{Branch{Verdict: engine.Rejected}, "controller"},
		{Branch{Verdict: engine.Controller}, "controller"},
		{Branch{Verdict: engine.Dropped}, "drop"},
		{Branch{Verdict: engine.Host, Port: "br-int"}, "host"},
		{Branch{Verdict: engine.External, Port: "eth1"}, "external"},
		{Branch{Verdict: engine.Unknown, Port: "ovn-hv2-0"}, "unknown"},
		{Branch{}, "unknown"},
	} {
		if got := c.b.Kind(); got != c.want {
			t.Errorf("%v at %q: %s, want %s", c.b.Verdict, c.b.Port, got, c.want)
		}
	}
}

// TestCause checks the words of a cause without the names of logical flows.
func TestCause(t *testing.T) {
	hit := engine.TableHit{Bridge: "br-int", Table: 44, Priority: 1001, Match: "tcp"}
	miss := engine.TableHit{Bridge: "br-int", Table: 9, Miss: true}
	for _, c := range []struct {
		cause *Cause
		want  string
	}{
		{nil, ""},
		{&Cause{}, ""},
		{&Cause{Why: "lost"}, "lost"},
		{&Cause{Why: "lost", Lookup: &Lookup{Hit: hit}}, "lost"},
		{&Cause{Lookup: &Lookup{Hit: hit}}, `dropped in table 44 of br-int by priority 1001, match "tcp"`},
		{&Cause{Lookup: &Lookup{Hit: miss}}, "no flow of table 9 on br-int matches"},
		{&Cause{Lookup: &Lookup{Hit: hit}, Punted: true}, `punted to the controller in table 44 of br-int, match "tcp"`},
	} {
		if got := c.cause.String(); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
	a, b := &Cause{Lookup: &Lookup{Hit: hit}}, &Cause{Lookup: &Lookup{Index: 7, Hit: hit}}
	if !a.same(b) || a.same(nil) || a.same(&Cause{Why: a.String()}) || !(*Cause)(nil).same(nil) {
		t.Error("what reads alike and by the same flow is the same, and nothing else")
	}
	b.Lookup.Hit.Cookie = 5
	if a.same(b) {
		t.Error("another flow")
	}
}
