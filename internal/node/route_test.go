package node

import (
	"fmt"
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/nodens/nstest"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv"
)

// TestTunnelSources checks that a tunnel's source is the kernel's choice among several addresses:
// the route's preferred source, else the first address of the interface, and not the first of
// ovn-encap-ip.
func TestTunnelSources(t *testing.T) {
	ip := testenv.Tool(t, "ip")
	ns := nstest.New(t)
	err := ns.Do(func() error {
		for _, cmd := range []string{
			"link set lo up", "link add d0 type veth peer name d1", "link set d0 up", "link set d1 up", "addr add 10.9.0.1/24 dev d0", "addr add 10.9.0.11/24 dev d0",
			"addr add fd09::1/64 dev d0 nodad", "route add 10.9.7.0/24 via 10.9.0.254 src 10.9.0.11", "route add unreachable 10.9.8.0/24",
		} {
			if out, err := exec.Command(ip, strings.Fields(cmd)...).CombinedOutput(); err != nil {
				t.Errorf("ip %s: %s", cmd, out)
			}
		}
		// The kernel adds the route to a local IPv6 address from a work queue (addrconf_dad_work).
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
			out, err := exec.Command(ip, "-6", "route", "get", "fd09::1").CombinedOutput()
			if err == nil && strings.HasPrefix(string(out), "local ") {
				break
			}
			if time.Now().After(deadline) {
				return fmt.Errorf("fd09::1 does not become a local address: %v: %s", err, out)
			}
		}
		conn, err := netlink.Dial(unix.NETLINK_ROUTE, nil)
		if err != nil {
			return err
		}
		defer conn.Close()
		for dst, want := range map[string]string{"10.9.0.2": "10.9.0.1", "10.9.7.2": "10.9.0.11", "10.9.8.2": "", "fd09::2": "fd09::1"} {
			got := ""
			if a, ok := routeSource(conn, netip.MustParseAddr(dst)); ok {
				got = a.String()
			}
			if got != want {
				t.Errorf("to %s from %q, want %q", dst, got, want)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	port := func(options map[string]string) Port {
		return Port{Port: engine.Port{Kind: engine.PortTunnel}, Options: options}
	}
	info := &Info{EncapIPs: []string{"10.9.0.11", "10.9.0.1"}, Ports: []Port{port(map[string]string{"remote_ip": "10.9.0.2"}),
		port(map[string]string{"remote_ip": "10.9.0.2", "local_ip": "10.9.0.11"}), port(map[string]string{"remote_ip": "flow"})}}
	s := NewService(Options{NetNS: ns.Path()})
	s.tunnelSources(info)
	if len(info.AwayIPs) != 0 {
		t.Errorf("own addresses are away: %v", info.AwayIPs)
	}
	for own, away := range map[string]int{"10.9.0.1": 0, "fd09::1": 0, "10.9.0.3": 1, "192.0.2.1": 1, "fd09::3": 1, "2001:db8::1": 1} {
		one := &Info{EncapIPs: []string{own}}
		if s.tunnelSources(one); len(one.AwayIPs) != away {
			t.Errorf("%s: away %v, want %d", own, one.AwayIPs, away)
		}
	}
	if info.Ports[0].Source != "10.9.0.1" || info.Ports[1].Source != "" || info.Ports[2].Source != "" {
		t.Errorf("%+v", info.Ports)
	}
}
