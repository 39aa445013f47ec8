package session_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/driver"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/session"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// Every backend is played to its end; the first that breaks is shown, all are listed. Where only
// some go through, the session is neither established nor broken, but unknown.
func TestAlternatives(t *testing.T) {
	n := &network{servers: 2}
	n.change = map[string]func(packet.Packet, []driver.Outcome) []driver.Outcome{"SYN-ACK": func(p packet.Packet, o []driver.Outcome) []driver.Outcome {
		if p.Src == backend[1] {
			return dropped("hv2", "by ACL")(p, o)
		}
		return o
	}}
	res := play(t, n, first(packet.ProtoTCP), session.Options{})
	choice := func(i int) []engine.Choice {
		return []engine.Choice{{Kind: "lb-backend", Chosen: backend[i].String(), Share: 0.5}}
	}
	want := report.Session{Proto: "tcp", Why: "established in 1 of 2 alternatives, else broken at SYN-ACK: dropped on hv2: by ACL", Verdict: engine.Unknown, Alternatives: []report.SessionAlternative{
		{Choices: choice(0), Established: true, Verdict: engine.Delivered},
		{Choices: choice(1), BrokenAt: "SYN-ACK", Why: "dropped on hv2: by ACL", Verdict: engine.Dropped},
	}}
	if d := cmp.Diff(&want, res.Session); d != "" {
		t.Error(d)
	}
	if labels(res) != "SYN, SYN-ACK" || !res.Unknown {
		t.Errorf("shown: %s, unknown %v", labels(res), res.Unknown)
	}
	if len(n.log) != 1+3-1+1 {
		t.Errorf("sent %q", n.log)
	}

	// A session that breaks in all of them is broken.
	n.change = map[string]func(packet.Packet, []driver.Outcome) []driver.Outcome{"SYN-ACK": dropped("hv2", "by ACL")}
	res = play(t, n, first(packet.ProtoTCP), session.Options{})
	if s := res.Session; res.Unknown || s.BrokenAt != "SYN-ACK" || s.Verdict != engine.Dropped || len(s.Alternatives) != 2 {
		t.Errorf("%+v", s)
	}

	// An error in one of them: it is the one that is shown, and the session is unknown, though another
	// is broken.
	n.change = map[string]func(packet.Packet, []driver.Outcome) []driver.Outcome{"SYN-ACK": func(p packet.Packet, o []driver.Outcome) []driver.Outcome {
		if p.Src == backend[0] {
			return dropped("hv2", "by ACL")(p, o)
		}
		return o
	}}
	gone := errors.New("chassis hv2 is gone")
	n.t, n.fail = t, map[string]error{"ACK": gone}
	res, err := run(t, n, entry, first(packet.ProtoTCP), session.Options{})
	if s := res.Session; !errors.Is(err, gone) || !res.Unknown || s.Established || s.BrokenAt != "ACK" || s.Why != gone.Error() || s.Verdict != engine.Unknown ||
		labels(res) != "SYN, SYN-ACK, ACK" || len(s.Alternatives) != 2 || s.Alternatives[0].Verdict != engine.Dropped {
		t.Errorf("%v: %+v, shown %s", err, s, labels(res))
	}
	// An error in the first: the second was not played.
	n.change, n.fail = nil, map[string]error{"reply start": gone}
	res, err = run(t, n, entry, first(packet.ProtoTCP), session.Options{})
	if s := res.Session; !errors.Is(err, gone) || !res.Unknown || s.BrokenAt != "SYN-ACK" || labels(res) != "SYN" || len(s.Alternatives) > 1 || res.Verdict != engine.Unknown {
		t.Errorf("%v: %+v, shown %s", err, s, labels(res))
	}

	n.change, n.fail = nil, nil
	res = play(t, n, first(packet.ProtoTCP), session.Options{})
	if !res.Session.Established || len(res.Session.Alternatives) != 2 || labels(res) != "SYN, SYN-ACK, ACK" {
		t.Errorf("%+v %s", res.Session, labels(res))
	}
}

// A reply lists the undetermined choices of the packet that it answers, with that packet's label.
func TestReplyDependsOnChoices(t *testing.T) {
	choices := []engine.Choice{{Kind: "nat-port", Chosen: "1024-65535", Share: 1}, {Kind: "lb-backend", Chosen: "20.0.0.3", Determined: true}}
	n := &network{change: map[string]func(packet.Packet, []driver.Outcome) []driver.Outcome{"SYN": func(_ packet.Packet, o []driver.Outcome) []driver.Outcome {
		o[0].Branches[0].Choices = choices
		return o
	}}}
	play(t, n, first(packet.ProtoTCP), session.Options{Close: "fin"})
	want := [][]engine.Choice{nil, {{Kind: "nat-port", Chosen: "1024-65535", Share: 1, Of: "SYN"}}, nil, nil, {{Kind: "nat-port", Chosen: "1024-65535", Share: 1, Of: "SYN"}}, nil}
	if d := cmp.Diff(want, n.choices); d != "" {
		t.Error(d)
	}
}

// An alternative's entries are its own.
func TestAlternativesDoNotShareEntries(t *testing.T) {
	n := &network{servers: 2}
	res := play(t, n, first(packet.ProtoTCP), session.Options{})
	if has(res.World, "server 1") || !has(res.World, "server 0") {
		t.Errorf("world %v", res.World)
	}
}

