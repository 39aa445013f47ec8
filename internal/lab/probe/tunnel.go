package probe

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab"
)

// underlay is the prefix of the names of the taps on the chassis' cables to the underlay.
var underlay = lab.UnderlayTap("")

// tunnels returns the distinct addresses of the tunnel packets that contain the marker.
func tunnels(seen []capture, marker []byte) []string {
	if len(marker) == 0 {
		return nil
	}
	out := []string{}
	for _, c := range seen {
		if !strings.HasPrefix(c.at, underlay) || !bytes.Contains(c.frame.Data, marker) {
			continue
		}
		if c.frame.Header["ip_proto"] == "47" {
			continue // GRE carries a mirror's copies: OVN has no GRE tunnels
		}
		if t := c.frame.Header["ip_src"] + " > " + c.frame.Header["ip_dst"]; !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	slices.Sort(out)
	return out
}

// compareTunnels compares the tunnels of a packet's branches with the reality. It compares nothing
// if OVN sends an answer, because that may quote the packet.
func compareTunnels(p *RPkt, branches []RBranch, real *Reality) []string {
	if real.Tunnels == nil || len(real.Answers) > 0 {
		return nil
	}
	want := []string{}
	for _, b := range branches {
		for _, i := range b.Hops {
			h := p.Hops[i]
			if h.Tunnel == nil {
				continue
			}
			if t := canonical("ip_src", h.Tunnel.Src) + " > " + canonical("ip_dst", h.Tunnel.Dst); !slices.Contains(want, t) {
				want = append(want, t)
			}
		}
	}
	slices.Sort(want)
	if !slices.Equal(want, real.Tunnels) {
		return []string{fmt.Sprintf("tunnels predicted %q, really %q", want, real.Tunnels)}
	}
	return nil
}
