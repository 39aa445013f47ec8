package diagnose

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/inventory"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// tooLarge names the router port whose MTU the packet exceeds.
func (j *judge) tooLarge(ctx context.Context, s *scene, f *report.Finding) {
	mtu := f.Where["mtu"]
	f.Text = fmt.Sprintf("the packet is larger than the MTU %s of router %s", mtu, f.Where["datapath"])
	if n := s.packet.Header.Length; n > 0 {
		f.Evidence = append(f.Evidence, fmt.Sprintf("length %d, MTU %s", n, mtu))
	}
	port := ""
	if row := measured(s); row != nil {
		port, f.NB = row.Name, row // the flow that answers is of the port by which the packet came
	}
	r := j.router(ctx, f)
	if r == nil {
		return
	}
	limited := slices.DeleteFunc(slices.Clone(r.Ports), func(p *inventory.RouterPort) bool { return p.Options["gateway_mtu"] == "" })
	if len(limited) == 1 && port == "" {
		port = limited[0].Name
	}
	for _, p := range limited {
		if p.Name != port {
			continue
		}
		f.Where["port"] = port
		f.Text = fmt.Sprintf("the packet is larger than the MTU %s of router port %s (options:gateway_mtu=%s)", mtu, port, p.Options["gateway_mtu"])
		length := strconv.Itoa(max(s.packet.Header.Length, 1500))
		f.Mend = append(f.Mend, command("ovn-nbctl", "set", "Logical_Router_Port", port, "options:gateway_mtu="+length))
	}
}

// measured returns the router port whose MTU the packet was last held against on its way to where
// it ended: the row of a flow with check_pkt_larger(); nil if there is none.
func measured(s *scene) *report.NB {
	var row *report.NB
	for _, v := range segments(s.packet, s.branch) {
		for _, t := range v.Tables {
			checks := t.LogicalFlow != nil && strings.Contains(t.LogicalFlow.Actions, "check_pkt_larger(")
			if checks && t.NB != nil && t.NB.Table == "Logical_Router_Port" {
				row = t.NB
			}
			if s.reason.LogicalFlow != nil && t.Cookie == s.reason.Cookie && t.Stage == s.reason.Stage && row != nil {
				return row
			}
		}
	}
	return row
}
