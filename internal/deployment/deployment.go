// Package deployment connects to a deployment: its databases, and the nodes in the ways that its
// options give. A Deployment stays open; each question is a Run with nodes of its own.
package deployment

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// CloseGrace bounds what is done after a run has ended or was cancelled: removing the entries that
// it has committed, ending nodes.
const CloseGrace = 8 * time.Second

// Deployment is a connection to the databases. It is safe for concurrent use.
type Deployment struct {
	SB *ovn.SB
	NB *ovn.NB // nil where there is none or it does not answer

	// Journal is the folder of the journal of synthetic kernel entries on this machine; the usual
	// one when empty.
	Journal string
	// Rooms are chassis whose daemons are copies on this machine. They come before the ways that the
	// options give.
	Rooms map[string]node.Options

	// NoNB is the reason why NB is nil.
	NoNB error

	opt    Options
	warn   []string // warnings of every answer
	base   base
	remove func() error // what was rebuilt from archives
}

// Open connects to the databases. It returns a *usage.Error where the options are wrong, before
// anything is connected, and an *ovsdb.Error where the Southbound database does not answer. Without
// the Northbound database, every run has a warning.
func Open(ctx context.Context, opt Options) (*Deployment, error) {
	if err := opt.Check(); err != nil {
		return nil, err
	}
	if err := opt.checkRemoteEnv(); err != nil {
		return nil, err
	}
	opt, remove, err := opt.Rebuild(ctx)
	if err != nil {
		return nil, err
	}
	d := &Deployment{opt: opt, remove: remove, warn: opt.Notes()}
	nbctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var nberr error
	north := make(chan struct{})
	go func() {
		defer close(north)
		d.NB, nberr = opt.DialNB(nbctx)
	}()
	if err = d.openSB(ctx); err != nil {
		cancel()
		<-north
		_ = d.Close()
		return nil, err
	}
	<-north
	if d.base.node != nil && opt.NB == "" && os.Getenv("OVN_NB_DB") == "" {
		// What is at this machine's usual socket would be another zone's.
		if d.NB != nil {
			_ = d.NB.Close()
		}
		d.NB, nberr = northByNode(ctx, d.base.node)
	}
	if d.NoNB = nberr; nberr != nil {
		// A trace needs no Northbound database: a missing one is a warning.
		d.warn = append(d.warn, fmt.Sprintf("without the Northbound database, rules are named by logical flow only: %v", nberr))
	}
	if d.NB != nil {
		d.SB.Dynamic = d.NB.DynamicAddresses
	}
	return d, nil
}

// DialSB connects to the Southbound database.
func (o Options) DialSB(ctx context.Context) (*ovn.SB, error) {
	return ovn.DialSB(ctx, o.southbound())
}

// DialNB connects to the Northbound database.
func (o Options) DialNB(ctx context.Context) (*ovn.NB, error) {
	if o.offline != nil && o.NB == "" {
		return nil, o.errNoNorthbound()
	}
	return o.dialNB(ctx, o.northbound())
}

// dialNB connects to a Northbound database. It leaves most of the time for the trace.
func (o Options) dialNB(ctx context.Context, db ovsdb.Options) (*ovn.NB, error) {
	ctx, cancel := context.WithTimeout(ctx, max(o.Bound()/4, time.Second))
	defer cancel()
	return ovn.DialNB(ctx, db)
}

// Close ends the connections to the databases. Runs must have been closed before.
func (d *Deployment) Close() error {
	var errs []error
	if d.NB != nil {
		errs = append(errs, d.NB.Close())
	}
	if d.SB != nil {
		errs = append(errs, d.SB.Close())
	}
	if d.base.nodes != nil {
		errs = append(errs, closeSoon(context.Background(), d.base.nodes))
	}
	if d.remove != nil {
		errs = append(errs, d.remove())
	}
	return errors.Join(errs...)
}
