package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/unixctl"
)

// underlay is engine.Underlay over ovs-vswitchd's control socket, for the tunnels of one datapath.
type underlay struct {
	ctl  caller
	info *Info
	// tunnels are the datapath's own ports.
	tunnels []Port
	routes  map[netip.Addr]route // read since the last reset
}

// caller runs a command of ovs-vswitchd.
type caller interface {
	Call(ctx context.Context, method string, args ...string) (string, error)
}

// underlay returns what is asked for routes and neighbours.
func (s *Service) underlay() caller {
	if r := s.opt.Replica; r != nil {
		return routes{s.ctl, r.Routes}
	}
	return s.ctl
}

// newUnderlay returns the underlay of a datapath; nil if the kernel makes the tunnels, or if there
// are none.
func newUnderlay(ctl caller, info *Info, backer string) engine.Underlay {
	u := &underlay{ctl: ctl, info: info, routes: map[netip.Addr]route{}}
	for _, p := range info.Ports {
		if p.Backer == backer && p.Kind == engine.PortTunnel {
			u.tunnels = append(u.tunnels, p)
		}
	}
	if strings.HasPrefix(backer, "system@") || len(u.tunnels) == 0 {
		return nil
	}
	return u
}

// reset discards the routes, which may have changed since the last packet.
func (u *underlay) reset() { clear(u.routes) }

// Resolved reads the neighbours for each call, because they can expire between two traces.
func (u *underlay) Resolved(ctx context.Context) (bool, error) {
	known, err := u.neighbours(ctx)
	if err != nil {
		return false, err
	}
	for _, p := range u.tunnels {
		dst, err := netip.ParseAddr(p.Options["remote_ip"])
		if err != nil {
			return false, nil // flows set the destination, so it can be any address
		}
		way, err := u.way(ctx, p, dst, known)
		if err != nil || way.Hop.IsValid() && !way.Known {
			return false, err
		}
	}
	return true, nil
}

// Way returns the route and the next hop of a tunnel port.
func (u *underlay) Way(ctx context.Context, bridge string, ofport uint32, set netip.Addr) (engine.Way, error) {
	i := slices.IndexFunc(u.tunnels, func(p Port) bool { return p.Bridge == bridge && p.OFPort == ofport })
	if i < 0 {
		return engine.Way{}, nil
	}
	dst := set
	if remote, err := netip.ParseAddr(u.tunnels[i].Options["remote_ip"]); err == nil {
		dst = remote
	}
	if !dst.IsValid() {
		return engine.Way{}, nil
	}
	known, err := u.neighbours(ctx)
	if err != nil {
		return engine.Way{}, err
	}
	return u.way(ctx, u.tunnels[i], dst.Unmap(), known)
}

func (u *underlay) way(ctx context.Context, p Port, dst netip.Addr, known map[neighbour]bool) (engine.Way, error) {
	way := engine.Way{Dst: dst}
	rt, err := u.route(ctx, dst)
	if err != nil {
		return way, err
	}
	if rt.dev == "" {
		way.Why = fmt.Sprintf("Open vSwitch has no route to tunnel endpoint %v (ovs/route/lookup)", dst)
		return way, nil
	}
	if way.Bridge = u.bridgeOf(rt.dev); way.Bridge == "" {
		way.Why = fmt.Sprintf("Open vSwitch's route to tunnel endpoint %v uses %s, which is not a port of its bridges", dst, rt.dev)
		return way, nil
	}
	if local, err := netip.ParseAddr(p.Options["local_ip"]); err == nil {
		own, err := u.local(ctx, local)
		if err != nil {
			return way, err
		}
		if !own {
			way.Why = fmt.Sprintf("the tunnel's local_ip %v is not an address of a device in Open vSwitch's routes", local)
			return way, nil
		}
	}
	way.Hop = dst
	if rt.gateway.IsValid() && !rt.gateway.IsUnspecified() {
		way.Hop = rt.gateway
	}
	way.Known = known[neighbour{way.Hop, way.Bridge}]
	return way, nil
}

// bridgeOf returns the bridge with a route's device as a port, preferably the bridge of the same
// name (ofproto/ofproto-dpif-xlate.c: tnl_route_lookup_flow).
func (u *underlay) bridgeOf(dev string) string {
	bridge := ""
	for _, p := range u.info.Ports {
		if p.Name == dev && (bridge == "" || p.Bridge == dev) {
			bridge = p.Bridge
		}
	}
	return bridge
}

