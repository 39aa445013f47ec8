package driver

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
)

// findNode is a fake node that also looks entries up; every request is kept.
type findNode struct {
	*fakeNode
	entries []ctstate.Entry
	err     error
	finds   []node.FindRequest
}

func (f *findNode) Find(_ context.Context, req node.FindRequest) (*node.FindResult, error) {
	f.finds = append(f.finds, req)
	out := &node.FindResult{}
	for _, e := range f.entries {
		if slices.Contains(req.Zones, e.Zone) && (e.Orig == req.Tuple || e.Reply == req.Tuple) {
			out.Entries = append(out.Entries, e)
		}
	}
	return out, f.err
}

type nodesByName map[string]node.Node

func (n nodesByName) Node(_ context.Context, c *ovn.Chassis) (node.Node, error) {
	return n[c.Name], nil
}

// TestKnownElsewhere checks the cause of a dropped packet whose connection has an entry where it
// was not looked up.
func TestKnownElsewhere(t *testing.T) {
	sb := southbound(t)
	answer := tcpSYN()
	answer.TCPFlags = 18
	tuple := ctstate.Tuple{Proto: 6, Src: netip.MustParseAddrPort("10.0.0.3:1000"), Dst: netip.MustParseAddrPort("20.0.0.3:80")}
	inverse := ctstate.Tuple{Proto: 6, Src: tuple.Dst, Dst: tuple.Src}
	in := func(zone uint16) ctstate.Entry { return ctstate.Entry{Zone: zone, Orig: inverse, Reply: tuple} }
	for _, c := range []struct {
		name         string
		syn          bool
		hv1, hv2     []ctstate.Entry
		overlay      map[string]ctstate.OverlayData
		hit          uint16 // a zone where the packet was found on its way
		made         uint16 // a zone where the packet itself has made an entry on its way
		err          error
		want         string
		asked1, also string // zones asked on hv1, and on hv2
	}{
		{name: "another zone of the router", hv1: []ctstate.Entry{in(6)}, want: "; the connection is known in zone 6 (lr0_dnat) on hv1, and is looked up in zone 7 (lr0_snat) on hv1", asked1: "6 5"},
		{name: "a port's zone", hv1: []ctstate.Entry{in(5)}, want: "; the connection is known in zone 5 (sw0-p1) on hv1, and is looked up in zone 7 (lr0_snat) on hv1", asked1: "6 5"},
		{name: "the gateway has moved", hv2: []ctstate.Entry{in(17)}, want: "; the connection is known in zone 17 (lr0_snat) on hv2, and is looked up in zone 7 (lr0_snat) on hv1", asked1: "6 5", also: "16 17"},
		{name: "unknown", hv2: []ctstate.Entry{in(15)}, asked1: "6 5", also: "16 17"},
		{name: "of an earlier packet", overlay: map[string]ctstate.OverlayData{"hv2": {Entries: []ctstate.OverlayEntry{{Entry: in(17)}}}},
			want: "; the connection is known in zone 17 on hv2, and is looked up in zone 7 (lr0_snat) on hv1"},
		{name: "where it was found on its way", hv1: []ctstate.Entry{in(5)}, hit: 5, asked1: "6 5"},
		{name: "where the packet itself made it", hv1: []ctstate.Entry{in(5)}, made: 5, asked1: "6 5"},
		{name: "a first packet", syn: true, hv1: []ctstate.Entry{in(6)}},
		{name: "an older node", err: errors.ErrUnsupported, asked1: "6 5", also: "16 17"},
	} {
		t.Run(c.name, func(t *testing.T) {
			hv1 := &findNode{fakeNode: chassis("hv1", "sw0-p1"), entries: c.hv1, err: c.err}
			hv2 := &findNode{fakeNode: chassis("hv2", "sw1-p1"), entries: c.hv2, err: c.err}
			hv1.info.Zones = map[uint16]string{5: "sw0-p1", 6: "lr0_dnat", 7: "lr0_snat"}
			hv2.info.Zones = map[uint16]string{15: "sw1-p1", 16: "lr0_dnat", 17: "lr0_snat"}
			hv1.trace = func(req node.TraceRequest) (*engine.Result, error) {
				r := result(engine.Leaf{Kind: engine.LeafDrop, Packet: req.Packet, Path: []int{0}})
				if c.hit != 0 {
					r.Segments[0].CT = append(r.Segments[0].CT, engine.CTStep{Zone: c.hit, Tuple: tuple, Result: ctstate.Result{Looked: true, Found: ctstate.FromKernel, Hit: &ctstate.Entry{Zone: c.hit}}})
				}
				if c.made != 0 {
					r.Segments[0].CT = append(r.Segments[0].CT, engine.CTStep{Zone: c.made, Tuple: tuple, Result: ctstate.Result{Committed: &ctstate.Entry{Zone: c.made}}})
				}
				r.Segments[0].CT = append(r.Segments[0].CT, engine.CTStep{Zone: 7, Tuple: tuple, Result: ctstate.Result{Looked: true, Found: ctstate.FromNone}})
				return r, nil
			}
			p := answer
			if c.syn {
				p = tcpSYN()
			}
			d := &Driver{SB: sb, Nodes: nodesByName{"hv1": hv1, "hv2": hv2}}
			sent, err := d.Send(t.Context(), World{Overlays: c.overlay}, fromHV1, p, "", "reply")
			if err != nil {
				t.Fatal(err)
			}
			told := ""
			if e := sent.Branches[0].Cause.Elsewhere; e != nil {
				told = "; " + e.String()
			}
			if told != c.want {
				t.Errorf("%q, want %q", told, c.want)
			}
			for _, q := range []struct {
				of   *findNode
				want string
			}{{hv1, c.asked1}, {hv2, c.also}} {
				got := ""
				for _, f := range q.of.finds {
					for _, z := range f.Zones {
						got += " " + []string{"", "1"}[z/10] + string('0'+rune(z%10))
					}
				}
				if strings.TrimSpace(got) != q.want {
					t.Errorf("%s was asked for zones %q, want %q", q.of.info.SystemID, got, q.want)
				}
			}
			if strings.Contains(strings.Join(slices.Concat(sent.Warnings, sent.LateWarnings), " "), "another zone") {
				t.Errorf("warnings %q, %q", sent.Warnings, sent.LateWarnings)
			}
		})
	}
}
