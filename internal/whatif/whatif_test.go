package whatif

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/connection"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/driver"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/failure"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/question"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/replica"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// A request that would compare nothing, or another thing than what is asked, is refused before
// anything is read.
func TestCheck(t *testing.T) {
	hv1, far := &ovn.Chassis{Name: "hv1"}, &ovn.Chassis{Name: "far", OtherConfig: map[string]string{"is-remote": "true"}}
	for _, c := range []struct {
		req  Request
		want string
	}{
		{Request{Chassis: []*ovn.Chassis{hv1}, Change: replica.Change{Down: []string{"hv1"}}}, ""},
		{Request{}, "no chassis to copy"},
		{Request{Chassis: []*ovn.Chassis{hv1, far}}, "far is in another zone"},
		{Request{Chassis: []*ovn.Chassis{hv1}, Change: replica.Change{Down: []string{"hv1", "hv9"}}}, "--down hv9"},
	} {
		err := c.req.check()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || failure.KindOf(err) != failure.Input) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
}

// A port that only one of the two has is a difference, also if it is on no chassis.
func TestDifferences(t *testing.T) {
	at := func(chassis string) binding { return binding{chassis, 3, 4} }
	real := map[string]binding{"a": at("hv1"), "b": at("")}
	for _, c := range []struct {
		ours map[string]binding
		want string
	}{
		{map[string]binding{"a": at("hv1"), "b": at("")}, ""},
		{map[string]binding{"a": at("hv2"), "b": at("")}, `port a is on chassis "hv1", and on "hv2"`},
		{map[string]binding{"a": at("hv1")}, "port b is not in the copy"},
		{map[string]binding{"a": at("hv1"), "b": at(""), "c": at("")}, "port c is in the copy only"},
		{map[string]binding{"a": {"hv1", 3, 5}, "b": at("")}, "port a has key 4 of datapath 3, and key 5 of 3"},
		{map[string]binding{"a": at("hv1"), "b": {"", 9, 4}}, "port b has key 4 of datapath 3, and key 4 of 9"},
	} {
		err := differences(real, c.ours)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%v: %v, want %q", c.ours, err, c.want)
		}
	}
}

// A connection that one end has closed goes on in the other direction: it is compared.
func TestClosing(t *testing.T) {
	for _, c := range []struct {
		e    ctstate.Entry
		want bool
	}{
		{ctstate.Entry{UserTCP: &ctstate.UserTCPInfo{Orig: ctstate.UserTCPEstablished, Reply: ctstate.UserTCPEstablished}}, false},
		{ctstate.Entry{UserTCP: &ctstate.UserTCPInfo{Orig: ctstate.UserTCPClosing, Reply: ctstate.UserTCPEstablished}}, false},
		{ctstate.Entry{UserTCP: &ctstate.UserTCPInfo{Orig: ctstate.UserTCPFinWait2, Reply: ctstate.UserTCPEstablished}}, false},
		{ctstate.Entry{UserTCP: &ctstate.UserTCPInfo{Orig: ctstate.UserTCPFinWait2, Reply: ctstate.UserTCPClosing}}, true},
		{ctstate.Entry{UserTCP: &ctstate.UserTCPInfo{Orig: ctstate.UserTCPTimeWait, Reply: ctstate.UserTCPTimeWait}}, true},
		{ctstate.Entry{TCP: &ctstate.TCPInfo{State: ctstate.TCPFinWait}}, false},
		{ctstate.Entry{TCP: &ctstate.TCPInfo{State: ctstate.TCPLastAck}}, true},
		{ctstate.Entry{TCP: &ctstate.TCPInfo{State: ctstate.TCPTimeWait}}, true},
	} {
		if got := closing(&connection.Connection{Legs: []connection.Record{{Entry: c.e}}}); got != c.want {
			t.Errorf("%s: %v", connection.StateOf(&c.e), got)
		}
	}
}

// A pair goes on if its server is the same, whatever its ports are; of several servers between which
// a hash decides, that the same one has it is not known.
func TestPairServers(t *testing.T) {
	works := func(servers ...string) *pairEnd {
		p := passage{}
		for i, s := range servers {
			p.ways = append(p.ways, []place{{port: s, src: netip.AddrPortFrom(netip.MustParseAddr("10.0.0.3"), uint16(4000+i)), dst: netip.MustParseAddrPort("20.0.0.4:80"), id: uint16(i)}})
		}
		return &pairEnd{works: true, server: withoutPorts(p)}
	}
	other := works("", "b")
	other.server.ways = other.server.ways[1:] // its port is another one
	for _, c := range []struct {
		before, after *pairEnd
		want          report.Fate
	}{
		{works("b"), other, report.FateGoesOn},
		{works("a"), works("b"), report.FateMoves},
		{works("a", "b"), works("a", "b"), report.FateGoesOn},
		{works("a"), works("a", "b"), report.FateUnknown},
		{works("a", "b"), works("a"), report.FateUnknown},
		{works("a", "b"), works("c"), report.FateMoves},
	} {
		if got := pairFate(c.before, c.after); got != c.want {
			t.Errorf("%+v, then %+v: %s, want %s", c.before.server.ways, c.after.server.ways, got, c.want)
		}
	}
}

