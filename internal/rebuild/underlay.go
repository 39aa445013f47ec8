package rebuild

import (
	"context"
	"net/netip"
	"slices"
	"strings"
)

// UnderlayBridge is the invented bridge by which the tunnels of a host leave whose tunnels the
// kernel makes.
const UnderlayBridge = "ct-underlay"

// Invented MAC addresses, locally administered.
const underlayPeer = "02:c7:ac:e0:00:02"

// tunnel is a tunnel port with a fixed far end.
type tunnel struct {
	name          string
	remote, local netip.Addr // local is invalid if the port has none
	userland      bool
}

// tunnels returns the tunnel ports with a fixed far end.
func (c *conf) tunnels() (out []tunnel) {
	for _, br := range c.bridges {
		for _, p := range br.ports {
			for _, i := range p.ifaces {
				to, err := netip.ParseAddr(i.options["remote_ip"])
				if err != nil || i.ofport <= 0 {
					continue
				}
				t := tunnel{name: i.name, remote: to.Unmap(), userland: br.userland}
				if l, err := netip.ParseAddr(i.options["local_ip"]); err == nil {
					t.local = l.Unmap()
				}
				out = append(out, t)
			}
		}
	}
	return out
}

// underlay makes the tunnels work. On the dummy datapath Open vSwitch itself encapsulates, and
// needs routes and neighbours. A host with native tunnels has them in its dumps; for another one
// they are invented, as only the tunnel's header matters.
func (b *builder) underlay(ctx context.Context) error {
	all := b.conf.tunnels()
	if len(all) == 0 {
		return nil
	}
	var err error
	if slices.ContainsFunc(all, func(t tunnel) bool { return t.userland }) {
		err = b.replay(ctx)
	} else {
		err = b.invent(ctx, all)
	}
	if err != nil {
		return err
	}
	return b.locals(ctx, all)
}

// locals removes the local addresses of tunnels where this Open vSwitch does not take the addresses
// of a dummy device as its own (before 3.6): it would find no way for such a tunnel. The route to
// the far end then chooses the address.
func (b *builder) locals(ctx context.Context, all []tunnel) error {
	show, err := b.sw.Appctl(ctx, "ovs/route/show")
	if err != nil || strings.Contains(show, " local") {
		return err
	}
	var args []string
	for _, t := range all {
		if !t.local.IsValid() {
			continue
		}
		if slices.ContainsFunc(all, func(o tunnel) bool { return o.remote == t.remote && o.local != t.local }) {
			b.note("several tunnels lead to %v from different addresses, which this machine's Open vSwitch cannot rebuild (3.6 can): what they carry is not followed", t.remote)
			continue
		}
		args = append(args, "--", "remove", "interface", t.name, "options", "local_ip")
	}
	if len(args) == 0 {
		return nil
	}
	return b.sw.Vsctl(ctx, args[1:]...)
}

// invent makes a bridge with the host's tunnel addresses, and routes and neighbours for the far
// ends.
func (b *builder) invent(ctx context.Context, all []tunnel) error {
	if err := b.sw.Vsctl(ctx, "add-br", UnderlayBridge, "--", "set", "bridge", UnderlayBridge, "fail-mode=standalone",
		"--", "add-port", UnderlayBridge, UnderlayBridge+"0"); err != nil {
		return err
	}
	var routes []routed
	for _, t := range all {
		own := t.local
		for _, e := range b.conf.encaps {
			if a, err := netip.ParseAddr(e); err == nil && !own.IsValid() && a.Is4() == t.remote.Is4() {
				own = a.Unmap()
			}
		}
		r := routed{prefix: netip.PrefixFrom(t.remote, t.remote.BitLen()), dev: UnderlayBridge}
		if own.IsValid() {
			r.src = own.String()
		}
		routes = append(routes, r)
		if _, err := b.sw.Appctl(ctx, "tnl/neigh/set", UnderlayBridge, t.remote.String(), underlayPeer); err != nil {
			return err
		}
	}
	return b.routes(ctx, routes, nil)
}