func TestTooManyAlternatives(t *testing.T) {
	n := &network{change: map[string]func(packet.Packet, []driver.Outcome) []driver.Outcome{"SYN": func(_ packet.Packet, o []driver.Outcome) []driver.Outcome {
		for len(o) < session.MaxChains+1 {
			o = append(o, o[0])
		}
		return o
	}}}
	res := play(t, n, first(packet.ProtoTCP), session.Options{})
	if res.Session.Established || !res.Unknown || !strings.Contains(res.Session.Why, "more were not") || len(n.log) > 3*session.MaxChains {
		t.Errorf("%d sent, %+v", len(n.log), res.Session)
	}
	n.change["SYN-ACK"] = dropped("hv2", "by ACL")
	if res = play(t, n, first(packet.ProtoTCP), session.Options{}); !res.Unknown || res.Session.BrokenAt != "" || !strings.Contains(res.Session.Why, "are broken") {
		t.Errorf("all that were played break: %+v", res.Session)
	}
}

// With an error the session returns what was played before.
func TestErrors(t *testing.T) {
	broken := errors.New("chassis hv2: trace: no answer")
	n := &network{servers: 1, fail: map[string]error{"SYN-ACK": broken}}
	res, err := run(t, n, entry, first(packet.ProtoTCP), session.Options{})
	if !errors.Is(err, broken) || labels(res) != "SYN, SYN-ACK" || res.Session.Established || res.Session.BrokenAt != "SYN-ACK" {
		t.Errorf("%v %+v", err, res)
	}
	n = &network{servers: 1, fail: map[string]error{"reply start": broken}}
	res, err = run(t, n, entry, first(packet.ProtoTCP), session.Options{})
	if !errors.Is(err, broken) || res.Session.Established || res.Session.BrokenAt != "SYN-ACK" || labels(res) != "SYN" {
		t.Errorf("%v %+v", err, res)
	}
}

// Settle is called after every packet that arrived, and returns the world of the next one.
func TestSettle(t *testing.T) {
	n := &network{}
	var asked []int
	res := play(t, n, first(packet.ProtoTCP), session.Options{Settle: func(_ context.Context, w driver.World) (driver.World, error) {
		asked = append(asked, len(w.Overlays))
		return driver.World{Overlays: map[string]ctstate.OverlayData{"settled": {}, "server 0": {}}}, nil
	}})
	if !res.Session.Established || len(asked) != 3 || !strings.Contains(n.log[1], "after 2") || !strings.Contains(n.log[2], "after 2") {
		t.Errorf("%+v %v %q", res.Session, asked, n.log)
	}
	broken := errors.New("no room in the table")
	n = &network{servers: 1}
	res, err := run(t, n, entry, first(packet.ProtoTCP), session.Options{Settle: func(context.Context, driver.World) (driver.World, error) {
		return driver.World{}, broken
	}})
	if !errors.Is(err, broken) || res.Session.Established {
		t.Errorf("%v %+v", err, res)
	}
}

// TestVerdict: a broken handshake has the verdict of the packet that broke it, an established one
// that of the first packet.
func TestVerdict(t *testing.T) {
	turned := func(p packet.Packet, o []driver.Outcome) []driver.Outcome {
		o[0].Branches[0].Packet.Src = client
		return o
	}
	outside := func(_ packet.Packet, o []driver.Outcome) []driver.Outcome {
		o[0].Branches[0].Verdict = engine.External
		return o
	}
	for _, c := range []struct {
		label  string
		change func(packet.Packet, []driver.Outcome) []driver.Outcome
		want   engine.Verdict
		whole  bool
	}{
		{"none", nil, engine.Delivered, true},
		{"SYN", outside, engine.External, true},
		{"SYN", dropped("hv1", "acl"), engine.Dropped, false},
		{"SYN-ACK", dropped("hv2", "acl"), engine.Dropped, false},
		{"ACK", dropped("hv2", "acl"), engine.Dropped, false},
		{"SYN-ACK", turned, engine.Delivered, false}, // delivered, and not as the client expects it
	} {
		n := &network{t: t, servers: 1, change: map[string]func(packet.Packet, []driver.Outcome) []driver.Outcome{c.label: c.change}}
		if c.change == nil {
			n.change = nil
		}
		res, err := run(t, n, entry, first(packet.ProtoTCP), session.Options{})
		if err != nil || res.Session.Verdict != c.want || res.Session.Established != c.whole {
			t.Errorf("%s: %v, established %v, %v; want %v, %v", c.label, res.Session.Verdict, res.Session.Established, err, c.want, c.whole)
		}
	}
	// One server of two drops: both alternatives have their own verdict.
	n := &network{t: t, servers: 2, change: map[string]func(packet.Packet, []driver.Outcome) []driver.Outcome{
		"SYN": func(p packet.Packet, o []driver.Outcome) []driver.Outcome {
			o[1].Branches[0].Verdict = engine.Rejected
			return o
		}}}
	res, err := run(t, n, entry, first(packet.ProtoTCP), session.Options{})
	if err != nil || len(res.Session.Alternatives) != 2 || res.Session.Verdict != engine.Unknown ||
		res.Session.Alternatives[0].Verdict != engine.Delivered || res.Session.Alternatives[1].Verdict != engine.Rejected {
		t.Errorf("alternatives: %+v, %v", res.Session, err)
	}
}
