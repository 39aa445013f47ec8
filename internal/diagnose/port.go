package diagnose

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// portSecured names the port whose addresses do not include the packet's.
func (j *judge) portSecured(ctx context.Context, s *scene, f *report.Finding) {
	port, h := f.Where["port"], s.header()
	mac, ip, what := h.EthSrc, h.IPSrc, "from"
	if h.ARPSPA != "" {
		ip = h.ARPSPA
	}
	if strings.HasPrefix(s.reason.Stage, "ls_out_") {
		mac, ip, what = h.EthDst, h.IPDst, "to"
	}
	f.Text = fmt.Sprintf("port security of %s refuses a packet %s %s", port, what, strings.TrimSpace(mac+" "+ip))
	allowed := j.binding(ctx, port)
	if allowed == nil {
		return
	}
	f.Evidence = append(f.Evidence, "allowed: "+strings.Join(allowed.PortSecurity, ", "))
	argv := append([]string{"ovn-nbctl", "lsp-set-port-security", port}, allowed.PortSecurity...)
	f.Mend = append(f.Mend, command(append(argv, strings.TrimSpace(mac+" "+ip))...))
}

// portDisabled names the port that is administratively down.
func (j *judge) portDisabled(_ context.Context, s *scene, f *report.Finding) {
	port, kind, verb := f.Where["port"], "logical port", "lsp-set-enabled"
	if strings.HasPrefix(s.reason.Stage, "lr_") {
		kind, verb = "router port", "lrp-set-enabled"
	}
	if s.reason.NB == nil && kind == "logical port" {
		return
	}
	f.Text = fmt.Sprintf("%s %s is disabled", kind, port)
	f.Mend = append(f.Mend, command("ovn-nbctl", verb, port, "enabled"))
}

// binding reads a port's binding; nil if that is not possible.
func (j *judge) binding(ctx context.Context, port string) *ovn.PortBinding {
	if j.SB == nil || port == "" {
		return nil
	}
	pb, err := j.SB.PortByName(ctx, port)
	if err != nil {
		j.unread("the binding of "+port, err)
		return nil
	}
	return pb
}

// unbound names the port that no chassis has, and why: the chassis that it is requested on is
// another, or no interface has its name.
func (j *judge) unbound(ctx context.Context, _ *scene, f *report.Finding) {
	j.notBound(ctx, f, f.Where["port"])
}

func (j *judge) notBound(ctx context.Context, f *report.Finding, port string) {
	pb := j.binding(ctx, port)
	if gateway, ok := strings.CutPrefix(port, "cr-"); ok && pb != nil && pb.Type == "chassisredirect" {
		f.Text = fmt.Sprintf("gateway port %s is on no chassis", gateway)
		f.Mend = append(f.Mend, command("ovn-nbctl", "lrp-set-gateway-chassis", gateway, j.anyChassis(ctx), "10"))
		return
	}
	f.Text = fmt.Sprintf("logical port %s is not bound to any chassis", port)
	if pb == nil {
		return
	}
	switch requested := pb.Options["requested-chassis"]; {
	case pb.Type == "virtual":
		f.Text += ": none of its parents (" + pb.Options["virtual-parents"] + ") has claimed its address"
	case requested != "":
		f.Code = report.CodeRequestedChassisMismatch
		f.Text += fmt.Sprintf(": it is requested on %s (options:requested-chassis), and no other chassis may bind it", requested)
		f.Evidence = append(f.Evidence, j.requested(ctx, requested))
		f.Mend = append(f.Mend, command("ovn-nbctl", "remove", "Logical_Switch_Port", port, "options", "requested-chassis"))
	default:
		f.Evidence = append(f.Evidence, "no ovn-controller has found an interface with external_ids:iface-id="+port+" on its integration bridge")
		f.Mend = append(f.Mend, command("ovs-vsctl", "set", "Interface", "IFACE", "external_ids:iface-id="+port)+" # on the chassis of the workload; IFACE is its interface")
	}
}

// requested says whether the chassis that a port is requested on exists.
func (j *judge) requested(ctx context.Context, names string) string {
	var missing []string
	for _, name := range strings.Split(names, ",") {
		_, err := j.SB.ChassisByName(ctx, strings.TrimSpace(name))
		var gone *ovn.NotFoundError
		switch {
		case errors.As(err, &gone):
			missing = append(missing, name)
		case err != nil:
			return "whether chassis " + name + " exists is unknown: " + err.Error()
		}
	}
	if len(missing) > 0 {
		return "the Southbound database has no chassis " + strings.Join(missing, ", ")
	}
	return "chassis " + names + " has no interface with this iface-id"
}

// anyChassis names the first chassis, for a command that needs one.
func (j *judge) anyChassis(ctx context.Context) string {
	var names []string
	for _, c := range j.allChassis(ctx) {
		if !c.IsRemote() && !c.IsVTEP() {
			names = append(names, c.Name)
		}
	}
	if slices.Sort(names); len(names) > 0 {
		return names[0]
	}
	return "CHASSIS"
}

// noInterface names the chassis that has a port without an interface for it.
func (j *judge) noInterface(_ context.Context, _ *scene, f *report.Finding) {
	missingInterface(f, f.Where["chassis"], f.Where["port"])
}

func missingInterface(f *report.Finding, chassis, port string) {
	f.Text = fmt.Sprintf("logical port %s is bound to %s, which has no interface for it", port, chassis)
	f.Mend = append(f.Mend, command("ovs-vsctl", "set", "Interface", "IFACE", "external_ids:iface-id="+port)+" # on "+chassis+"; IFACE is the workload's interface")
}

// elsewhereRequested adds to an answer that a port is bound on another chassis than requested.
func (j *judge) elsewhereRequested(ctx context.Context, port string) (report.Finding, bool) {
	pb := j.binding(ctx, port)
	if pb == nil || pb.Chassis.IsZero() || pb.Options["requested-chassis"] == "" {
		return report.Finding{}, false
	}
	c, err := j.SB.ChassisByUUID(ctx, pb.Chassis)
	j.unread("whether "+port+" is bound where it is requested", err)
	if err != nil {
		return report.Finding{}, false
	}
	for _, name := range strings.Split(pb.Options["requested-chassis"], ",") {
		if n := strings.TrimSpace(name); n == c.Name || n == c.Hostname {
			return report.Finding{}, false
		}
	}
	return report.Finding{
		Severity: report.SeverityWarning, Code: report.CodeRequestedChassisMismatch, Certainty: report.ConfidenceExact,
		Text:  fmt.Sprintf("logical port %s is bound to %s, and requested on %s", port, c.Name, pb.Options["requested-chassis"]),
		Where: map[string]string{"port": port, "chassis": c.Name},
		Mend:  []string{command("ovn-nbctl", "set", "Logical_Switch_Port", port, "options:requested-chassis="+c.Name)},
	}, true
}