// routes adds routes, by their source addresses: Open vSwitch before 3.6 keeps one address of a
// dummy device, and chooses a route's source when it is added.
func (b *builder) routes(ctx context.Context, routes, own []routed) error {
	slices.SortStableFunc(routes, func(a, b routed) int { return strings.Compare(a.src, b.src) })
	set := ""
	for _, r := range routes {
		if src, err := netip.ParseAddr(r.src); err == nil && r.src+r.dev != set {
			set = r.src + r.dev
			addr := netip.PrefixFrom(src, 1) // a far end is on its network
			for _, o := range own {
				if o.dev == r.dev && o.prefix.Addr() == src {
					addr = network(o, routes)
				}
			}
			if _, err := b.sw.Appctl(ctx, addressCommand(src), r.dev, addr.String()); err != nil {
				return err
			}
		}
		if err := b.route(ctx, r); err != nil {
			b.note("route %s of device %s: %v", r.prefix, r.dev, err)
		}
	}
	return nil
}

func addressCommand(a netip.Addr) string {
	if a.Is6() {
		return "netdev-dummy/ip6addr"
	}
	return "netdev-dummy/ip4addr"
}

// replay restores the addresses, routes and neighbours of a host that makes its tunnels itself.
func (b *builder) replay(ctx context.Context) error {
	for _, p := range []*Part{b.host.Routes, b.host.Neighbours} {
		if why := p.Lacks(); why != "" {
			b.note("the routes and neighbours of its tunnels are not all known: %s", why)
		}
	}
	devices := map[string]bool{}
	for _, br := range b.conf.bridges {
		devices[br.name] = true
	}
	if b.host.Routes.There() {
		all, err := readRoutes(b.host.Routes)
		if err != nil {
			return err
		}
		var routes, own []routed
		for _, r := range all {
			switch {
			case !devices[r.dev]:
			case r.local:
				own = append(own, r)
			default:
				routes = append(routes, r)
			}
		}
		if err := b.routes(ctx, routes, own); err != nil {
			return err
		}
	}
	if !b.host.Neighbours.There() {
		return nil
	}
	return lines(b.host.Neighbours, func(line string) error {
		w := strings.Fields(line)
		if !isNeighbour(w) || !devices[w[2]] {
			return nil
		}
		_, err := b.sw.Appctl(ctx, "tnl/neigh/set", w[2], w[0], w[1])
		return err
	})
}

// isNeighbour reports whether the words are of a line of tnl/neigh/show with a neighbour: address,
// MAC address and device.
func isNeighbour(words []string) bool {
	if len(words) != 3 {
		return false
	}
	_, err := netip.ParseAddr(words[0])
	return err == nil
}

// routed is a route of a host's Open vSwitch.
type routed struct {
	prefix        netip.Prefix
	dev, gw, mark string
	src           string
	local         bool // it is the device's own address
}

// readRoutes reads ovs/route/show (lib/ovs-router.c: ovs_router_show):
//
//	Cached: 172.31.0.0/24 MARK 7 dev br-phy GW 172.31.0.9 SRC 172.31.0.1
func readRoutes(p *Part) (out []routed, err error) {
	err = lines(p, func(line string) error {
		words := strings.Fields(line)
		after := func(key string) string {
			if i := slices.Index(words, key); i >= 0 && i+1 < len(words) {
				return words[i+1]
			}
			return ""
		}
		if len(words) < 4 || after("dev") == "" {
			return nil
		}
		if prefix, err := netip.ParsePrefix(words[1]); err == nil {
			out = append(out, routed{prefix: prefix, dev: after("dev"), gw: after("GW"), mark: after("MARK"), src: after("SRC"), local: slices.Contains(words, "local")})
		}
		return nil
	})
	return out, err
}

// network returns a device's own address with the length of the network that it is in.
func network(own routed, routes []routed) netip.Prefix {
	for _, r := range routes {
		if !r.local && r.dev == own.dev && r.prefix.Contains(own.prefix.Addr()) && r.prefix.Bits() > 0 {
			return netip.PrefixFrom(own.prefix.Addr(), r.prefix.Bits())
		}
	}
	return own.prefix
}

// route adds a route. Not every release takes a source address.
func (b *builder) route(ctx context.Context, r routed) error {
	args := []string{r.prefix.String(), r.dev}
	if r.gw != "" {
		args = append(args, r.gw)
	}
	if r.mark != "" {
		args = append(args, "pkt_mark="+r.mark)
	}
	if r.src != "" {
		if _, err := b.sw.Appctl(ctx, "ovs/route/add", append(args, "src="+r.src)...); err == nil {
			return nil
		}
	}
	_, err := b.sw.Appctl(ctx, "ovs/route/add", args...)
	return err
}
