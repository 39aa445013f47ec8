package rebuild

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv"
)

// A change of this machine's routes reaches no private ovs-vswitchd, which would forget the
// addresses of its devices.
func TestApart(t *testing.T) {
	tools(t)
	testenv.Root(t)
	ip := testenv.Tool(t, "ip")
	r := open(t, Options{})
	s, err := r.Switch(t.Context(), "hv1", "")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Vsctl(t.Context(), "add-br", "br-under"); err != nil {
		t.Fatal(err)
	}
	own, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", s.Proc.PID))
	if err != nil {
		t.Fatal(err)
	}
	if ours, err := os.Readlink("/proc/self/ns/net"); err != nil || own == ours {
		t.Errorf("ovs-vswitchd is in this process' network namespace %s (%v)", ours, err)
	}
	if _, err := s.Appctl(t.Context(), "netdev-dummy/ip4addr", "br-under", "192.0.2.1/24"); err != nil {
		t.Fatal(err)
	}
	const far = "198.51.100.77/32"
	routes := func() string {
		show, err := s.Appctl(t.Context(), "ovs/route/show")
		if err != nil {
			t.Fatal(err)
		}
		return show
	}
	before := routes() // with a route to the device's address, since Open vSwitch 3.6
	if out, err := exec.Command(ip, "route", "add", far, "dev", "lo").CombinedOutput(); err != nil {
		t.Fatalf("ip route add: %v: %s", err, out)
	}
	defer func() { _ = exec.Command(ip, "route", "del", far, "dev", "lo").Run() }()
	for range 10 {
		if show := routes(); show != before {
			t.Fatalf("after a route of this machine was added: %q, before %q", show, before)
		}
		time.Sleep(50 * time.Millisecond)
	}
}
