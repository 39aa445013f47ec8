package matrix

import (
	"context"
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/deployment"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/microflow"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/usage"
)

// All is the list of a deployment's pairs: from each VIF that is bound and has an address to each
// other one, for every service, and to each VIP of a load balancer at its port. Pairs without a
// common address family are left out.
type All struct {
	vifs     []vif
	vips     []ovn.VIP
	services []string // "PORT/PROTO", "PROTO" or empty
	expect   string
	// Notes say which ports and VIPs are left out.
	Notes []string
}

// vif is a port of a workload.
type vif struct {
	name   string
	to     string // how a destination names it
	v4, v6 bool
}

// ReadAll reads the ports and VIPs. services are written as behind a destination: "80/tcp", "icmp".
// With networks, only ports of these logical switches are taken, and the VIPs still are.
func ReadAll(ctx context.Context, r *deployment.Run, services, networks []string, expect string) (*All, error) {
	suffixes, err := Services(services)
	if err != nil {
		return nil, err
	}
	out := &All{expect: expect, services: suffixes}
	var on []ovsdb.UUID
	for _, name := range networks {
		dp, err := r.SB.DatapathByName(ctx, name)
		if err != nil {
			return nil, err
		}
		on = append(on, dp.UUID)
	}
	ports, err := r.SB.PortsByType(ctx, "")
	if err != nil {
		return nil, err
	}
	unbound, bare := 0, 0
	for _, p := range ports {
		if len(on) > 0 && !slices.Contains(on, p.Datapath) {
			continue
		}
		v := vifOf(p)
		switch {
		case p.Chassis.IsZero():
			unbound++
		case !v.v4 && !v.v6:
			bare++
		default:
			out.vifs = append(out.vifs, v)
		}
	}
	slices.SortFunc(out.vifs, func(a, b vif) int { return strings.Compare(a.name, b.name) })
	db := r.SB.DB
	if r.NB != nil {
		db = r.NB.DB
	}
	vips, templates, err := ovn.VIPs(ctx, db)
	if err != nil {
		return nil, err
	}
	out.vips = vips
	for _, n := range []struct {
		count int
		what  string
	}{
		{unbound, "ports are bound to no chassis"}, {bare, "ports have no address"}, {templates, "VIPs are templates"},
	} {
		if n.count > 0 {
			out.Notes = append(out.Notes, fmt.Sprintf("left out: %d %s", n.count, n.what))
		}
	}
	return out, nil
}

// serviceSuffix returns a service as it stands behind a destination.
// Services returns what each service adds to a destination: "80/tcp" is ":80/tcp". The error is a
// *usage.Error.
func Services(list []string) (out []string, err error) {
	for _, s := range list {
		suffix, err := serviceSuffix(s)
		if err != nil {
			return nil, err
		}
		out = append(out, suffix)
	}
	return out, nil
}

func serviceSuffix(s string) (string, error) {
	suffix := "/" + s
	if s != "" && s[0] >= '0' && s[0] <= '9' {
		suffix = ":" + s
	}
	if t, err := microflow.ParseTarget("port" + suffix); err != nil || t.Name != "port" {
		return "", usage.Errorf("--service 80/tcp, 53/udp or icmp", "%q is no service", s)
	}
	return suffix, nil
}

func vifOf(p *ovn.PortBinding) vif {
	v := vif{name: p.LogicalPort, to: p.LogicalPort}
	var first netip.Addr
	for _, a := range p.Addrs() {
		for _, ip := range a.IPs {
			if !first.IsValid() {
				first = ip.Addr()
			}
			v.v4, v.v6 = v.v4 || ip.Addr().Is4(), v.v6 || ip.Addr().Is6()
		}
	}
	if t, err := microflow.ParseTarget(v.name); (err != nil || t.Name != v.name || t.HasPort || t.Proto != 0) && first.IsValid() {
		v.to = first.String() // the name reads as something else
		if first.Is6() {
			v.to = "[" + v.to + "]"
		}
	}
	return v
}

// Count returns the number of questions, pairs without a common family included.
func (a *All) Count() int {
	return len(a.vifs)*(len(a.vifs)-1)*len(a.services) + len(a.vifs)*len(a.vips)
}

// Each lists the questions so that neighbours have different sources: those of one chassis would
// wait for one another.
func (a *All) Each() iter.Seq2[Question, error] {
	return func(yield func(Question, error) bool) {
		n := 0
		ask := func(from vif, to string) bool {
			n++
			return yield(Question{N: n, From: from.name, To: to, Expect: a.expect}, nil)
		}
		for _, service := range a.services {
			for step := 1; step < len(a.vifs); step++ {
				for i, from := range a.vifs {
					to := a.vifs[(i+step)%len(a.vifs)]
					if (from.v4 && to.v4 || from.v6 && to.v6) && !ask(from, to.to+service) {
						return
					}
				}
			}
		}
		for _, v := range a.vips {
			for _, from := range a.vifs {
				if (v.Addr.Is4() && from.v4 || v.Addr.Is6() && from.v6) && !ask(from, vipTarget(v)) {
					return
				}
			}
		}
	}
}

// vipTarget returns a VIP as a destination.
func vipTarget(v ovn.VIP) string {
	if v.Port == 0 {
		return v.Addr.String()
	}
	return netip.AddrPortFrom(v.Addr, v.Port).String() + "/" + v.Proto
}
