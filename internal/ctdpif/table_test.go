package ctdpif

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
)

// TestUnreadableLines checks that an unreadable line makes only those look-ups uncertain whose
// answer it can be.
func TestUnreadableLines(t *testing.T) {
	const good = "tcp,orig=(src=10.0.0.9,dst=10.0.0.8,sport=9,dport=8),reply=(src=10.0.0.8,dst=10.0.0.9,sport=8,dport=9),zone=1"
	asked, back := tup(6, "10.0.0.1:1", "10.0.0.2:2"), tup(6, "10.0.0.2:2", "10.0.0.1:1")
	open := []ctstate.Tuple{asked, back}
	for _, c := range []struct {
		bad            string
		unknown, known []ctstate.Tuple
	}{
		{"tcp," + o4 + "," + r4 + ",zone=1,status=SEEN_REPLY|NEWFLAG", open, []ctstate.Tuple{
			tup(17, "10.0.0.1:1", "10.0.0.2:2"), tup(6, "10.0.0.1:3", "10.0.0.2:2"), tup(6, "10.0.0.1:1", "10.0.0.2:3"), tup(6, "10.0.0.1:2", "10.0.0.2:1"), tup(6, "10.0.0.3:1", "10.0.0.2:2")}},
		{"tcp," + o4 + "," + r4 + ",zone=1,protoinfo=()", open, []ctstate.Tuple{tup(6, "10.0.0.1:3", "10.0.0.2:2")}},
		{"tcp," + o4 + "," + r4 + ",protoinfo=(state_orig=NEW,state_reply=NEW,flags_orig=0,flags_reply=0),zone=1", open, nil},
		{"tcp," + o4 + "," + r4 + ",zone=2,status=NEWFLAG", nil, open},
		{"tcp," + o4 + "," + r4 + ",status=NEWFLAG", open, nil}, // the line is in the dumped zone
		{"tcp," + o4 + "," + r4 + ",zone=x", open, nil},
		{"tcp," + o4 + "," + r4 + ",zone=2,zone=1", open, nil},
		{"quic," + o4 + "," + r4 + ",zone=1", append(open, tup(17, "10.0.0.1:1", "10.0.0.2:2")), []ctstate.Tuple{tup(6, "10.0.0.1:3", "10.0.0.2:2")}},
		{"6," + o4 + "," + r4 + ",zone=1", open, []ctstate.Tuple{tup(17, "10.0.0.1:1", "10.0.0.2:2")}},
		{"tcp,orig=(src=10.0.0.1,dst=10.0.0.2,sport=1,dport=2,iface=4),reply=(src=10.0.0.2,dst=10.0.0.1,sport=2,dport=1,iface=5),zone=1", open, []ctstate.Tuple{tup(6, "10.0.0.1:3", "10.0.0.2:2")}},
		{"tcp,orig=(src=10.0.0.1,dst=10.0.0.2,port=(a)),reply=(src=10.0.0.2,dst=10.0.0.1),zone=1,x=(", append(open, tup(6, "10.0.0.1:3", "10.0.0.2:2")), []ctstate.Tuple{tup(6, "10.0.0.3:1", "10.0.0.2:2")}},
		// If only one direction can be parsed, the other shares at least one address with it.
		{"tcp," + o4 + ",reply=?,zone=1,zone=1", append(open, tup(6, "30.0.0.1:2", "10.0.0.1:1")), []ctstate.Tuple{tup(6, "10.0.0.1:3", "10.0.0.2:2"), tup(6, "30.0.0.1:2", "10.0.0.3:1")}},
		{"tcp," + r4 + ",zone=1", append(open, tup(6, "10.0.0.1:1", "30.0.0.1:80")), []ctstate.Tuple{tup(6, "10.0.0.3:1", "30.0.0.1:80")}},
		{"132,orig=(src=10.0.0.1,dst=10.0.0.2,sport=0,dport=0),reply=(src=10.0.0.2,dst=10.0.0.1,sport=0,dport=0),zone=1", []ctstate.Tuple{tup(132, "10.0.0.1:7", "10.0.0.2:8")}, open},
		{"tcp,orig=(Unsupported address family: 9. HEX:", open, []ctstate.Tuple{tup(17, "10.0.0.1:1", "10.0.0.2:2")}},
		{"00000000  0a 00 00 01", open, nil},
		{strings.Repeat("x", 2*maxLine), open, nil},
		{"tcp," + o4 + "," + r4 + ",zone=1,x=" + strings.Repeat("x", 2*maxLine), open, []ctstate.Tuple{tup(6, "10.0.0.1:3", "10.0.0.2:2")}},
	} {
		name := fmt.Sprintf("%.120s", c.bad)
		tbl := newCaller(&counting{text: c.bad + "\n" + good + "\n"}, "")
		var bad *UnreadableError
		for _, q := range c.unknown {
			if e, err := tbl.Lookup(t.Context(), 1, q); !errors.As(err, &bad) || bad.Line == nil || errors.Is(err, ctstate.ErrNotFound) {
				t.Errorf("%s: %v is open: %v %v", name, q, e.Orig, err)
			}
		}
		for _, q := range c.known {
			if _, err := tbl.Lookup(t.Context(), 1, q); !errors.Is(err, ctstate.ErrNotFound) {
				t.Errorf("%s: %v is not there: %v", name, q, err)
			}
		}
		if _, err := tbl.Lookup(t.Context(), 1, tup(6, "10.0.0.8:8", "10.0.0.9:9")); err != nil {
			t.Errorf("%s hides another line: %v", name, err)
		}
	}
}

