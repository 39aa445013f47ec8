package report

import (
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
)

// at is a branch that came out at a port.
func at(port string) *Branch {
	return &Branch{Verdict: engine.Delivered, End: End{Kind: "port", Port: port}}
}

// by is a branch that an ACL decided.
func by(v engine.Verdict, acl string) *Branch {
	return &Branch{Verdict: v, Reason: &Reason{NB: &NB{Table: "ACL", UUID: "uuid of " + acl, Name: acl}}}
}

func mirrored(b *Branch) *Branch {
	b.Mirror = "m"
	return b
}

func packetOf(v engine.Verdict, branches ...*Branch) *Packet {
	return &Packet{Verdict: v, Branches: branches}
}

func TestEnded(t *testing.T) {
	for _, c := range []struct {
		name string
		p    *Packet
		want bool // delivered at p1
	}{
		{"there", packetOf(engine.Delivered, at("p1")), true},
		{"elsewhere", packetOf(engine.Delivered, at("p2")), false},
		{"nowhere", packetOf(engine.Unknown), false},
		{"in one of two ways", packetOf(engine.Dropped, at("p1"), by(engine.Dropped, "a")), false},
		{"with a copy", packetOf(engine.Delivered, at("p1"), mirrored(at("p2"))), true},
		{"a copy alone", packetOf(engine.Dropped, by(engine.Dropped, "a"), mirrored(at("p1"))), false},
		{"flooded", &Packet{Flood: true, Verdict: engine.Delivered, Branches: []*Branch{at("p1"), at("p2"), by(engine.Dropped, "a")}}, true},
		{"flooded elsewhere", &Packet{Flood: true, Verdict: engine.Delivered, Branches: []*Branch{at("p2"), at("p3")}}, false},
	} {
		r := &Report{Packets: []*Packet{c.p}}
		if got := r.Delivered("p1"); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
	flood := &Packet{Flood: true, Verdict: engine.Delivered, Branches: []*Branch{at("p1"), by(engine.Dropped, "a")}}
	if flood.Ended("", engine.Dropped) {
		t.Error("a flood that is delivered somewhere was dropped")
	}
	if !packetOf(engine.External, &Branch{Verdict: engine.External}, at("p1")).Ended("p1", engine.Delivered, engine.External) {
		t.Error("neither of two verdicts")
	}
	if !(&Report{Packets: []*Packet{packetOf(engine.Delivered, at("p1"))}}).Delivered("") {
		t.Error("an empty port is not any")
	}
	if (&Report{}).Delivered("") {
		t.Error("no packet was delivered")
	}
}

func TestDecidedBy(t *testing.T) {
	drop := func() *Packet { return packetOf(engine.Dropped, by(engine.Dropped, "a")) }
	broken := func(alt ...SessionAlternative) *Session {
		return &Session{BrokenAt: "SYN", Why: "a drops it", Alternatives: alt}
	}
	for _, c := range []struct {
		name    string
		r       *Report
		dropped bool
	}{
		{"dropped", &Report{Packets: []*Packet{drop()}}, true},
		{"by another", &Report{Packets: []*Packet{packetOf(engine.Dropped, by(engine.Dropped, "b"))}}, false},
		{"by no row", &Report{Packets: []*Packet{packetOf(engine.Dropped, &Branch{Verdict: engine.Dropped, Reason: &Reason{}})}}, false},
		{"without a reason", &Report{Packets: []*Packet{packetOf(engine.Dropped, &Branch{Verdict: engine.Dropped})}}, false},
		{"by two", &Report{Packets: []*Packet{packetOf(engine.Dropped, by(engine.Dropped, "a"), by(engine.Dropped, "b"))}}, false},
		{"rejected", &Report{Packets: []*Packet{packetOf(engine.Rejected, by(engine.Rejected, "a"))}}, false},
		{"in one of two ways", &Report{Packets: []*Packet{packetOf(engine.Dropped, by(engine.Dropped, "a"), at("p1"))}}, false},
		{"beside a copy", &Report{Packets: []*Packet{packetOf(engine.Dropped, by(engine.Dropped, "a"), mirrored(at("p1")))}}, true},
		{"the reply", &Report{Packets: []*Packet{packetOf(engine.Delivered, at("p1")), drop()}, Session: broken()}, true},
		{"session goes through", &Report{Packets: []*Packet{drop()}, Session: &Session{Established: true}}, false},
		{"each time", &Report{Packets: []*Packet{drop()}, Session: broken(SessionAlternative{BrokenAt: "SYN", Why: "a drops it"})}, true},
		{"for another reason too", &Report{Packets: []*Packet{drop()}, Session: broken(SessionAlternative{BrokenAt: "SYN", Why: "b drops it"})}, false},
		{"at another packet too", &Report{Packets: []*Packet{drop()}, Session: broken(SessionAlternative{BrokenAt: "ACK", Why: "a drops it"})}, false},
		{"nothing sent", &Report{}, false},
	} {
		for _, row := range []string{"a", "uuid of a"} {
			if got := c.r.DroppedBy("ACL", row); got != c.dropped {
				t.Errorf("%s: dropped by %s: %v", c.name, row, got)
			}
		}
		if c.r.DroppedBy("NAT", "a") || c.r.DroppedBy("ACL", "") {
			t.Errorf("%s: dropped by a row of another table, or by none", c.name)
		}
		if got, want := c.r.RejectedBy("ACL", "a"), c.name == "rejected"; got != want {
			t.Errorf("%s: rejected by a: %v", c.name, got)
		}
	}
}

func TestEstablished(t *testing.T) {
	if (&Report{}).Established() || (&Report{Session: &Session{BrokenAt: "SYN"}}).Established() || !(&Report{Session: &Session{Established: true}}).Established() {
		t.Error("Established is not the session's")
	}
}
