package ovn

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// FindPorts resolves a user's name for a port: its name, its UUID or the first eight or more hex
// digits of it (or of a name that is a UUID, as Neutron's are), a MAC or IP address,
// pod:NAMESPACE/NAME, server:NAME, or a Neutron port's identifier. A network (a switch's or
// router's name) restricts the result. It may return several ports, which the caller has to report.
func (s *SB) FindPorts(ctx context.Context, spec, network string) ([]*PortBinding, error) {
	found, what, err := s.findPorts(ctx, spec)
	if err != nil {
		return nil, err
	}
	if network != "" {
		dp, err := s.DatapathByName(ctx, network)
		if err != nil {
			return nil, err
		}
		var in []*PortBinding
		for _, p := range found {
			if p.Datapath == dp.UUID {
				in = append(in, p)
			}
		}
		found, what = in, what+" on "+network
	}
	if len(found) > 0 {
		return found, nil
	}
	near, err := s.NearestPorts(ctx, spec, 3)
	if err != nil {
		return nil, err
	}
	return nil, &NotFoundError{What: what, Name: spec, Nearest: near}
}

func (s *SB) findPorts(ctx context.Context, spec string) (found []*PortBinding, what string, err error) {
	// A name has precedence over every other reading: names are free text.
	found, err = s.ports(ctx, portBindings.Equal("logical_port", spec))
	if err != nil || len(found) > 0 {
		return found, "logical port", err
	}
	if pod, ok := strings.CutPrefix(spec, "pod:"); ok {
		ns, name, ok := strings.Cut(pod, "/")
		if !ok || ns == "" || name == "" {
			return nil, "", fmt.Errorf("port %q: want pod:NAMESPACE/NAME", spec)
		}
		found, err = s.PortsByPod(ctx, ns, name)
		return found, "pod", err
	}
	if server, ok := strings.CutPrefix(spec, "server:"); ok {
		found, err = s.PortsByServer(ctx, server)
		return found, "server", err
	}
	if isMAC(spec) {
		found, err = s.PortsByMAC(ctx, spec)
		return found, "port with MAC address", err
	}
	if ip, err := netip.ParseAddr(spec); err == nil {
		found, err = s.PortsByIP(ctx, ip)
		return found, "port with IP address", err
	}
	if u, err := ovsdb.ParseUUID(spec); err == nil {
		found, err = s.ports(ctx, portBindings.Row(u), portBindings.IncludesPair("external_ids", "neutron:port_id", spec))
		return found, "port with UUID", err
	}
	if isUUIDPrefix(spec) {
		found, err = s.portsByPrefix(ctx, spec)
		if err != nil || len(found) > 0 {
			return found, "port with UUID", err
		}
	}
	found, err = s.ports(ctx,
		portBindings.IncludesPair("external_ids", "neutron:port_id", spec),
		portBindings.IncludesPair("external_ids", "neutron:port_name", spec))
	return found, "logical port", err
}

// isUUIDPrefix reports whether s has at least eight hex digits and can be the start of a UUID.
func isUUIDPrefix(s string) bool {
	zero := ovsdb.UUID{}.String()
	if len(s) < 8 || len(s) > len(zero) {
		return false
	}
	_, err := ovsdb.ParseUUID(s + zero[len(s):])
	return err == nil
}
