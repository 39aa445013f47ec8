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

// onePort finds the one port that spec, the value of a flag, names, and makes its zone the run's.
func (j *Judged) onePort(ctx context.Context, r *deployment.Run, flag, spec string) (*ovn.PortBinding, error) {
	pb, zone, err := j.portAnywhere(ctx, r, flag, spec)
	if err == nil && zone.SB != r.SB {
		r.Use(zone)
	}
	return pb, err
}

// portAnywhere finds the one port that spec names, and its zone: the run's own, else the first
// other that has such a port.
func (j *Judged) portAnywhere(ctx context.Context, r *deployment.Run, flag, spec string) (*ovn.PortBinding, deployment.Zone, error) {
	if spec == "" {
		return nil, deployment.Zone{SB: r.SB, NB: r.NB}, errNoPort
	}
	found, zone, err := j.portsAnywhere(ctx, r, spec)
	if err != nil {
		return nil, zone, err
	}
	if len(found) > 1 {
		return nil, zone, usage.Errorf("name the port, or narrow it with --network", "%s %q is not one port: %s", flag, spec, candidates(ctx, zone.SB, found))
	}
	return found[0], zone, nil
}

// FindPorts finds the ports that a command's argument names: those of the run's own zone, else of
// the first other that has such a port.
func FindPorts(ctx context.Context, r *deployment.Run, spec string) ([]*ovn.PortBinding, error) {
	found, _, err := (&Judged{}).portsAnywhere(ctx, r, spec)
	return found, err
}

func (j *Judged) portsAnywhere(ctx context.Context, r *deployment.Run, spec string) ([]*ovn.PortBinding, deployment.Zone, error) {
	zone := deployment.Zone{SB: r.SB, NB: r.NB}
	found, err := j.ports(ctx, zone, spec)
	if isMissing(err, spec) {
		failed := r.OtherZones(ctx, func(other deployment.Zone) bool {
			there, bad := j.ports(ctx, other, spec)
			if isMissing(bad, spec) {
				return true
			}
			found, err, zone = there, bad, other
			return false
		})
		if failed != nil {
			err = failed
		}
	}
	if isMissing(err, spec) {
		err = r.Unsearched(err)
	}
	if err != nil {
		return nil, zone, unresolved(err, spec)
	}
	return found, zone, nil
}

// isMissing reports whether an error says that no port is called spec.
func isMissing(err error, spec string) bool {
	var missing *ovn.NotFoundError
	return errors.As(err, &missing) && missing.Name == spec
}

// ports finds the ports of a zone that spec names.
func (j *Judged) ports(ctx context.Context, z deployment.Zone, spec string) ([]*ovn.PortBinding, error) {
	found, err := z.SB.FindPorts(ctx, spec, j.q.Network)
	if isMissing(err, spec) && z.NB != nil {
		return j.northbound(ctx, z, spec, err)
	}
	return found, err
}

// northbound finds a port by data that only the Northbound database has. It returns notFound where
// there is none.
func (j *Judged) northbound(ctx context.Context, z deployment.Zone, spec string, notFound error) ([]*ovn.PortBinding, error) {
	names, err := z.NB.PortNames(ctx, spec)
	if err != nil || len(names) == 0 {
		return nil, notFound
	}
	var out []*ovn.PortBinding
	for _, name := range names {
		found, err := z.SB.FindPorts(ctx, name, j.q.Network)
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
func candidates(ctx context.Context, sb *ovn.SB, found []*ovn.PortBinding) string {
	var ids []ovsdb.UUID
	for _, p := range found {
		ids = append(ids, p.Datapath)
	}
	datapaths, err := sb.DatapathsByUUID(ctx, ids)
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
