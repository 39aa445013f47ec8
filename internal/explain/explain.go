// Package explain names what a table hit means: the logical flow behind its
// cookie, that flow's stage and datapath, and the Northbound row that asked for it.
//
// A cookie is the first 32 bits of a Southbound row's UUID. OVSDB has no condition on part of a
// UUID. The search therefore begins with the rows of the hits' datapaths; only where a cookie stays
// unexplained it reads the UUIDs of whole tables, and then the rows that match. OpenFlow table
// numbers differ between releases, so none is built in: the hits themselves decide by a vote where
// a pipeline begins.
package explain

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// Named is what a hit means. Its fields are empty where that is unknown, and Why then gives the
// reason.
type Named struct {
	Stage      string
	Flow       *LogicalFlow // nil when the cookie is not a logical flow's
	NB         *NBRow       // nil when the flow was not made for a Northbound row
	Row        string       // what else the cookie names: "Port_Binding sw0-p1"
	Candidates []string     // all rows the cookie may mean, when it is ambiguous
	Why        string
	Gone       bool // no row has the cookie: the row was deleted, the flow is still installed
}

// LogicalFlow is a row of the Southbound Logical_Flow table.
type LogicalFlow struct {
	UUID     ovsdb.UUID
	Datapath string   // name of the datapath that the hit is on; empty when unknown
	Of       []string // names of the datapaths it applies to, when Datapath is unknown
	Pipeline string   // ingress or egress
	TableID  int
	Priority int
	Match    string
	Actions  string
	Stage    string // such as ls_out_acl
	Hint     string // the Northbound row's first eight hex digits
	Source   string // northd's file and line
	Desc     string // why the flow exists (flow_desc, since 25.03)
	Meter    string

	datapath, group ovsdb.UUID
	on              *ovn.Datapath // of Datapath
}

// On names the datapath that the flow was hit on; where that is unknown, up to five of those that
// it applies to.
func (f *LogicalFlow) On() string {
	return cmpOr(f.Datapath, strings.Join(first(f.Of, 5), ", "))
}

// Explainer names hits from one Southbound and one Northbound database. It
// keeps what it has read, reads again what has changed, and is safe for
// concurrent use.
type Explainer struct {
	sb *ovn.SB
	nb *ovn.NB

	mu      sync.Mutex // guards all fields below
	sbIndex *index
	nbIndex *index
	matches matches // parsed once: a match does not change
	kept
	votes
}

// New makes an Explainer. Either database may be nil: what only it contains stays unnamed.
func New(sb *ovn.SB, nb *ovn.NB) *Explainer {
	e := &Explainer{sb: sb, nb: nb, matches: matches{}, kept: newKept(), votes: newVotes()}
	if sb != nil {
		e.sbIndex = newIndex(sb.DB)
	}
	if nb != nil {
		e.nbIndex = newIndex(nb.DB)
	}
	return e
}

// forget drops the rows that were read. It keeps the votes: where a pipeline begins does not
// change.
func (e *Explainer) forget() { e.kept = newKept() }

// Refresh makes the next question read the databases anew.
func (e *Explainer) Refresh() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.forget()
	for _, i := range []*index{e.sbIndex, e.nbIndex} {
		if i != nil {
			i.forget()
		}
	}
}

// Explain names hits, in their order. With an error it still returns the names that it found.
func (e *Explainer) Explain(ctx context.Context, hits []engine.TableHit) ([]Named, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := make([]Named, len(hits))
	if e.sb == nil {
		for i := range out {
			out[i].Why = "no Southbound database"
		}
		return out, nil
	}
	var errs []error
	unread := e.read(ctx, hits)
	if unread != nil {
		errs = append(errs, unread)
	}
	for i, h := range hits {
		named, err := e.name(ctx, h)
		if _, ours := cookieOf(h); ours && unread != nil && named.Flow == nil && named.Row == "" {
			named.Why = unread.Error()
		}
		out[i] = named
		if err != nil {
			errs = append(errs, err)
		}
	}
	if err := e.nameNB(ctx, out); err != nil {
		errs = append(errs, err)
	}
	return out, errors.Join(errs...)
}

func (e *Explainer) selectFlows(ctx context.Context, ids []ovsdb.UUID) ([]*LogicalFlow, error) {
	rows, err := e.sb.LogicalFlows(ctx, ids)
	var out []*LogicalFlow
	for _, r := range rows {
		out = append(out, logicalFlow(r))
	}
	return out, err
}

func logicalFlow(r ovn.LogicalFlow) *LogicalFlow {
	return &LogicalFlow{UUID: r.UUID, Pipeline: r.Pipeline, TableID: r.TableID, Priority: r.Priority, Match: r.Match,
		Actions: r.Actions, Stage: r.Stage, Hint: r.Hint, Source: r.Source, Desc: r.Desc, Meter: r.Meter,
		datapath: r.Datapath, group: r.Group}
}

// name returns the meaning of one hit. The rows that it may mean have been read.
func (e *Explainer) name(ctx context.Context, h engine.TableHit) (Named, error) {
	switch {
	case h.Cookie == 0:
		return Named{Why: "the flow has no cookie"}, nil
	case h.Cookie>>32 != 0: // ovn-controller's have 32 bits
		return Named{Why: "the cookie is not one of OVN's"}, nil
	}
	var flows []*LogicalFlow
	for _, u := range e.sbIndex.find("Logical_Flow", uint32(h.Cookie)) {
		if f := e.flows[u]; f != nil {
			flows = append(flows, f)
		}
	}
	rows := e.otherRows(uint32(h.Cookie))
	fit, err := e.settle(ctx, h, flows, len(rows) > 0)
	switch {
	case err != nil:
		return Named{}, err
	case len(fit) == 1:
		f, err := e.onDatapath(ctx, fit[0], h.Metadata)
		return Named{Stage: f.Stage, Flow: f}, err
	case len(fit) > 1:
		return Named{Why: "several logical flows have the cookie", Candidates: candidates(fit, nil)}, nil
	case len(rows) == 1:
		return Named{Row: rows[0]}, nil
	case len(flows)+len(rows) == 0:
		return Named{Gone: e.absent[uint32(h.Cookie)], Why: "no row has the cookie: its flow may be older than the database"}, nil
	case len(flows) == 1 && len(rows) == 0:
		return Named{Why: "the row with the cookie has another table or priority", Candidates: candidates(flows, nil)}, nil
	}
	return Named{Why: "several rows have the cookie", Candidates: candidates(flows, rows)}, nil
}

// candidates returns one line of text for each row, sorted.
func candidates(flows []*LogicalFlow, rows []string) []string {
	out := slices.Clone(rows)
	for _, f := range flows {
		out = append(out, fmt.Sprintf("Logical_Flow %s: %s table %d (%s), priority %d, match (%s)",
			f.UUID, f.Pipeline, f.TableID, f.Stage, f.Priority, f.Match))
	}
	slices.Sort(out)
	return out
}