// TestUnreadableEcho is TestUnreadableLines for an echo without an id.
func TestUnreadableEcho(t *testing.T) {
	tbl := newCaller(&counting{text: "icmp,orig=(src=10.0.0.1,dst=10.0.0.2,id=5,type=8,code=0),reply=(src=10.0.0.2,dst=10.0.0.1,id=5,type=0,code=0),zone=1,status=NEW\n"}, "")
	q := ctstate.Tuple{Proto: 1, Src: ap("10.0.0.1:0"), Dst: ap("10.0.0.2:0"), ICMPType: 8, ICMPID: 9}
	var bad *UnreadableError
	if _, err := tbl.Echoes(t.Context(), 1, q); !errors.As(err, &bad) {
		t.Error(err)
	}
	if _, err := tbl.Lookup(t.Context(), 1, q); !errors.Is(err, ctstate.ErrNotFound) {
		t.Error(err)
	}
	q.Src = ap("10.0.0.3:0")
	if es, err := tbl.Echoes(t.Context(), 1, q); err != nil || es != nil {
		t.Error(es, err)
	}
}

// TestUnreadableMany checks that the memory stays bounded if no line can be parsed.
func TestUnreadableMany(t *testing.T) {
	var b strings.Builder
	for i := range 3 * maxOpaque {
		fmt.Fprintf(&b, "tcp,orig=(src=10.1.%d.%d,dst=10.0.0.2,sport=1,dport=2),reply=(src=10.0.0.2,dst=10.1.%d.%d,sport=2,dport=1),status=NEW\n", i>>8, i&255, i>>8, i&255)
	}
	tbl := newCaller(&counting{text: b.String()}, "")
	_, err := tbl.Lookup(t.Context(), 0, tup(6, "10.0.0.1:1", "10.0.0.2:2"))
	var bad *UnreadableError
	if !errors.As(err, &bad) || bad.More != 2*maxOpaque {
		t.Error(err)
	}
	if z := tbl.zones[0]; len(z.opaques.list) != maxOpaque {
		t.Errorf("%d lines are kept", len(z.opaques.list))
	}
}

// methods maps methods to replies.
type methods struct {
	text  map[string]string
	calls []string
}

func (m *methods) Call(_ context.Context, method string, args ...string) (string, error) {
	m.calls = append(m.calls, strings.Join(append([]string{method}, args...), " "))
	text, ok := m.text[method]
	if !ok {
		return "", &DaemonError{Method: method, Text: "not a valid command"}
	}
	return text, nil
}

