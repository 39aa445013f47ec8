package deployment

import (
	"context"
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/driver"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/explain"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/publish"
)

// Run is one question's use of a deployment. A Run is not safe for concurrent use; several runs of
// one deployment may go on at the same time.
type Run struct {
	SB     *ovn.SB
	NB     *ovn.NB // nil where there is none
	NoNB   error   // why the deployment's own is nil
	Nodes  *Nodes
	Driver *driver.Driver
	// Publisher makes the run's reports.
	Publisher publish.Publisher

	shared *Shared
	own    bool // the run closes shared
	warn   []string
}

// Run begins a run with nodes of its own, so that it sees what has changed since the last one; the
// caller closes it.
func (d *Deployment) Run() *Run {
	r := d.share().Run()
	r.own = true
	return r
}

// Run begins a run; the caller closes it before the Shared.
func (s *Shared) Run() *Run {
	r := &Run{SB: s.d.SB, NB: s.d.NB, NoNB: s.d.NoNB, Nodes: s.Nodes, shared: s, warn: slices.Clone(s.d.warn)}
	r.Driver = &driver.Driver{
		SB: r.SB, NB: r.NB, Nodes: s.Nodes, MaxDump: s.d.opt.MaxDump, DialSB: s.dialSB, Gate: s.Gate,
		Bare: !s.Nodes.byAddress(),
	}
	if s.keep {
		r.Driver.Describe = s.describe
	}
	r.Publisher.Explainer = r.explainer
	return r
}

// Copied opens a copy of the run's deployment: databases at other remotes, and chassis whose
// daemons are in rooms. Other chassis are reached as in the run.
func (r *Run) Copied(ctx context.Context, sb, nb string, rooms map[string]node.Options) (*Deployment, error) {
	opt := r.shared.d.opt
	opt.SB, opt.NB, opt.AnyMember = sb, nb, true
	d, err := Open(ctx, opt)
	if err == nil {
		d.Rooms = rooms
	}
	return d, err
}

// Lacks reports whether the run is about archives, none of which is of a chassis; it then warns of
// that.
func (r *Run) Lacks(c *ovn.Chassis) bool {
	if r.shared.d.opt.offline == nil || r.Nodes.Given(c) {
		return false
	}
	r.Warn("chassis " + c.Name + " is left out: no archive of it was given")
	return true
}

// Warn adds to the warnings of the run's answer, each once.
func (r *Run) Warn(text ...string) {
	for _, t := range text {
		if !slices.Contains(r.warn, t) {
			r.warn = append(r.warn, t)
		}
	}
}

// Warnings returns reasons why the run's answer may be less than certain.
func (r *Run) Warnings() []string { return append([]string{}, r.warn...) }

// explainer returns an explainer over the databases that the chassis itself uses.
func (r *Run) explainer(ctx context.Context, chassis string) (*explain.Explainer, error) {
	sb, err := r.Driver.Southbound(ctx, chassis)
	if err != nil {
		return nil, err
	}
	e, warning := r.shared.explainer(ctx, chassis, sb)
	if warning != "" {
		r.Warn(warning)
	}
	return e, nil
}

// Close ends the run, and its nodes unless they are shared, as Shared.Close does.
func (r *Run) Close(ctx context.Context) error {
	r.Driver.Settle()
	if !r.own {
		return nil
	}
	return r.shared.Close(ctx)
}
