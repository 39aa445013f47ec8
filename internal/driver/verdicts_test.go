package driver

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
)

// The worst branch counts; of a flood, whose copies end in many ways by design, the best.
func testVerdicts(t *testing.T, sb *ovn.SB) {
	hv1 := chassis("hv1", "sw0-p1")
	d := &Driver{SB: sb, Nodes: fakeNodes{"hv1": hv1}}
	drop := engine.Leaf{Kind: engine.LeafDrop, Packet: tcpSYN(), Path: []int{0}}
	vif, host := output(hv1.port(t, "tap0"), tcpSYN()), output(hv1.port(t, "br-int"), tcpSYN())
	broadcast := tcpSYN()
	broadcast.EthDst = packet.MAC{255, 255, 255, 255, 255, 255}
	for _, c := range []struct {
		p      packet.Packet
		leaves []engine.Leaf
		want   engine.Verdict
		flood  bool
	}{
		{tcpSYN(), []engine.Leaf{vif}, engine.Delivered, false},
		{tcpSYN(), []engine.Leaf{host}, engine.Host, false},
		{tcpSYN(), []engine.Leaf{vif, drop}, engine.Dropped, false},
		{broadcast, []engine.Leaf{vif, drop}, engine.Delivered, true},
		{broadcast, []engine.Leaf{drop}, engine.Dropped, true},
		{tcpSYN(), []engine.Leaf{vif, host, drop}, engine.Delivered, true}, // unknown unicast
		{tcpSYN(), nil, engine.Unknown, false},
	} {
		hv1.trace = same(result(c.leaves...))
		sent := send(t, d, c.p)
		if sent.Verdict != c.want || sent.Flood != c.flood {
			t.Errorf("%s: %v, flood %v", ends(sent), sent.Verdict, sent.Flood)
		}
	}
}

// A mirror's copy is listed, and changes neither the verdict nor whether the packet was flooded.
func testMirrors(t *testing.T, sb *ovn.SB) {
	hv1 := chassis("hv1", "sw0-p1")
	d := &Driver{SB: sb, Nodes: fakeNodes{"hv1": hv1}}
	drop := engine.Leaf{Kind: engine.LeafDrop, Packet: tcpSYN(), Path: []int{0}}
	punt := engine.Leaf{Kind: engine.LeafController, Packet: tcpSYN(), Path: []int{0}}
	mirrored := func(l engine.Leaf) engine.Leaf {
		l.Mirror = "m1"
		return l
	}
	vif, host := output(hv1.port(t, "tap0"), tcpSYN()), output(hv1.port(t, "br-int"), tcpSYN())
	gre := mirrored(through(hv1.port(t, "ovn-hv2-10.9.0.2"), tcpSYN(), "", "10.9.7.7"))
	for _, c := range []struct {
		leaves []engine.Leaf
		want   engine.Verdict
		ends   string
	}{
		{[]engine.Leaf{mirrored(vif), drop}, engine.Dropped, "delivered port hv1 sw0-p1: a copy that mirror m1 makes\n" +
			`dropped drop hv1: dropped in table 8 of br-int by priority 50, match "metadata=0x1"`},
		{[]engine.Leaf{gre, vif}, engine.Delivered, "external external hv1 ovn-hv2-10.9.0.2: a copy that mirror m1 makes, to 10.9.7.7\ndelivered port hv1 sw0-p1"},
		{[]engine.Leaf{mirrored(host), vif}, engine.Delivered, "host host hv1 br-int: a copy that mirror m1 makes\ndelivered port hv1 sw0-p1"},
		{[]engine.Leaf{mirrored(vif), punt}, engine.Controller, "delivered port hv1 sw0-p1: a copy that mirror m1 makes\n" +
			`controller controller hv1: punted to the controller in table 8 of br-int, match "metadata=0x1"`},
	} {
		hv1.trace = same(result(c.leaves...))
		sent := send(t, d, tcpSYN())
		wantText(t, ends(sent), c.ends)
		if p := sent; p.Verdict != c.want || p.Flood || p.Branches[0].Mirror != "m1" || p.Branches[1].Mirror != "" {
			t.Errorf("%s: %v, flood %v", c.ends, p.Verdict, p.Flood)
		}
	}
}

