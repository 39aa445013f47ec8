package question

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/deployment"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/microflow"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/usage"
)

var errNoPort = usage.Errorf("--from PORT, or inport == \"PORT\"", "the packet enters nowhere: no port is given")

// FindPort finds the one port that a command's argument names; network narrows it, as
// Question.Network does.
func FindPort(ctx context.Context, r *deployment.Run, spec, network string) (*ovn.PortBinding, error) {
	return (&Judged{q: Question{Network: network}}).onePort(ctx, r, "port", spec)
}

// onePort finds the one port that spec, the value of a flag, names.
func (j *Judged) onePort(ctx context.Context, r *deployment.Run, flag, spec string) (*ovn.PortBinding, error) {
	if spec == "" {
		return nil, errNoPort
	}
	found, err := r.SB.FindPorts(ctx, spec, j.q.Network)
	var missing *ovn.NotFoundError
	if errors.As(err, &missing) && missing.Name == spec && r.NB != nil {
		found, err = j.northbound(ctx, r, spec, err)
	}
	if err != nil {
		return nil, unresolved(err, spec)
	}
	if len(found) > 1 {
		return nil, usage.Errorf("name the port, or narrow it with --network", "%s %q is not one port: %s", flag, spec, candidates(ctx, r, found))
	}
	return found[0], nil
}

// northbound finds a port by data that only the Northbound database has. It returns notFound where
// there is none.
func (j *Judged) northbound(ctx context.Context, r *deployment.Run, spec string, notFound error) ([]*ovn.PortBinding, error) {
	names, err := r.NB.PortNames(ctx, spec)
	if err != nil || len(names) == 0 {
		return nil, notFound
	}
	var out []*ovn.PortBinding
	for _, name := range names {
		found, err := r.SB.FindPorts(ctx, name, j.q.Network)
		switch {
		case err != nil && j.q.Network != "":
			return nil, notFound
		case err != nil:
			return nil, &NoBindingError{Port: name, Err: err}
		}
		out = append(out, found...)
	}
	return out, nil
}

// unresolved adds a hint to an unknown name that looks like a host's.
func unresolved(err error, spec string) error {
	var missing *ovn.NotFoundError
	t, bad := microflow.ParseTarget(spec)
	if !errors.As(err, &missing) || len(missing.Nearest) > 0 || bad != nil || t.Kind != microflow.TargetName || !strings.Contains(spec, ".") {
		return err
	}
	return &usage.Error{Msg: err.Error(), Hint: "host names are not looked up: give an address, or a logical port", Err: err}
}

// maxCandidates bounds how many ports an error lists.
const maxCandidates = 10

// candidates lists ports by name and datapath.
func candidates(ctx context.Context, r *deployment.Run, found []*ovn.PortBinding) string {
	var ids []ovsdb.UUID
	for _, p := range found {
		ids = append(ids, p.Datapath)
	}
	datapaths, err := r.SB.DatapathsByUUID(ctx, ids)
	if err != nil {
		datapaths = nil // the names alone, then
	}
	var names []string
	for i, p := range found {
		if i == maxCandidates {
			names = append(names, fmt.Sprintf("and %d more", len(found)-i))
			break
		}
		name := p.LogicalPort
		if dp := datapaths[p.Datapath]; dp != nil {
			name += " on " + dp.Name
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}
