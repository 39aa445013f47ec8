package gather

import (
	"context"
	"net/netip"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/connection"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
)

// lists is a node that lists an entry in each of these zones, and says that some of them are not
// OVN's.
type lists struct{ zones, former []uint16 }

func (l lists) List(_ context.Context, req node.ListRequest, yield func([]ctstate.Entry) error) (*node.ListResult, error) {
	src := netip.MustParseAddrPort("10.0.0.1:1")
	for i, zone := range l.zones {
		t := ctstate.Tuple{Proto: 17, Src: src, Dst: netip.AddrPortFrom(netip.MustParseAddr("10.0.0.2"), uint16(i))}
		e := ctstate.Entry{Zone: zone, Orig: t}
		e.Reply, _ = t.Invert()
		if err := yield([]ctstate.Entry{e}); err != nil {
			return nil, err
		}
	}
	return &node.ListResult{Former: l.former}, nil
}

// Entries of zones that OVN does not have stay out of the connections; those of a zone that it got
// after its zones were read do not.
func TestFormer(t *testing.T) {
	for _, c := range []struct {
		former  bool
		host    string
		entries int
		want    int
	}{{true, "", 2, 2}, {true, "10.0.0.1", 2, 2}, {true, "10.0.0.9", 2, 0}, {false, "", 4, 0}} {
		r := &Result{}
		if c.host != "" {
			r.filter = connection.Filter{Host: netip.MustParseAddr(c.host)}
		}
		ch := &Chassis{Name: "hv1", Info: &node.Info{Datapath: "system"}, Zones: map[uint16]string{5: "sw0-p1"},
			lister: lists{zones: []uint16{5, 7, 6, 9}, former: []uint16{7, 9}}}
		if !c.former {
			ch.lister = lists{zones: []uint16{5, 7, 6, 9}}
		}
		r.list(t.Context(), ch, node.ListRequest{Former: c.former})
		if ch.Err != nil || r.Entries() != c.entries || ch.Listed.Count != c.entries || len(r.Former) != c.want {
			t.Errorf("%+v: %d entries, counted %d, former %v, %v", c, r.Entries(), ch.Listed.Count, r.Former, ch.Err)
		}
		for _, e := range r.Former {
			if e.Entry.Zone != 7 && e.Entry.Zone != 9 {
				t.Errorf("an entry of zone %d", e.Entry.Zone)
			}
		}
		r.Release()
	}
}
