package cli

import (
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
)

func TestDescribed(t *testing.T) {
	for _, c := range []struct {
		info node.Info
		want string
	}{
		{node.Info{OVSVersion: "3.1.0", OVNVersion: "23.03.1", Datapath: "netdev", Kernel: "6.1.0"}, "Open vSwitch 3.1.0, OVN 23.03.1, netdev datapath, kernel 6.1.0, 0 ports"},
		{node.Info{OVSVersion: "3.1.0", Datapath: "system", Kernel: "6.1.0"}, "Open vSwitch 3.1.0, OVN (release unknown), system datapath"},
		{node.Info{}, "Open vSwitch (release unknown), OVN (release unknown), unknown datapath, kernel (release unknown)"},
	} {
		if got := described(&c.info); !strings.HasPrefix(got, c.want) {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
