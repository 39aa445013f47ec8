package cli

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb/ovsdbtest"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// A database that does not tell its chassis is a finding beside what was found before.
func TestDoctorWithoutChassis(t *testing.T) {
	remote := ovsdbtest.Lone(t, "ovn-sb.ovsschema", ovn.Southbound, `{"op":"comment","comment":"no rows"}`)
	c := common{sb: ovsdbtest.Refusing(t, remote, ovsdbtest.OnTables("Chassis")), nb: "unix:/nowhere", timeout: time.Minute}
	found, err := c.examine(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, code := range []report.Code{report.CodeNorthboundUnreachable, report.CodeSouthbound, report.CodeSouthboundUnreachable} {
		if !slices.ContainsFunc(found, func(f report.Finding) bool { return f.Code == code }) {
			t.Errorf("no %s: %+v", code, found)
		}
	}
}

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
