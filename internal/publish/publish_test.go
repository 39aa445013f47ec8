package publish

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/driver"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/explain"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb/ovsdbtest"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// named is a Publisher whose Southbound database has a switch with a stage that drops (cookie 1),
// one that answers (2), and one that passes on (3).
func named(t *testing.T) *Publisher {
	t.Helper()
	flow := func(n, table, priority, stage, actions string) string {
		return `{"op":"insert","table":"Logical_Flow","uuid":"0000000` + n + `-0000-4000-8000-000000000000","row":{"logical_datapath":["named-uuid","d"],
			"pipeline":"ingress","table_id":` + table + `,"priority":` + priority + `,"match":"1","actions":"` + actions + `","external_ids":["map",[["stage-name","` + stage + `"]]]}}`
	}
	remote := ovsdbtest.Lone(t, "ovn-sb.ovsschema", ovn.Southbound, strings.Join([]string{
		`{"op":"insert","table":"Datapath_Binding","uuid-name":"d","row":{"tunnel_key":1,"external_ids":["map",[["name","sw0"]]]}}`,
		`{"op":"insert","table":"Port_Binding","row":{"logical_port":"p1","tunnel_key":2,"datapath":["named-uuid","d"]}}`,
		flow("1", "1", "50", "ls_in_other", "drop;"),
		flow("2", "19", "50", "ls_in_arp_rsp", "eth.dst = eth.src; arp.op = 2; outport = inport; flags.loopback = 1; output;"),
		flow("3", "3", "50", "ls_in_pass", "next;"),
		flow("4", "1", "0", "ls_in_other", "next;"),
	}, ","))
	sb, err := ovn.DialSB(t.Context(), ovsdb.Options{Remotes: remote})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sb.Close() })
	e := explain.New(sb, nil)
	return &Publisher{Explainer: func(_ context.Context, chassis string) (*explain.Explainer, error) {
		if chassis != "hv1" {
			return nil, errors.New("no way to " + chassis)
		}
		return e, nil
	}}
}

// hit is a table hit on datapath 1; the ingress pipeline begins in table 8.
func hit(table, priority int, cookie uint64) engine.TableHit {
	return engine.TableHit{Bridge: "br-int", Table: table, Priority: priority, Cookie: cookie, Match: "metadata=0x1", Metadata: 1}
}

// traced is a trace of a packet of sw0-p1 with one hop to hv1, and one branch.
func traced(p packet.Packet, b *driver.Branch, hits ...engine.TableHit) *driver.Trace {
	return &driver.Trace{
		Start: driver.Start{Chassis: "hv1", Port: "sw0-p1"}, Packet: p, Branches: []*driver.Branch{b}, Verdict: b.Verdict,
		Hops: []*driver.Hop{{Chassis: "hv1", Bridge: "br-int", Segments: []*engine.Segment{{Parent: -1, Enter: "packet", Tables: hits}}}},
	}
}

// packetOf returns the report of a trace without warnings.
func packetOf(t *testing.T, p *Publisher, tr *driver.Trace) *report.Packet {
	t.Helper()
	rep := New(nil)
	p.Trace(t.Context(), rep, tr)
	if len(rep.Warnings) > 0 {
		t.Errorf("warnings %q", rep.Warnings)
	}
	return rep.Packets[0]
}

func syn() packet.Packet {
	return packet.Packet{EthType: packet.EthIPv4, Src: netip.MustParseAddr("10.0.0.3"), Dst: netip.MustParseAddr("20.0.0.3"),
		Proto: packet.ProtoTCP, TTL: 64, SrcPort: 1000, DstPort: 80, TCPFlags: 2}
}

// ended is a branch that ended by the hit of a segment whose index is given.
func ended(v engine.Verdict, why string, index int, h engine.TableHit) *driver.Branch {
	return &driver.Branch{Verdict: v, Chassis: "hv1", Packet: syn(), Way: []driver.Step{{}},
		Cause: &driver.Cause{Chassis: "hv1", Why: why, Lookup: &driver.Lookup{Index: index, Hit: h}}}
}

