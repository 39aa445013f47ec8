package replica

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// A tunnel that ovn-controller has asked for and ovs-vswitchd has not configured is no error: it is
// to be set later.
func TestEarlyTunnel(t *testing.T) {
	_, c := newSwitch(t)
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	vsctl := func(args ...string) {
		t.Helper()
		if err := c.sw.Vsctl(ctx, append([]string{"--no-wait"}, args...)...); err != nil {
			t.Fatal(err)
		}
	}
	// ovs-vswitchd does not create a bridge of a datapath that it does not know, nor its ports.
	vsctl("add-br", "br-int", "--", "set", "Bridge", "br-int", "datapath_type=unknown",
		"--", "add-port", "br-int", "ovn-hv2-0", "--", "set", "Port", "ovn-hv2-0", "external_ids:ovn-chassis-id=hv2@192.0.2.2",
		"--", "set", "Interface", "ovn-hv2-0", "type=geneve", "options:remote_ip=192.0.2.2", "bfd:enable=true")
	var err error
	if c.ovs, err = ovn.DialOVS(ctx, ovsdb.Options{Remotes: c.sw.DB.Remote}); err != nil {
		t.Fatal(err)
	}
	defer c.ovs.Close()
	up := func(string) bool { return false }
	if taken, early, err := c.keepTunnels(ctx, up); taken || early == nil || !strings.Contains(early.Error(), "tunnel ovn-hv2-0: ") || err != nil {
		t.Fatalf("before it is configured: taken down %v, early %v, %v", taken, early, err)
	}
	vsctl("set", "Bridge", "br-int", "datapath_type=dummy")
	for {
		_, early, err := c.keepTunnels(ctx, up)
		if err != nil {
			t.Fatal(err)
		}
		if early == nil {
			break
		}
		time.Sleep(settleStep)
	}
	if taken, early, err := c.keepTunnels(ctx, func(name string) bool { return name == "hv2" }); !taken || early != nil || err != nil {
		t.Errorf("to a dead chassis: taken down %v, early %v, %v", taken, early, err)
	}
}