// Each chassis is asked over its own Southbound database. The same socket path is another database
// on each chassis, and each is opened once.
func testSouthbound(t *testing.T, sb *ovn.SB) {
	far, other := chassis("far", "x"), chassis("other", "y")
	far.info.OVNRemote, other.info.OVNRemote = "tcp:10.0.0.9:6642", "unix:/run/ovn/ovnsb_db.sock"
	var dialed []string
	zone := &ovn.SB{DB: sb.DB}
	d := &Driver{SB: sb, infos: map[string]*node.Info{"hv1": chassis("hv1", "sw0-p1").info, "far": far.info},
		DialSB: func(_ context.Context, chassis, remote string) (*ovn.SB, error) {
			dialed = append(dialed, chassis+" "+remote)
			if chassis == "other" {
				return nil, errors.New("a socket on that machine")
			}
			return zone, nil
		}}
	ask := func(name string) *ovn.SB {
		got, err := d.Southbound(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if ask("hv1") != sb || ask("far") != zone || ask("far") != zone {
		t.Error("another database")
	}
	// A chassis' own database is unknown until its node has answered.
	if ask("other") != sb {
		t.Error("a database for a node that was not asked")
	}
	d.infos["other"] = other.info
	if ask("other") != sb || len(d.notes) != 1 || !strings.Contains(d.notes[0].Text, "chassis other has a Southbound database of its own") {
		t.Errorf("notes %q", d.notes)
	}
	d.infos["third"], d.infos["fourth"] = other.info, other.info
	if ask("third") != zone || ask("fourth") != zone {
		t.Error("another database")
	}
	const sock = " unix:/run/ovn/ovnsb_db.sock"
	wantText(t, strings.Join(dialed, "\n"), "far tcp:10.0.0.9:6642\nother"+sock+"\nthird"+sock+"\nfourth"+sock)
}

// The verdict of a flood is its best copy's, and that of alternatives the worst. A branch that all
// of them have is not an alternative.
func TestVerdictOfFloods(t *testing.T) {
	branch := func(v engine.Verdict, chosen ...string) *Branch {
		b := &Branch{Verdict: v}
		for _, c := range chosen {
			b.Choices = append(b.Choices, engine.Choice{Kind: "k", Chosen: c})
		}
		return b
	}
	for _, c := range []struct {
		want     engine.Verdict
		branches []*Branch
	}{
		{engine.Delivered, []*Branch{branch(engine.Dropped), branch(engine.Delivered, "a"), branch(engine.Delivered, "b")}},
		{engine.External, []*Branch{branch(engine.Dropped), branch(engine.Delivered, "a"), branch(engine.External, "b")}},
		{engine.Delivered, []*Branch{branch(engine.Delivered), branch(engine.Dropped, "a"), branch(engine.External, "b")}},
		{engine.External, []*Branch{branch(engine.Dropped, "a"), branch(engine.Delivered, "a", "x"), branch(engine.External, "a", "y")}},
		{engine.Dropped, []*Branch{branch(engine.Dropped, "a"), branch(engine.Delivered, "b")}},
	} {
		if got := verdictOf(c.branches, true); got != c.want {
			t.Errorf("%v, want %v", got, c.want)
		}
	}
}

// The table that decided is named; OVN's subroutines are skipped.
func testReasons(t *testing.T, sb *ovn.SB) {
	hv1 := chassis("hv1", "sw0-p1")
	hits := []engine.TableHit{
		{Bridge: "br-int", Table: 8, Priority: 50, Cookie: 1, Match: "metadata=0x1", Actions: []string{"resubmit(,9)"}},
		{Bridge: "br-int", Table: 44, Priority: 1001, Cookie: 0xdead, Match: "tcp,tp_dst=80", Actions: []string{"drop"}},
	}
	for _, c := range []struct {
		hits  []engine.TableHit
		why   string
		table int
		text  string
	}{
		{hits, "", 44, `dropped in table 44 of br-int by priority 1001, match "tcp,tp_dst=80"`},
		{append(hits[:1:1], engine.TableHit{Bridge: "br-int", Table: 9, Miss: true}), "", 9, "no flow of table 9 on br-int matches"},
		{append(hits[:2:2], engine.TableHit{Bridge: "br-int", Table: 75, Match: "", Actions: []string{"load:0x1->NXM_NX_REG10[12]"}}), "", 44,
			`dropped in table 44 of br-int by priority 1001, match "tcp,tp_dst=80"`},
		{hits, "conntrack drops it: table full", 44, "conntrack drops it: table full"},
	} {
		r := result(engine.Leaf{Kind: engine.LeafDrop, Packet: tcpSYN(), Path: []int{0}, Why: c.why})
		r.Segments[0].Tables = c.hits
		hv1.trace = same(r)
		b := send(t, &Driver{SB: sb, Nodes: fakeNodes{"hv1": hv1}}, tcpSYN()).Branches[0]
		if b.Cause == nil || b.Cause.String() != c.text || b.Cause.Lookup == nil || b.Cause.Lookup.Hit.Table != c.table || b.Cause.Chassis != "hv1" || b.Kind() != "drop" {
			t.Errorf("%+v, want %s", b.Cause, c.text)
		}
	}
}