// A drop's reason comes from its table's meaning, any other from the driver.
func TestReasonIsTheTables(t *testing.T) {
	p := named(t)
	drop, pass := hit(9, 50, 1), hit(11, 50, 3)
	const said = "nothing in ls_in_other of sw0 takes it: its default drops"
	for _, c := range []struct {
		verdict engine.Verdict
		why     string
		hit     engine.TableHit
		text    string
		stage   string
	}{
		{engine.Dropped, "", drop, said, "ls_in_other"},
		{engine.Dropped, "conntrack drops it", drop, said, "ls_in_other"},
		{engine.Controller, "OVN asks", drop, said, "ls_in_other"},
		{engine.Unknown, "not understood", drop, "not understood", "ls_in_other"},
		{engine.Host, "the host takes it", drop, "the host takes it", "ls_in_other"},
		{engine.External, "leaves by eth1", drop, "leaves by eth1", "ls_in_other"},
		{engine.Controller, "asks on port key 2 of datapath 1", pass, "asks on p1 of sw0", "ls_in_pass"},
	} {
		// The deciding hit is the one at its index, not another on the same flow.
		r := packetOf(t, p, traced(syn(), ended(c.verdict, c.why, 1, c.hit), hit(8, 0, 0), c.hit)).Branches[0].Reason
		if r.Text != c.text || r.Stage != c.stage || r.LogicalFlow == nil || *r.Table != c.hit.Table || r.Chassis != "hv1" {
			t.Errorf("%v, %q: %+v, want %q in %s", c.verdict, c.why, r, c.text, c.stage)
		}
	}
}

// Without names the driver's words remain, and the report names the chassis without.
func TestUnnamed(t *testing.T) {
	drop := hit(9, 50, 1)
	b := ended(engine.Dropped, "", 0, drop)
	want := `dropped in table 9 of br-int by priority 50, match "metadata=0x1"`
	out := packetOf(t, &Publisher{}, traced(syn(), b, drop))
	if r := out.Branches[0].Reason; r.Text != want || r.Cookie != "0x1" || r.Stage != "" || out.Hops[0].Segments[0].Tables[0].Stage != "" {
		t.Errorf("%+v", r)
	}
	tr := traced(syn(), b, drop)
	tr.Hops = append(tr.Hops, &driver.Hop{Chassis: "hv9", Bridge: "br-int"})
	tr.Warnings, tr.LateWarnings = []string{"first", "again"}, []string{"again", "last"}
	rep := New(nil)
	named(t).Trace(t.Context(), rep, tr)
	if d := cmp.Diff([]string{"first", "again", "some tables of hv9 stay unnamed: no way to hv9", "last"}, rep.Warnings); d != "" {
		t.Error(d)
	}
	if rep.Packets[0].Hops[0].Segments[0].Tables[0].Stage != "ls_in_other" || rep.Packets[0].Branches[0].Reason.Stage != "ls_in_other" {
		t.Error("the other chassis' tables are unnamed too")
	}
}

// The answers to questions asked after the packet had ended follow the reason.
func TestReasonGoesOn(t *testing.T) {
	gone := hit(11, 7, 0xdead)
	b := ended(engine.Dropped, "lost", 0, gone)
	tuple := ctstate.Tuple{Proto: 6, Src: netip.MustParseAddrPort("10.0.0.3:1000"), Dst: netip.MustParseAddrPort("20.0.0.3:80")}
	entry := ctstate.Entry{Zone: 17, Orig: tuple, Reply: tuple, TCP: &ctstate.TCPInfo{State: ctstate.TCPEstablished}}
	b.Cause.Elsewhere = &driver.Elsewhere{Missed: driver.Zone{Chassis: "hv1", ID: 7, Name: "lr0_snat"},
		Known: []driver.Known{{Zone: driver.Zone{Chassis: "hv2", ID: 17}, Entry: entry}}}
	waiting := ended(engine.Controller, "asks", 0, gone)
	waiting.Cause.Outlook = driver.Outlook{Kind: driver.OutlookDropped, Dropped: b}
	tr := traced(syn(), b, gone)
	tr.Branches = append(tr.Branches, waiting)
	out := packetOf(t, &Publisher{}, tr)
	const dropped = "lost; the connection is known in zone 17 on hv2, and is looked up in zone 7 (lr0_snat) on hv1"
	if r := out.Branches[0].Reason; r.Text != dropped || len(r.KnownIn) != 1 || r.KnownIn[0].Zone != 17 || r.KnownIn[0].Entry.Protoinfo != "ESTABLISHED" {
		t.Errorf("%+v", r)
	}
	if r := out.Branches[1].Reason; r.Text != "asks; nobody will answer: the request itself is dropped ("+dropped+")" {
		t.Errorf("%+v", r)
	}
}

