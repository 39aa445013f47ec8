package publish

import (
	"go/ast"
	"go/parser"
	"go/token"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/driver"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/explain"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// TestClassify checks the code of causes: of a table's drop, of what is missing between chassis, of
// a packet that waits, and of a connection that another zone knows.
func TestClassify(t *testing.T) {
	zone := func(chassis string, id uint16) driver.Zone { return driver.Zone{Chassis: chassis, ID: id} }
	waits := func(o driver.Outlook) driver.Cause {
		return driver.Cause{Awaits: netip.MustParseAddr("10.0.0.9"), Outlook: o}
	}
	known := func(chassis string) driver.Cause {
		return driver.Cause{Elsewhere: &driver.Elsewhere{Missed: zone("hv1", 3), Known: []driver.Known{{Zone: zone(chassis, 4)}}}}
	}
	noACL := explain.Reason{Kind: explain.KindNoACL, Subject: explain.Subject{Datapath: "sw0"}}
	for _, c := range []struct {
		name  string
		cause driver.Cause
		r     explain.Reason
		code  report.Code
		where map[string]string
	}{
		{"no name", driver.Cause{}, explain.Reason{}, "", nil},
		{"ACL", driver.Cause{}, explain.Reason{Kind: explain.KindACLDrop}, "acl-drop", nil},
		{"default drop", driver.Cause{}, noACL, "no-acl-allows", map[string]string{"datapath": "sw0"}},
		{"unbound", driver.Cause{}, explain.Reason{Kind: explain.KindUnbound, Subject: explain.Subject{Port: "p1"}}, "port-not-bound", map[string]string{"port": "p1"}},
		{"tunnel", driver.Cause{Fault: driver.Fault{Kind: driver.FaultNoTunnel, Chassis: "hv2"}}, explain.Reason{}, "no-tunnel", map[string]string{"chassis": "hv2"}},
		{"mapping", driver.Cause{Fault: driver.Fault{Kind: driver.FaultNoBridgeMapping, Chassis: "hv2", Network: "n"}}, explain.Reason{}, "no-bridge-mapping",
			map[string]string{"chassis": "hv2", "network": "n"}},
		{"MTU", driver.Cause{MTU: 1300}, explain.Reason{}, "mtu-exceeded", map[string]string{"mtu": "1300"}},
		{"waits", waits(driver.Outlook{Kind: driver.OutlookPort, Ports: []string{"p9"}}), explain.Reason{}, "next-hop-unresolved", map[string]string{"address": "10.0.0.9", "port": "p9"}},
		{"waits for itself", waits(driver.Outlook{Kind: driver.OutlookOwn}), explain.Reason{}, "route-via-self", map[string]string{"address": "10.0.0.9"}},
		{"waits in vain", waits(driver.Outlook{Kind: driver.OutlookDropped}), explain.Reason{}, "arp-unanswerable", map[string]string{"address": "10.0.0.9"}},
		{"another zone", known("hv1"), noACL, "known-elsewhere", map[string]string{"datapath": "sw0", "zone": "3 on hv1"}},
		{"another chassis", known("hv2"), explain.Reason{}, "asymmetric-reply", map[string]string{"zone": "3 on hv1"}},
		{"an ACL's rejection says more", known("hv2"), explain.Reason{Kind: explain.KindACLReject}, "acl-reject", nil},
	} {
		code, where := classify(&driver.Branch{Verdict: engine.Dropped, Cause: &c.cause}, c.r)
		if d := cmp.Diff(c.where, where); code != c.code || d != "" {
			t.Errorf("%s: %q, want %q\n%s", c.name, code, c.code, d)
		}
	}
}

// TestKindsHaveCodes checks that the codes of kinds are those of the closed list; a kind without a
// code is left out on purpose.
func TestKindsHaveCodes(t *testing.T) {
	without := map[explain.Kind]bool{explain.KindOther: true, explain.KindNobody: true, explain.KindNotForRouter: true, explain.KindElsewhere: true, explain.KindSamePort: true}
	for k := range explain.Kind(kinds(t)) {
		if (codes[k] == "") != without[k] {
			t.Errorf("kind %d has the code %q", k, codes[k])
		}
	}
}

// kinds counts the constants of internal/explain's kinds, which are numbered from 0.
func kinds(t *testing.T) int {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "../explain/kind.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	ast.Inspect(f, func(node ast.Node) bool {
		if v, ok := node.(*ast.ValueSpec); ok {
			for _, name := range v.Names {
				if strings.HasPrefix(name.Name, "Kind") {
					n++
				}
			}
		}
		return true
	})
	if n <= int(explain.KindNotInstalled) {
		t.Fatalf("%d kinds", n)
	}
	return n
}