// A new connection whose packet waits for an address neither works nor fails.
func TestPairWaits(t *testing.T) {
	of := func(code report.Code) pairEnd {
		b := &report.Branch{Verdict: engine.Controller, Reason: &report.Reason{Code: code}}
		return endOfSession(&report.Report{Verdict: engine.Controller, Session: &report.Session{Proto: "tcp", BrokenAt: "SYN", Verdict: engine.Controller},
			Packets: []*report.Packet{{Label: "SYN", Verdict: engine.Controller, Branches: []*report.Branch{b}}}})
	}
	works := pairEnd{works: true}
	for code, want := range map[report.Code]report.Fate{report.CodeNextHopUnresolved: report.FateUnknown, report.CodeARPUnanswerable: report.FateDies, report.CodeMTUExceeded: report.FateDies} {
		if after := of(code); pairFate(&works, &after) != want {
			t.Errorf("%s: %s, want %s", code, pairFate(&works, &after), want)
		}
	}
}

// An address that OVN itself answers for is learned, and the session is played again: once.
func TestPairLearns(t *testing.T) {
	answered := driver.Binding{Datapath: 1, Port: 2, Addr: netip.MustParseAddr("10.0.0.9")}
	waiting := func(o driver.Outlook) *driver.Trace {
		return &driver.Trace{Branches: []*driver.Branch{{Verdict: engine.Controller, Cause: &driver.Cause{Outlook: o}}}}
	}
	for _, c := range []struct {
		of              driver.Outlook
		learned, played int
	}{
		{driver.Outlook{Kind: driver.OutlookOVN, Learns: &answered}, 1, 2},
		{driver.Outlook{Kind: driver.OutlookPort, Ports: []string{"a"}}, 0, 1},
	} {
		learned, played, old := 0, 0, false
		p := &passer{known: map[driver.Binding]bool{}, forget: func() { old = false }, learn: func(_ context.Context, b driver.Binding) error {
			if b != answered {
				t.Errorf("%v is learned", b)
			}
			learned++
			old = true
			return nil
		}}
		_, err := p.play(t.Context(), func() (*question.Answer, error) {
			if old {
				t.Error("rows from before an address was learned are still kept")
			}
			played++
			return &question.Answer{Sent: []*driver.Trace{{}, waiting(c.of)}}, nil
		})
		if err != nil || learned != c.learned || played != c.played {
			t.Errorf("%v: learned %d addresses, played %d times, %v", c.of.Kind, learned, played, err)
		}
		// One that may not let a router learn says so, and does not take the packet for lost.
		more, err := (&passer{}).learns(t.Context(), waiting(c.of))
		if more || errors.Is(err, errLearns) != (c.learned > 0) {
			t.Errorf("%v, beside others: %v, %v", c.of.Kind, more, err)
		}
	}
}

// A daemon of another release than the deployment's, or than an unknown one's, is told; the same is
// not.
func TestReleases(t *testing.T) {
	for _, c := range []struct {
		there map[string]string
		want  []string
	}{
		{map[string]string{"": "23.03.1"}, nil},
		{map[string]string{"": "24.09.0"}, []string{"ovn is 24.09.0, and 23.03.1 here"}},
		{map[string]string{"hv1": "23.03.1", "hv2": "23.03.1"}, nil},
		{map[string]string{"hv1": "23.03.1", "hv2": "22.03.0", "hv3": "22.03.0", "hv4": ""},
			[]string{"ovn of hv4 is of an unknown release, and 23.03.1 here", "ovn of hv2 and 1 more is 22.03.0, and 23.03.1 here"}},
	} {
		w := &task{out: &report.WhatIfReport{}}
		w.warnOfRelease("ovn", c.there, "23.03.1")
		got := w.out.Warnings
		if len(got) != len(c.want) {
			t.Errorf("%v: %q, want %q", c.there, got, c.want)
			continue
		}
		for i, text := range c.want {
			if !strings.HasPrefix(got[i], text+":") {
				t.Errorf("%v: %q, want %q", c.there, got[i], text)
			}
		}
	}
}

// A list in which entries are missing says so.
func TestMissing(t *testing.T) {
	for _, c := range []struct {
		list node.ListResult
		want string
	}{{node.ListResult{}, ""}, {node.ListResult{Cut: true}, "--limit"}, {node.ListResult{Unreadable: 3}, "3 of its entries"}, {node.ListResult{Lacks: "no dump"}, "no dump"}} {
		if got := missing(&c.list); !strings.Contains(got, c.want) || (got == "") != (c.want == "") {
			t.Errorf("%+v: %q", c.list, got)
		}
	}
}
