package unixctl_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv/dummy"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/unixctl"
)

func TestLive(t *testing.T) {
	ovs := dummy.Start(t)
	path, pid, err := unixctl.Discover(ovs.RunDir, "ovs-vswitchd")
	if err != nil {
		t.Fatal(err)
	}
	if pid != ovs.PID {
		t.Errorf("pid %d, want %d", pid, ovs.PID)
	}
	c := &unixctl.Client{Path: path}
	defer c.Close()
	version, err := c.Call(t.Context(), "version")
	if err != nil || !strings.Contains(version, "Open vSwitch") {
		t.Errorf("version %q, %v", version, err)
	}
	_, err = c.Call(t.Context(), "ofproto/trace", "nobr", "in_port=1")
	var e *unixctl.Error
	if !errors.As(err, &e) || !strings.Contains(e.Text, "unknown bridge") {
		t.Errorf("unknown bridge: %v", err)
	}
	ovs.Vsctl("add-br", "br0", "--", "set", "bridge", "br0", "fail-mode=secure")
	for range 3 {
		text, err := c.Call(t.Context(), "ofproto/trace", "br0", "in_port=LOCAL")
		if err != nil || !strings.HasPrefix(text, "Flow: ") {
			t.Errorf("trace %q, %v", text, err)
		}
	}
}
