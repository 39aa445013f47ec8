package diagnose

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// nextHop says whose address is awaited, and by which route the packet goes there.
func (j *judge) nextHop(ctx context.Context, s *scene, f *report.Finding) {
	addr := f.Where["address"]
	f.Evidence = append(f.Evidence, s.reason.Text)
	ip, err := netip.ParseAddr(addr)
	if err != nil {
		return
	}
	router := f.Where["datapath"]
	switch {
	case f.Code == report.CodeNextHopUnresolved && j.disabledOwner(ctx, ip, f):
		return
	case f.Code == report.CodeRouteViaSelf:
		f.Text = fmt.Sprintf("the next hop %s of router %s is an address of the router itself, so nobody answers for it", addr, router)
	case f.Code == report.CodeARPUnanswerable:
		f.Text = fmt.Sprintf("nobody can answer for %s, the next hop of router %s: OVN drops the request for it", addr, router)
	case f.Where["answered"] != "":
		f.Severity, f.Certainty = report.SeverityInfo, report.ConfidencePossible
		f.Text = fmt.Sprintf("router %s must learn the MAC address of %s first; OVN answers that itself, and the packet goes on", router, addr)
		return
	case f.Where["port"] != "":
		f.Certainty = report.ConfidenceLikely
		f.Text = fmt.Sprintf("nobody has answered for %s, the next hop of router %s: port %s has that address, and its guest must answer", addr, router, f.Where["port"])
	default:
		f.Certainty = report.ConfidenceLikely
		f.Text = fmt.Sprintf("nobody has answered for %s, the next hop of router %s", addr, router)
	}
	r := j.router(ctx, f)
	if r == nil {
		return
	}
	for _, route := range r.Routes {
		if hop, err := netip.ParseAddr(route.NextHop); err != nil || hop != ip {
			continue
		}
		f.Evidence = append(f.Evidence, fmt.Sprintf("route of %s: %s", r.Name, routeText(route)))
		if f.Code != report.CodeNextHopUnresolved && route.Prefix.IsValid() {
			f.Mend = append(f.Mend, command("ovn-nbctl", "lr-route-del", r.Name, route.Prefix.String(), route.NextHop))
		}
	}
	if p := r.PortTo(ip); p != nil && f.Code == report.CodeNextHopUnresolved {
		f.Mend = append(f.Mend, command("ovn-nbctl", "static-mac-binding-add", p.Name, addr, "MAC")+" # if the next hop is right and does not answer; MAC is its address")
	}
}

// disabledOwner reports whether the port that has an address is disabled, and then names it: nobody
// answers for the addresses of such a port.
func (j *judge) disabledOwner(ctx context.Context, ip netip.Addr, f *report.Finding) bool {
	inv := j.inventory(ctx)
	if inv == nil {
		return false
	}
	for _, o := range inv.Owners(ip) {
		if o.Port == nil || o.Port.Enabled {
			continue
		}
		f.Code, f.Where["port"] = report.CodePortDisabled, o.Port.Name
		f.Text = fmt.Sprintf("logical port %s, which has the address %s, is disabled", o.Port.Name, ip)
		f.Mend = append(f.Mend, command("ovn-nbctl", "lsp-set-enabled", o.Port.Name, "enabled"))
		return true
	}
	return false
}
