package explain

import (
	"context"
	"errors"
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// otherTables are the tables beside Logical_Flow whose UUIDs ovn-controller uses as cookies.
var otherTables = []string{"Datapath_Binding", "Chassis", "Encap", "Port_Binding", "Multicast_Group",
	"Load_Balancer", "Static_MAC_Binding", "FDB", "MAC_Binding"}

// searches lists the steps of a search for cookies, each more expensive than the one before. The
// search ends when every cookie is explained.
func (e *Explainer) searches(hits []engine.TableHit) []func(context.Context) error {
	whole := func(tables ...string) func(context.Context) error {
		var parts []part
		for _, t := range tables {
			parts = append(parts, part{table: t})
		}
		return func(ctx context.Context) error { return e.sbIndex.readEach(ctx, parts) }
	}
	return []func(context.Context) error{
		func(ctx context.Context) error { return e.readLocal(ctx, hits) },
		whole("Chassis", "Encap", "Datapath_Binding", "Load_Balancer"),
		whole("Logical_Flow"),
		whole("Port_Binding", "Multicast_Group", "Static_MAC_Binding", "FDB", "MAC_Binding"),
	}
}

// read makes sure that the rows of all cookies are known.
func (e *Explainer) read(ctx context.Context, hits []engine.TableHit) error {
	e.vote(hits) // of flows that are there already, as after Prepare, no search counts the votes
	missing := e.unexplained(hits)
	for _, c := range missing {
		if !e.absent[c] {
			return e.search(ctx, hits)
		}
	}
	return nil
}

// search reads until every cookie is explained. A table that cannot be read does not stop it.
func (e *Explainer) search(ctx context.Context, hits []engine.TableHit) error {
	again := len(e.sbIndex.whole) > 0
	var errs []error
	for _, step := range e.searches(hits) {
		for _, err := range []error{step(ctx), e.readFlows(ctx, hits), e.readOthers(ctx, hits)} {
			if err != nil {
				errs = append(errs, err)
			}
		}
		if len(e.unexplained(hits)) == 0 {
			return nil
		}
		if ctx.Err() != nil {
			break
		}
	}
	if errs != nil {
		return errors.Join(errs...)
	}
	missing := e.unexplained(hits)
	for _, c := range missing {
		if again && !e.absent[c] {
			// Its row may have been added after the tables were read.
			e.forget()
			e.sbIndex.forget()
			return e.search(ctx, hits)
		}
	}
	for _, c := range missing {
		e.absent[c] = true
	}
	return nil
}

// unexplained lists the cookies for which neither a fitting logical flow nor another row is known.
// A flow of another table or priority than its hit's may share the 32 bits by chance.
func (e *Explainer) unexplained(hits []engine.TableHit) []uint32 {
	seen := map[uint32]bool{}
	var out []uint32
	for _, h := range hits {
		c, ok := cookieOf(h)
		if !ok || seen[c] || len(e.otherRows(c)) > 0 {
			continue
		}
		fits := slices.ContainsFunc(e.sbIndex.find("Logical_Flow", c), func(u ovsdb.UUID) bool {
			return e.flows[u] != nil && e.fits(h, e.flows[u])
		})
		if !fits {
			seen[c] = true
			out = append(out, c)
		}
	}
	return out
}

// cookieOf returns the part of a UUID that is a hit's cookie; ok is false for a flow that is not
// OVN's.
func cookieOf(h engine.TableHit) (c uint32, ok bool) {
	return uint32(h.Cookie), h.Cookie != 0 && h.Cookie>>32 == 0
}

// localDatapaths returns the datapaths of the hits, read in one query.
func (e *Explainer) localDatapaths(ctx context.Context, hits []engine.TableHit) ([]*ovn.Datapath, error) {
	var keys []uint64
	var want []int64
	for _, h := range hits {
		key := h.Metadata
		if key == 0 || slices.Contains(keys, key) {
			continue
		}
		keys = append(keys, key)
		if _, known := e.datapaths[key]; !known {
			want = append(want, int64(key))
		}
	}
	read, err := e.sb.DatapathsByKey(ctx, want)
	if err != nil {
		return nil, err
	}
	var out []*ovn.Datapath
	for _, key := range keys {
		d, known := e.datapaths[key]
		if !known {
			d = read[int64(key)]
			e.datapaths[key] = d
		}
		if d != nil {
			e.byUUID[d.UUID] = d
			out = append(out, d)
		}
	}
	return out, nil
}

// readLocal reads the UUIDs of the rows of the hits' datapaths, and of the
// logical flows that datapath groups share, whose own datapath is empty.
func (e *Explainer) readLocal(ctx context.Context, hits []engine.TableHit) error {
	local, err := e.localDatapaths(ctx, hits)
	if err != nil {
		return err
	}
	ids, parts := partsOf(local)
	return errors.Join(e.readStages(ctx, ids...), e.sbIndex.readEach(ctx, parts))
}

// partsOf returns the parts of tables that belong to datapaths, and the datapaths' UUIDs.
func partsOf(datapaths []*ovn.Datapath) (ids []ovsdb.UUID, parts []part) {
	for _, d := range datapaths {
		ids = append(ids, d.UUID)
		parts = append(parts, part{"Port_Binding", "datapath", d.UUID},
			part{"Multicast_Group", "datapath", d.UUID}, part{"Static_MAC_Binding", "datapath", d.UUID},
			part{"MAC_Binding", "datapath", d.UUID}, part{"FDB", "dp_key", d.TunnelKey})
	}
	return ids, parts
}

// flowsOf returns the logical flows that the hits' cookies may mean, as far as their UUIDs were
// read.
func (e *Explainer) flowsOf(hits []engine.TableHit) []ovsdb.UUID {
	var out []ovsdb.UUID
	for _, h := range hits {
		if c, ok := cookieOf(h); ok {
			out = append(out, e.sbIndex.find("Logical_Flow", c)...)
		}
	}
	return out
}

// readFlows reads the logical flows of the cookies and lets them vote on where pipelines begin.
func (e *Explainer) readFlows(ctx context.Context, hits []engine.TableHit) error {
	if err := e.loadFlows(ctx, e.flowsOf(hits)); err != nil {
		return err
	}
	e.vote(hits)
	return nil
}
