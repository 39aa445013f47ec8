package node

import (
	"context"
	"net/netip"
	"strconv"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/odp"
)

// Listener is an address at which Open vSwitch itself decapsulates tunnel packets.
type Listener struct {
	Datapath string     `json:"datapath"` // port number of the tunnel
	Addr     netip.Addr `json:"addr"`
	UDP      uint16     `json:"udp,omitempty"`
}

// readListeners reads the addresses of native tunnels, which the kernel does not make. Listeners
// stays nil if there are no such tunnels or the daemon did not answer.
func (s *Service) readListeners(ctx context.Context, info *Info) {
	for _, p := range info.Ports {
		if p.Kind != engine.PortTunnel || p.DatapathType() == "system" {
			continue
		}
		if text, err := s.ctl.Call(ctx, "tnl/ports/show", "-v"); err == nil {
			info.Listeners = parseListeners(text)
		}
		return
	}
}

// parseListeners parses the output of tnl/ports/show -v (lib/tnl-ports.c: tnl_port_show_v):
//
//	genev_sys_6081 (6081) : eth(dst=aa:55:aa:55:00:01),eth_type(0x0800),ipv4(dst=1.1.2.88,
//	  proto=17,frag=no),udp(dst=6081)
//
// Each listener is one line.
func parseListeners(text string) []Listener {
	out := []Listener{} // not nil: the daemon has answered
	for line := range strings.Lines(text) {
		head, flow, ok := strings.Cut(strings.TrimSpace(line), " : ")
		_, number, named := strings.Cut(head, " (")
		if !ok || !named {
			continue
		}
		keys, err := odp.ParseFlow(flow)
		if err != nil {
			continue
		}
		l := Listener{Datapath: strings.TrimSuffix(number, ")")}
		for _, ip := range []string{"ipv4", "ipv6"} {
			if k, ok := keys.Get(ip); ok {
				dst, _ := k.Get("dst")
				l.Addr, _ = netip.ParseAddr(dst.Value)
			}
		}
		if k, ok := keys.Get("udp"); ok {
			dst, _ := k.Get("dst")
			n, _ := strconv.ParseUint(dst.Value, 10, 16)
			l.UDP = uint16(n)
		}
		out = append(out, l)
	}
	return out
}