func TestMaxDump(t *testing.T) {
	q := tup(6, "10.0.0.1:1", "10.0.0.2:2")
	m := &methods{text: map[string]string{"dpctl/dump-conntrack": "tcp," + o4 + "," + r4 + ",zone=1\n", "dpctl/ct-get-nconns": "400000\n"}}
	tbl := newCaller(m, "netdev@ovs-netdev")
	tbl.Renew(50_000)
	var large *TooLargeError
	var le *ctstate.LookupError
	for _, zone := range []uint16{1, 2} {
		_, err := tbl.Lookup(t.Context(), zone, q)
		if !errors.As(err, &large) || !errors.As(err, &le) || large.Connections != 400_000 || large.Max != 50_000 || errors.Is(err, ctstate.ErrNotFound) {
			t.Fatal(err)
		}
	}
	if text := large.Error(); !strings.Contains(text, "400000 connections") || !strings.Contains(text, "1.6s") || !strings.Contains(text, "--max-dump 500000") {
		t.Error(text)
	}
	if want := []string{"dpctl/ct-get-nconns netdev@ovs-netdev"}; !slices.Equal(m.calls, want) {
		t.Errorf("%q", m.calls)
	}
	tbl.Renew(400_000)
	if _, err := tbl.Lookup(t.Context(), 1, q); err != nil {
		t.Error(err)
	}
	m.text["dpctl/ct-get-nconns"] = "400001\n"
	if _, err := tbl.Lookup(t.Context(), 1, q); err != nil { // the zone has been dumped
		t.Error(err)
	}
	tbl.Renew(400_000)
	if _, err := tbl.Lookup(t.Context(), 1, q); !errors.As(err, &large) {
		t.Error(err)
	}
	tbl.Renew(0)
	if _, err := tbl.Lookup(t.Context(), 1, q); err != nil {
		t.Error(err)
	}
	// If the count cannot be parsed, nothing is dumped.
	for _, text := range []string{"", "many\n", "-1\n"} {
		m.text["dpctl/ct-get-nconns"] = text
		tbl.Renew(400_000)
		if _, err := tbl.Lookup(t.Context(), 1, q); err == nil || errors.Is(err, ctstate.ErrNotFound) {
			t.Errorf("%q: %v", text, err)
		}
	}
	delete(m.text, "dpctl/ct-get-nconns")
	var de *DaemonError
	if _, err := tbl.Lookup(t.Context(), 1, q); !errors.As(err, &de) {
		t.Error(err)
	}
}

// TestRenew checks that the reading of a large zone is kept for a time, and that of a small zone is
// not.
func TestRenew(t *testing.T) {
	q := tup(17, "10.1.0.1:1", "10.0.0.2:2")
	for _, c := range []struct {
		n     int
		pause time.Duration
		dumps int
	}{
		{largeZone - 1, 0, 2}, {largeZone, 0, 1}, {largeZone, keepTimes * time.Second, 1}, {largeZone, keepTimes*time.Second + 1, 2},
	} {
		var b strings.Builder
		for i := range c.n {
			fmt.Fprintf(&b, "udp,orig=(src=10.1.%d.%d,dst=10.0.0.2,sport=1,dport=2),reply=(src=10.0.0.2,dst=10.1.%d.%d,sport=2,dport=1)\n", i>>8, i&255, i>>8, i&255)
		}
		m := &counting{text: b.String()}
		tbl := newCaller(m, "")
		now := time.Unix(1, 0)
		tbl.Now = func() time.Time { return now }
		m.called = func() { now = now.Add(time.Second) } // duration of the dump
		look := func() {
			t.Helper()
			if _, err := tbl.Lookup(t.Context(), 0, q); err != nil {
				t.Fatal(err)
			}
		}
		look()
		now = now.Add(c.pause - time.Second) // the age counts from the start of the dump
		tbl.Renew(0)
		look()
		if len(m.calls) != c.dumps {
			t.Errorf("%d connections, %v later: %d dumps, want %d", c.n, c.pause, len(m.calls), c.dumps)
		}
		tbl.Reset()
		if look(); len(m.calls) != c.dumps+1 {
			t.Error("Reset kept a zone")
		}
	}
}

// TestFirstLookup checks that the look-up for which a zone is read has the answer that it has
// later.
func TestFirstLookup(t *testing.T) {
	// Two connections share a reply tuple, which a plain commit does not check.
	const text = "udp,orig=(src=10.0.0.1,dst=10.0.0.2,sport=1,dport=2),reply=(src=10.0.0.2,dst=10.0.0.1,sport=2,dport=1),zone=1,mark=1\n" +
		"udp,orig=(src=10.0.0.3,dst=10.0.0.2,sport=3,dport=2),reply=(src=10.0.0.2,dst=10.0.0.1,sport=2,dport=1),zone=1,mark=2\n"
	other := tup(17, "10.0.0.9:9", "10.0.0.9:9")
	for key, want := range map[ctstate.Tuple]uint32{
		tup(17, "10.0.0.1:1", "10.0.0.2:2"): 1,
		tup(17, "10.0.0.2:2", "10.0.0.1:1"): 1,
		tup(17, "10.0.0.3:3", "10.0.0.2:2"): 2,
		tup(6, "10.0.0.1:1", "10.0.0.2:2"):  0,
	} {
		for _, before := range [][]ctstate.Tuple{nil, {key}, {other}, {key, other, key}} {
			src := &counting{text: text}
			tbl := newCaller(src, "")
			for _, q := range before {
				tbl.Lookup(t.Context(), 1, q)
			}
			e, err := tbl.Lookup(t.Context(), 1, key)
			if e.Mark != want || (err != nil) != (want == 0) || err != nil && err != ctstate.ErrNotFound {
				t.Errorf("%v after %v: mark %d, %v; want %d", key, before, e.Mark, err, want)
			}
		}
	}
}
