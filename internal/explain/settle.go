package explain

import (
	"context"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// vote casts the votes of hits that exactly one logical flow, of the same priority, explains.
func (e *Explainer) vote(hits []engine.TableHit) {
	for _, h := range hits {
		c, ok := cookieOf(h)
		ids := e.sbIndex.find("Logical_Flow", c)
		if !ok || len(ids) != 1 {
			continue
		}
		if f := e.flows[ids[0]]; f != nil && f.Priority == h.Priority && h.Table >= f.TableID {
			e.cast(f, h.Table)
		}
	}
}

// fits reports whether the hit is in the flow's own table, as far as that is known, with its own
// priority.
func (e *Explainer) fits(h engine.TableHit, f *LogicalFlow) bool {
	base, ok := e.base(f.Pipeline)
	return f.Priority == h.Priority && (!ok || h.Table-f.TableID == base)
}

// settle returns the flows that a hit may mean: one where that is decided, none where no flow fits.
// rivals reports whether rows of other tables have the cookie too.
func (e *Explainer) settle(ctx context.Context, h engine.TableHit, flows []*LogicalFlow, rivals bool) (fit []*LogicalFlow, err error) {
	for _, f := range flows {
		if e.fits(h, f) {
			fit = append(fit, f)
		}
	}
	if len(fit) == 0 {
		// A flow that a learn() action made is in another table; with one row for the cookie its
		// origin is certain.
		if len(flows) == 1 && !rivals && e.outside(h, flows[0]) {
			return flows, nil
		}
		return nil, nil
	}
	if len(fit) > 1 {
		on, err := e.onlyOn(ctx, fit, h.Metadata)
		if err != nil {
			return nil, err
		}
		if len(on) > 0 {
			fit = on
		}
	}
	if len(fit) > 1 {
		fit = likest(fit, h.Match)
	}
	return fit, nil
}

// outside reports whether the hit is known to be in another table than the flow's own, where only
// learned flows carry its cookie.
func (e *Explainer) outside(h engine.TableHit, f *LogicalFlow) bool {
	base, ok := e.base(f.Pipeline)
	return ok && h.Table-f.TableID != base
}

// onlyOn keeps the flows that apply to the datapath with the key.
func (e *Explainer) onlyOn(ctx context.Context, flows []*LogicalFlow, key uint64) ([]*LogicalFlow, error) {
	if key == 0 {
		return nil, nil
	}
	dp, err := e.datapathByKey(ctx, key)
	if err != nil || dp == nil {
		return nil, err
	}
	in, err := e.groupsOf(ctx, dp.UUID)
	if err != nil {
		return nil, err
	}
	var out []*LogicalFlow
	for _, f := range flows {
		if f.datapath == dp.UUID || in[f.group] {
			out = append(out, f)
		}
	}
	return out, nil
}

// likest keeps the flows whose match has the most words in common with the OpenFlow match:
// addresses and ports are written alike in both.
func likest(flows []*LogicalFlow, match string) []*LogicalFlow {
	values := map[string]bool{}
	for _, field := range strings.Split(match, ",") {
		if _, v, ok := strings.Cut(field, "="); ok {
			values[v] = true
			addr, _, _ := strings.Cut(v, "/")
			values[addr] = true
		} else {
			values[field] = true // ip, tcp, icmp6 ...
		}
	}
	best, out := 0, []*LogicalFlow(nil)
	for _, f := range flows {
		n := 0
		for _, w := range words(f.Match) {
			if values[w] {
				n++
			}
		}
		switch {
		case out == nil || n > best:
			best, out = n, []*LogicalFlow{f}
		case n == best:
			out = append(out, f)
		}
	}
	return out
}

// words cuts a logical match into names and constants.
func words(match string) []string {
	return strings.FieldsFunc(match, func(r rune) bool { return strings.ContainsRune(" ()&|!=<>{},\"", r) })
}

// onDatapath returns a copy of the flow with the name of the datapath it was hit on.
func (e *Explainer) onDatapath(ctx context.Context, f *LogicalFlow, key uint64) (*LogicalFlow, error) {
	out := *f
	if f.group.IsZero() {
		dps, err := e.datapathsByUUID(ctx, []ovsdb.UUID{f.datapath})
		if d := dps[f.datapath]; d != nil {
			out.Datapath, out.on = d.Name, d
		}
		return &out, err
	}
	if key != 0 {
		d, err := e.datapathByKey(ctx, key)
		if d != nil {
			out.Datapath, out.on = d.Name, d
		}
		return &out, err
	}
	members, err := e.group(ctx, f.group)
	if err != nil {
		return &out, err
	}
	dps, err := e.datapathsByUUID(ctx, members)
	for _, d := range dps {
		out.Of = append(out.Of, d.Name)
	}
	slices.Sort(out.Of)
	if len(out.Of) == 1 {
		out.Datapath, out.Of = out.Of[0], nil
	}
	return &out, err
}

func (e *Explainer) group(ctx context.Context, g ovsdb.UUID) ([]ovsdb.UUID, error) {
	if members, ok := e.groups[g]; ok {
		return members, nil
	}
	members, err := e.sb.DatapathGroup(ctx, g)
	if err != nil {
		return nil, err
	}
	e.groups[g] = members
	return members, nil
}

// datapathByKey returns nil for a key that no datapath has.
func (e *Explainer) datapathByKey(ctx context.Context, key uint64) (*ovn.Datapath, error) {
	if d, ok := e.datapaths[key]; ok {
		return d, nil
	}
	d, err := e.sb.DatapathByKey(ctx, int64(key))
	if err != nil {
		if isNotFound(err) {
			e.datapaths[key] = nil
			return nil, nil
		}
		return nil, err
	}
	e.datapaths[key], e.byUUID[d.UUID] = d, d
	return d, nil
}

func (e *Explainer) datapathsByUUID(ctx context.Context, ids []ovsdb.UUID) (map[ovsdb.UUID]*ovn.Datapath, error) {
	out := map[ovsdb.UUID]*ovn.Datapath{}
	var want []ovsdb.UUID
	for _, u := range ids {
		if d, ok := e.byUUID[u]; ok {
			out[u] = d
		} else if !u.IsZero() {
			want = append(want, u)
		}
	}
	got, err := e.sb.DatapathsByUUID(ctx, want)
	for u, d := range got {
		out[u], e.byUUID[u] = d, d
	}
	return out, err
}
