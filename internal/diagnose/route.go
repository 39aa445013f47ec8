package diagnose

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/inventory"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// router returns the router that a finding is about; nil if it is unknown.
func (j *judge) router(ctx context.Context, f *report.Finding) *inventory.Router {
	inv := j.inventory(ctx)
	if inv == nil {
		return nil
	}
	return inv.Router(f.Where["datapath"])
}

// noRoute names the router that has no route to the destination.
func (j *judge) noRoute(ctx context.Context, s *scene, f *report.Finding) {
	dst := s.header().IPDst
	f.Text = fmt.Sprintf("router %s has no route to %s", f.Where["datapath"], dst)
	r := j.router(ctx, f)
	if r == nil {
		return
	}
	var routes []string
	for _, route := range r.Routes {
		routes = append(routes, routeText(route))
	}
	f.Evidence = append(f.Evidence, fmt.Sprintf("static routes of %s: %s", r.Name, orNone(strings.Join(firstOf(routes, 5), ", "))))
	ip, err := netip.ParseAddr(dst)
	if err != nil {
		return
	}
	prefix, hop := j.wayTo(r, ip)
	f.Mend = append(f.Mend, command("ovn-nbctl", "lr-route-add", r.Name, prefix, hop))
}

// wayTo returns a network with an address, and a next hop by which a router can reach it: the
// address, on a switch that both routers are on, of the router that has the network. Where there is
// none it returns the address and the word NEXTHOP.
func (j *judge) wayTo(from *inventory.Router, ip netip.Addr) (prefix, hop string) {
	for _, r := range j.Stock.Routers {
		for _, p := range r.Ports {
			for _, n := range p.Networks {
				if r == from || !n.Contains(ip) {
					continue
				}
				if via := commonAddr(from, r, ip); via.IsValid() {
					return n.Masked().String(), via.String()
				}
			}
		}
	}
	return ip.String(), "NEXTHOP"
}

// commonAddr returns an address of router to on a network that from is on too, of the family of ip;
// the zero Addr where there is none.
func commonAddr(from, to *inventory.Router, ip netip.Addr) netip.Addr {
	for _, p := range from.Ports {
		for _, q := range to.Ports {
			for _, n := range p.Networks {
				for _, m := range q.Networks {
					if n.Contains(m.Addr()) && m.Addr() != n.Addr() && m.Addr().Is4() == ip.Is4() {
						return m.Addr()
					}
				}
			}
		}
	}
	return netip.Addr{}
}

func firstOf(list []string, n int) []string {
	if len(list) <= n {
		return list
	}
	return append(list[:n:n], fmt.Sprintf("and %d more", len(list)-n))
}

func routeText(r *inventory.Route) string {
	text := "anything"
	if r.Prefix.IsValid() {
		text = r.Prefix.String()
	}
	if r.NextHop != "" {
		text += " via " + r.NextHop
	}
	if r.OutputPort != "" {
		text += " port " + r.OutputPort
	}
	if r.Table != "" {
		text += " table " + r.Table
	}
	return text
}

// blackhole names the route that discards the packet.
func (j *judge) blackhole(ctx context.Context, s *scene, f *report.Finding) {
	r := j.router(ctx, f)
	if r == nil {
		return
	}
	for _, route := range r.Routes {
		if s.reason.NB == nil || route.UUID.String() != s.reason.NB.UUID {
			continue
		}
		f.Text = fmt.Sprintf("route %s of router %s discards it", route.Prefix, r.Name)
		argv := []string{"ovn-nbctl"}
		if route.Table != "" {
			argv = append(argv, "--route-table="+route.Table)
		}
		if route.Source {
			argv = append(argv, "--policy=src-ip")
		}
		f.Mend = append(f.Mend, command(append(argv, "lr-route-del", r.Name, route.Prefix.String())...))
	}
}

// policyDrop names the routing policy that drops the packet.
func (j *judge) policyDrop(ctx context.Context, s *scene, f *report.Finding) {
	if r, p := j.policy(ctx, s.reason.NB); p != nil {
		f.Text = fmt.Sprintf("%s drops it", policyTitle(r, p))
		f.Mend = append(f.Mend, deletePolicy(r, p))
	}
}

// policy finds the routing policy of a Northbound row, and its router.
func (j *judge) policy(ctx context.Context, nb *report.NB) (*inventory.Router, *inventory.Policy) {
	inv := j.inventory(ctx)
	if inv == nil || nb == nil {
		return nil, nil
	}
	for _, r := range inv.Routers {
		for _, p := range r.Policies {
			if p.UUID.String() == nb.UUID {
				return r, p
			}
		}
	}
	return nil, nil
}

func policyTitle(r *inventory.Router, p *inventory.Policy) string {
	return fmt.Sprintf("routing policy %d (%s) of router %s", p.Priority, p.Match, r.Name)
}

func deletePolicy(r *inventory.Router, p *inventory.Policy) string {
	return command("ovn-nbctl", "lr-policy-del", r.Name, fmt.Sprint(p.Priority), p.Match)
}

// rerouted returns the routing policies that sent a packet another way than its routes would.
func (j *judge) rerouted(ctx context.Context, p *report.Packet, b *report.Branch) []report.Finding {
	var out []report.Finding
	for _, v := range segments(p, b) {
		for _, t := range v.Tables {
			if t.NB == nil || t.NB.Table != "Logical_Router_Policy" {
				continue
			}
			r, policy := j.policy(ctx, t.NB)
			if policy == nil || policy.Action != "reroute" {
				continue
			}
			out = add(out, report.Finding{
				Severity: report.SeverityInfo, Code: report.CodePolicyReroute, Certainty: report.ConfidenceExact, NB: t.NB,
				Text:  fmt.Sprintf("%s sends it to %s, whatever the routes say", policyTitle(r, policy), strings.Join(policy.NextHops, ", ")),
				Where: map[string]string{"chassis": v.Chassis, "datapath": r.Name, "stage": t.Stage, "packet": p.Label},
				Mend:  []string{deletePolicy(r, policy)},
			})
		}
	}
	return out
}