// A flow that is no longer in the database is a finding of the packet, and a warning.
func TestFindings(t *testing.T) {
	gone := hit(9, 7, 0xdead)
	rep := New(nil)
	named(t).Trace(t.Context(), rep, traced(syn(), ended(engine.Dropped, "", 1, gone), hit(11, 50, 3), gone, gone))
	found := rep.Packets[0].Findings
	if len(found) != 1 || found[0].Code != "flow-outlived" || found[0].Where["table"] != "9" || len(rep.Warnings) != 1 || rep.Warnings[0] != found[0].Text {
		t.Errorf("%+v, warnings %q", found, rep.Warnings)
	}
}

// Side effects are added to their segment's notes, without changing the engine's.
func TestRemarks(t *testing.T) {
	tr := traced(syn(), &driver.Branch{Verdict: engine.Delivered, Packet: syn()})
	seg := tr.Hops[0].Segments[0]
	seg.Notes = []string{"the engine's"}
	tr.Hops[0].Remarks = map[int][]string{0: {"ovn-controller writes a log line"}}
	got := packetOf(t, &Publisher{}, tr).Hops[0].Segments[0].Notes
	if d := cmp.Diff([]string{"the engine's", "ovn-controller writes a log line"}, got); d != "" || len(seg.Notes) != 1 {
		t.Error(d, seg.Notes)
	}
}

// TestOutlooks checks the texts about who will answer.
func TestOutlooks(t *testing.T) {
	addr := netip.MustParseAddr("10.0.0.9")
	for _, c := range []struct {
		o    driver.Outlook
		want string
	}{
		{driver.Outlook{}, ""},
		{driver.Outlook{Kind: driver.OutlookOVN}, "OVN answers that itself, so the packet goes on at once"},
		{driver.Outlook{Kind: driver.OutlookOwn, Addr: addr, Is: "the address of router port lr0-sw0 itself"}, "nobody will answer: 10.0.0.9 is the address of router port lr0-sw0 itself"},
		{driver.Outlook{Kind: driver.OutlookDropped}, "nobody will answer: the request itself is dropped"},
		{driver.Outlook{Kind: driver.OutlookPort, Ports: []string{"p1"}}, "port p1 has that address, so the packet goes on if its guest answers"},
		{driver.Outlook{Kind: driver.OutlookVirtual, Ports: []string{"v1"}}, "that is the address of virtual port v1: the packet goes on if one of its parents answers"},
		{driver.Outlook{Kind: driver.OutlookOutside, Ports: []string{"eth1 on hv1", "eth1 on hv2"}}, "the packet goes on if a host outside OVN answers, reached by eth1 on hv1, eth1 on hv2"},
		{driver.Outlook{Kind: driver.OutlookUnlisted, Ports: []string{"p1"}}, "no port has that address; the packet goes on if a guest behind p1, which takes unknown addresses, answers"},
		{driver.Outlook{Kind: driver.OutlookNobody}, "no port that receives the request has that address, so no answer is expected"},
	} {
		if got := c.o.Text(""); got != c.want {
			t.Errorf("%+v: %q, want %q", c.o, got, c.want)
		}
	}
}
