package fleet

import (
	"context"
	"encoding/json"
	"net/netip"
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
)

// List lists a chassis' conntrack entries, which are made up: connections of its port to addresses
// outside, and Fleet.Shared connections from the address of the island's port C to port B, which
// have an entry on both chassis.
func (f *fake) List(ctx context.Context, req node.ListRequest, yield func([]ctstate.Entry) error) (*node.ListResult, error) {
	if err := f.begin(ctx, "List"); err != nil {
		return nil, err
	}
	zones, err := f.zones()
	if err != nil {
		return nil, err
	}
	out := &node.ListResult{}
	var batch []ctstate.Entry
	for n := range f.fleet.opt.Entries + shared {
		e := f.entry(n, zones)
		if !selects(&req, &e) {
			continue
		}
		if req.Limit > 0 && out.Count >= req.Limit {
			out.Cut = true
			break
		}
		out.Count++
		if batch = append(batch, e); len(batch) == 512 {
			if err := yield(batch); err != nil {
				return nil, err
			}
			batch = batch[:0]
		}
	}
	if len(batch) > 0 {
		err = yield(batch)
	}
	return out, err
}

// shared is the number of connections of an island that pass both of its chassis.
const shared = 2

// zones returns the conntrack zones of the chassis by the names that they have in island 0.
func (f *fake) zones() (map[string]uint16, error) {
	var info struct {
		Zones map[uint16]string `json:"zones"`
	}
	text, err := f.fleet.tape.outlineOf(f.side)
	if err != nil {
		return nil, err
	}
	err = json.Unmarshal(text, &info)
	out := map[string]uint16{}
	for zone, name := range info.Zones {
		out[name] = zone
	}
	return out, err
}

func (f *fake) entry(n int, zones map[string]uint16) ctstate.Entry {
	own := "a"
	if f.side == "b" {
		own = "b"
	}
	var t ctstate.Tuple
	if n < shared {
		if own == "a" {
			own = "c"
		}
		t = tcp(f.island.Address("c"), uint16(40000+n), f.island.Address("b"), 80)
	} else {
		t = tcp(f.island.Address(own), uint16(1024+n%60000), netip.AddrFrom4([4]byte{198, byte(18 + n>>20&1), byte(n >> 12), byte(n >> 4)}), 443)
	}
	reply, _ := t.Invert()
	return ctstate.Entry{
		Zone: zones[Island(0).Port(own)], ID: uint32(n + 1), Orig: t, Reply: reply, Status: ctstate.SeenReply | ctstate.Assured | ctstate.Confirmed,
		Timeout: 431990, HasTimeout: true, TCP: &ctstate.TCPInfo{State: ctstate.TCPEstablished}, Source: ctstate.FromKernel,
	}
}

func tcp(src netip.Addr, sport uint16, dst netip.Addr, dport uint16) ctstate.Tuple {
	return ctstate.Tuple{Proto: 6, Src: netip.AddrPortFrom(src, sport), Dst: netip.AddrPortFrom(dst, dport)}
}

// selects reports whether a request selects an entry (node.ListRequest).
func selects(req *node.ListRequest, e *ctstate.Entry) bool {
	if e.Mark&req.MarkMask != req.Mark&req.MarkMask || e.Status&req.StatusMask != req.Status&req.StatusMask ||
		len(req.Zones) > 0 && !slices.Contains(req.Zones, e.Zone) {
		return false
	}
	if len(req.Addrs)+len(req.Tuples) == 0 {
		return true
	}
	return slices.Contains(req.Addrs, e.Orig.Src.Addr()) || slices.Contains(req.Addrs, e.Orig.Dst.Addr()) ||
		slices.ContainsFunc(req.Tuples, func(t ctstate.Tuple) bool { return t == e.Orig || t == e.Reply })
}
