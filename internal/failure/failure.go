// Package failure says what kind of failure an error is, and what to try against it.
package failure

import (
	"context"
	"errors"
	"io/fs"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/dpif"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/driver"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/nodens"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/oftrace"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/unixctl"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/usage"
)

// Kind is what a failure means for whoever asked.
type Kind uint8

// The kinds of failure.
const (
	// Input is a question that is wrong, and any error of which nothing else is known.
	Input Kind = iota
	// Unreachable is something that could not be reached, or was not permitted.
	Unreachable
	// Undetermined is a trace that was given up: a limit, or tables that kept changing.
	Undetermined
)

// KindOf tells errors apart.
func KindOf(err error) Kind {
	var (
		ue *usage.Error
		nf *ovn.NotFoundError
		nh *ovn.NoNextHopError
		ub *driver.UnboundError
		ee *driver.EntryError
		te *engine.TraceError
		ne *node.Error
		se *dpif.SyntaxError
		pe *fs.PathError

		ctl *unixctl.Error
	)
	switch {
	case errors.As(err, &ne):
		return Unreachable
	case errors.As(err, &se):
		return Unreachable // a daemon that does not answer as one
	case errors.As(err, &ue), errors.As(err, &nf), errors.As(err, &nh), errors.As(err, &ub), errors.As(err, &ee):
		return Input
	case errors.Is(err, engine.ErrLimit), errors.Is(err, engine.ErrChanged):
		return Undetermined
	case unreachable(err):
		return Unreachable
	case errors.As(err, &ctl) && oftrace.Classify(ctl.Text) == oftrace.ReplyNoCommand:
		return Unreachable
	case errors.As(err, &te):
		return Input
	case errors.As(err, &pe):
		return Unreachable // standard output that takes no more
	}
	return Input
}

func unreachable(err error) bool {
	var (
		de *ovsdb.Error
		ce *unixctl.CallError
		uf *unixctl.NotFoundError
		ns *nodens.Error
		re *node.RemoteError
	)
	return errors.As(err, &de) || errors.As(err, &ce) || errors.As(err, &uf) || errors.As(err, &ns) || errors.As(err, &re) ||
		errors.Is(err, fs.ErrPermission) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// HintOf says what to try against an error; empty where nothing is known.
func HintOf(err error) string {
	var (
		ue *usage.Error
		ne *node.Error
		nf *ovn.NotFoundError
		nh *ovn.NoNextHopError
		am *ovn.AmbiguousError
		ub *driver.UnboundError
		ns *nodens.Error
		de *ovsdb.Error
		ce *unixctl.CallError
		uf *unixctl.NotFoundError
	)
	switch {
	case errors.As(err, &ue) && ue.Hint != "":
		return ue.Hint
	case errors.As(err, &ub):
		return "look at its Port_Binding (ovn-sbctl find Port_Binding logical_port=" + ub.Port + "): an interface with external_ids:iface-id=" + ub.Port + " must exist on a chassis"
	case errors.As(err, &nf) && len(nf.Nearest) > 0:
		return "did you mean " + JoinOr(nf.Nearest) + "?"
	case errors.As(err, &nh):
		return "say where the guest sends it: eth.dst == MAC"
	case errors.As(err, &am):
		return "name one of them"
	case errors.As(err, &ns) && ns.Hint != "":
		return ns.Hint
	case errors.Is(err, fs.ErrPermission):
		return "run the node's side as root, or with CAP_NET_ADMIN: conntrack answers nobody else"
	case errors.As(err, &ne) && ne.Hint != "":
		return ne.Hint
	case errors.As(err, &uf), errors.As(err, &ce) && !errors.Is(err, context.DeadlineExceeded):
		return "is Open vSwitch running there? --ovs-rundir, or OVS_RUNDIR, names its run folder"
	case errors.As(err, &de) && !errors.Is(err, context.DeadlineExceeded):
		return databaseHint(de)
	case errors.Is(err, context.DeadlineExceeded):
		return "give it longer with --timeout"
	}
	return ""
}

// databaseHint says how a database is named.
func databaseHint(e *ovsdb.Error) string {
	switch e.Database {
	case ovn.Southbound:
		return "--sb tcp:HOST:6642, or OVN_SB_DB, names the Southbound database"
	case ovn.Northbound:
		return "--nb tcp:HOST:6641, or OVN_NB_DB, names the Northbound database"
	}
	return "is the node's ovsdb-server running?"
}

// JoinOr lists names as alternatives: a, b or c.
func JoinOr(names []string) string {
	s := ""
	for i, n := range names {
		switch {
		case i == 0:
		case i == len(names)-1:
			s += " or "
		default:
			s += ", "
		}
		s += n
	}
	return s
}
