package deployment

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/driver"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/explain"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/publish"
)

// Run is one question's use of a deployment. Nodes are reached and read anew in each run, so that
// it sees what has changed since the last one. A Run is not safe for concurrent use; several runs
// of one deployment may go on at the same time.
type Run struct {
	SB     *ovn.SB
	NB     *ovn.NB // nil where there is none
	Nodes  *Nodes
	Driver *driver.Driver
	// Publisher makes the run's reports.
	Publisher publish.Publisher

	opt        Options
	warn       []string
	explainers map[databases]*explain.Explainer
	zoneNBs    []*ovn.NB // Northbound databases of other zones, opened by the run
}

// databases are those that name a chassis' tables: its Southbound database, and the remotes of a
// Northbound database that is not the deployment's own.
type databases struct {
	sb *ovn.SB
	nb string
}

// Run begins a run; the caller closes it.
func (d *Deployment) Run() *Run {
	nodes := NewNodes(d.opt, d.Journal)
	r := &Run{
		SB: d.SB, NB: d.NB, Nodes: nodes, opt: d.opt, warn: slices.Clone(d.warn),
		explainers: map[databases]*explain.Explainer{{sb: d.SB}: explain.New(d.SB, d.NB)},
	}
	r.Driver = &driver.Driver{
		SB: d.SB, NB: d.NB, Nodes: nodes, MaxDump: d.opt.MaxDump, DialSB: r.dialSB,
	}
	r.Publisher.Explainer = r.explainer
	return r
}

// Warn adds to the warnings of the run's answer.
func (r *Run) Warn(text ...string) { r.warn = append(r.warn, text...) }

// Warnings returns reasons why the run's answer may be less than certain.
func (r *Run) Warnings() []string { return append([]string{}, r.warn...) }

// dialSB opens another zone's Southbound database by the ovn-remote of a chassis.
func (r *Run) dialSB(ctx context.Context, chassis, remote string) (*ovn.SB, error) {
	if strings.Contains(remote, "unix:") && !r.Nodes.isLocal(chassis) {
		return nil, fmt.Errorf("its ovn-remote %s is a socket on that machine", remote)
	}
	return ovn.DialSB(ctx, r.opt.database(remote))
}

// explainer returns an explainer over the databases that the chassis itself uses. No chassis knows
// its zone's Northbound database: Options.NBOf names it.
func (r *Run) explainer(ctx context.Context, chassis string) (*explain.Explainer, error) {
	sb, err := r.Driver.Southbound(ctx, chassis)
	if err != nil {
		return nil, err
	}
	key := databases{sb, r.opt.NBOf[chassis]}
	if e := r.explainers[key]; e != nil {
		return e, nil
	}
	var nb *ovn.NB
	if key.nb != "" {
		if nb, err = r.opt.dialNB(ctx, r.opt.database(key.nb)); err == nil {
			r.zoneNBs = append(r.zoneNBs, nb)
		} else {
			nb = nil
			r.Warn(fmt.Sprintf("without the Northbound database of %s's zone, its rules are named by logical flow only: %v", chassis, err))
		}
	}
	r.explainers[key] = explain.New(sb, nb)
	return r.explainers[key], nil
}

// Close ends the run within CloseGrace, whether ctx has ended or not; nodes first, which removes
// the entries that they committed.
func (r *Run) Close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), CloseGrace)
	defer cancel()
	r.Driver.Settle()
	errs := []error{r.Nodes.Close(ctx), r.Driver.Close()}
	for _, nb := range r.zoneNBs {
		errs = append(errs, nb.Close())
	}
	return errors.Join(errs...)
}
