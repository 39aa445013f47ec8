package diagnose

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/inventory"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/nbrow"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// destination returns a packet's destination, and its protocol's number; port 0 for a protocol
// without ports.
func destination(h report.Header) (uint8, netip.AddrPort) {
	ip, err := netip.ParseAddr(h.IPDst)
	if err != nil {
		return 0, netip.AddrPort{}
	}
	port := 0
	if h.L4Dst != nil {
		port = *h.L4Dst
	}
	return protocol(h.IPProto), netip.AddrPortFrom(ip.Unmap(), uint16(port))
}

// noBackend names the VIP that has no backend, or none that its health check says is up.
func (j *judge) noBackend(ctx context.Context, s *scene, f *report.Finding) {
	inv := j.inventory(ctx)
	if inv == nil {
		return
	}
	for _, v := range inv.VIP(destination(s.header())) {
		if s.reason.NB != nil && v.Balancer.UUID.String() != s.reason.NB.UUID {
			continue
		}
		title := inventory.Owner{VIP: v}.String()
		if len(v.Backends) == 0 {
			f.Text = title + " has no backend"
			f.Mend = append(f.Mend, command("ovn-nbctl", "--may-exist", "lb-add", v.Balancer.Name, v.Text, "IP:PORT", packet.ProtoName(v.Balancer.Protocol))+" # IP:PORT is a backend")
			return
		}
		f.Code, f.Text = report.CodeLBBackendDown, title+": the health check says that no backend is up"
		for _, b := range v.Backends {
			f.Evidence = append(f.Evidence, fmt.Sprintf("backend %s: %s", b.Addr, orNone(b.Status)))
		}
		f.Mend = append(f.Mend, command("ovn-nbctl", "clear", "Load_Balancer", v.Balancer.UUID.String(), "health_check")+" # if the backends do answer")
		return
	}
}

// balanced returns the causes that a load balancer has to do with a packet that was lost with an
// untranslated destination: its address is a VIP on other ports, or of a load balancer that no
// switch or router on the way has.
func (j *judge) balanced(ctx context.Context, s *scene) []report.Finding {
	inv := j.inventory(ctx)
	proto, to := destination(s.header())
	if inv == nil || s.reply || !to.IsValid() || s.header().IPDst != s.packet.Header.IPDst {
		return nil
	}
	f := report.Finding{Severity: report.SeverityError, Where: s.where(), Certainty: report.ConfidenceExact}
	here := inv.VIP(proto, to)
	if len(here) == 0 {
		others := inv.VIPs(to.Addr())
		if len(others) == 0 {
			return nil
		}
		return []report.Finding{otherPort(f, s, others)}
	}
	passed := datapaths(s.packet, s.branch)
	for _, v := range here {
		if slices.ContainsFunc(passed, func(name string) bool { return hasBalancer(inv, v.Balancer, name) }) {
			return nil
		}
	}
	v := here[0]
	f.Code, f.NB = report.CodeLBNotOnRouter, nbrow.VIP(v)
	f.Text = fmt.Sprintf("%s: no switch or router on the way has the load balancer (%s)", inventory.Owner{VIP: v}, strings.Join(passed, ", "))
	f.Evidence = append(f.Evidence, "it is on "+orNone(placesOf(v.Balancer)))
	if len(passed) > 0 {
		verb := "ls-lb-add"
		if inv.Router(passed[0]) != nil {
			verb = "lr-lb-add"
		}
		f.Mend = append(f.Mend, command("ovn-nbctl", verb, passed[0], v.Balancer.Name))
	}
	return []report.Finding{f}
}

// otherPort says on which ports and protocols an address is a VIP.
func otherPort(f report.Finding, s *scene, others []*inventory.VIP) report.Finding {
	h := s.header()
	proto, _ := destination(h)
	same := slices.IndexFunc(others, func(o *inventory.VIP) bool { return o.Balancer.Protocol == proto })
	v := others[max(0, same)]
	var on []string
	for _, o := range others {
		on = append(on, fmt.Sprintf("%d/%s of load balancer %q", o.Addr.Port(), packet.ProtoName(o.Balancer.Protocol), o.Balancer.Name))
	}
	asked := h.IPProto
	if h.L4Dst != nil {
		asked = fmt.Sprintf("%d/%s", *h.L4Dst, h.IPProto)
	}
	f.Code, f.NB = report.CodeVIPOtherPort, nbrow.VIP(v)
	f.Text = fmt.Sprintf("%s is a VIP on %s, not on %s", h.IPDst, strings.Join(firstOf(on, 3), ", "), asked)
	f.Evidence = append(f.Evidence, s.reason.Text)
	if h.L4Dst != nil && same >= 0 { // a load balancer has one protocol
		var backends []string
		for _, b := range v.Backends {
			backends = append(backends, b.Addr.String())
		}
		port := *h.L4Dst
		f.Mend = append(f.Mend, command("ovn-nbctl", "lb-add", v.Balancer.Name, endpoint(h.IPDst, &port), strings.Join(backends, ","), packet.ProtoName(v.Balancer.Protocol)))
	}
	return f
}

// hasBalancer reports whether a switch or router has a load balancer.
func hasBalancer(inv *inventory.Inventory, b *inventory.Balancer, datapath string) bool {
	if s := inv.Switch(datapath); s != nil && b.OnSwitch(s) {
		return true
	}
	r := inv.Router(datapath)
	return r != nil && b.OnRouter(r)
}

// placesOf names the switches and routers that have a load balancer.
func placesOf(b *inventory.Balancer) string {
	var out []string
	for _, s := range b.Switches() {
		out = append(out, "switch "+s.Name)
	}
	for _, r := range b.Routers() {
		out = append(out, "router "+r.Name)
	}
	return strings.Join(firstOf(out, 5), ", ")
}

// datapaths names the switches and routers that a packet passed on its way to a branch.
func datapaths(p *report.Packet, b *report.Branch) []string {
	var out []string
	for _, v := range segments(p, b) {
		for _, t := range v.Tables {
			if t.LogicalFlow != nil && t.LogicalFlow.Datapath != "" && !slices.Contains(out, t.LogicalFlow.Datapath) {
				out = append(out, t.LogicalFlow.Datapath)
			}
		}
	}
	return out
}

// hairpin says that a backend of a VIP asked that VIP, and cannot take the answer, which is its
// own.
func (j *judge) hairpin(ctx context.Context, asked report.Header, f *report.Finding) {
	inv := j.inventory(ctx)
	if inv == nil {
		return
	}
	for _, v := range inv.VIP(destination(asked)) {
		f.Code, f.NB, f.Certainty = report.CodeLBHairpinSNATMissing, nbrow.VIP(v), report.ConfidenceExact
		f.Evidence = append(f.Evidence, f.Text)
		f.Text = fmt.Sprintf("the client is a backend of %s itself, and its answer does not come back by the load balancer", inventory.Owner{VIP: v})
		f.Mend = append(f.Mend, command("ovn-nbctl", "set", "Load_Balancer", v.Balancer.UUID.String(), "options:hairpin_snat_ip="+asked.IPDst))
		return
	}
}