// route is the result of ovs/route/lookup; dev is empty if there is no route.
type route struct {
	gateway netip.Addr
	dev     string
}

func (u *underlay) route(ctx context.Context, dst netip.Addr) (route, error) {
	if rt, ok := u.routes[dst]; ok {
		return rt, nil
	}
	text, err := u.ctl.Call(ctx, "ovs/route/lookup", dst.String())
	var refused *unixctl.Error
	if errors.As(err, &refused) { // "Not found"
		text, err = "", nil
	}
	if err != nil {
		return route{}, err
	}
	rt := parseRoute(text)
	u.routes[dst] = rt
	return rt, nil
}

// parseRoute parses the output of ovs/route/lookup (lib/ovs-router.c: ovs_router_lookup_cmd).
func parseRoute(text string) (rt route) {
	for line := range strings.Lines(text) {
		word, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch word {
		case "gateway":
			if a, err := netip.ParseAddr(value); err == nil {
				rt.gateway = a.Unmap()
			}
		case "dev":
			rt.dev = value
		}
	}
	return rt
}

// local reports whether an address is local by Open vSwitch's routes.
func (u *underlay) local(ctx context.Context, a netip.Addr) (bool, error) {
	lines, err := u.routeTable(ctx)
	return slices.ContainsFunc(lines, func(l routeLine) bool { return l.local && l.prefix == netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()) }), err
}

// Unrouted returns a packet mark that no route has.
func (u *underlay) Unrouted(ctx context.Context) (uint32, error) {
	lines, err := u.routeTable(ctx)
	mark := uint32(0xc7ace)
	for slices.ContainsFunc(lines, func(l routeLine) bool { return l.mark == mark }) {
		mark++
	}
	return mark, err
}

// routeLine is a line in the output of ovs/route/show.
type routeLine struct {
	prefix netip.Prefix
	mark   uint32
	local  bool
}

func (u *underlay) routeTable(ctx context.Context) ([]routeLine, error) {
	text, err := u.ctl.Call(ctx, "ovs/route/show")
	if err != nil {
		return nil, err
	}
	return parseRoutes(text), nil
}

// parseRoutes parses the output of ovs/route/show (lib/ovs-router.c: ovs_router_show):
//
//	Cached: 172.31.0.1/32 dev br-phy SRC 172.31.0.1 local
//	User: 10.0.0.0/8 MARK 7 dev br-phy GW 172.31.0.9 SRC 172.31.0.1
func parseRoutes(text string) (out []routeLine) {
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) < 2 {
			continue
		}
		prefix, err := netip.ParsePrefix(words[1])
		if err != nil {
			continue
		}
		l := routeLine{prefix: prefix, local: slices.Contains(words, "local")}
		if i := slices.Index(words, "MARK"); i >= 0 && i+1 < len(words) {
			n, _ := strconv.ParseUint(words[i+1], 10, 32)
			l.mark = uint32(n)
		}
		out = append(out, l)
	}
	return out
}

// neighbour is an address on the network of a bridge.
type neighbour struct {
	addr   netip.Addr
	bridge string
}

// neighbours returns the neighbours whose MAC address Open vSwitch knows.
func (u *underlay) neighbours(ctx context.Context) (map[neighbour]bool, error) {
	text, err := u.ctl.Call(ctx, "tnl/neigh/show")
	if err != nil {
		return nil, err
	}
	return parseNeighbours(text), nil
}

// parseNeighbours parses the output of tnl/neigh/show (lib/tnl-neigh-cache.c:
// tnl_neigh_cache_show). It omits stale ones, which Open vSwitch resolves again.
func parseNeighbours(text string) map[neighbour]bool {
	out := map[neighbour]bool{}
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) != 3 { // "STALE" is a fourth
			continue
		}
		a, err := netip.ParseAddr(words[0])
		_, noMAC := net.ParseMAC(words[1]) // an unresolved neighbour has no MAC
		if err == nil && noMAC == nil {
			out[neighbour{a.Unmap(), words[2]}] = true
		}
	}
	return out
}
