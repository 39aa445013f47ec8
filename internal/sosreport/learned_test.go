package sosreport

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/archive"
)

// A dump of learned addresses that was cut at the end of a line is seen by their number.
func TestLearned(t *testing.T) {
	const (
		head  = " port  VLAN  MAC                Age\n"
		one   = "    1   300  52:54:00:ee:00:04  static\n"
		two   = "LOCAL     0  52:54:00:ee:00:05    3\n"
		stats = "Statistics for bridge \"br-ex\":\n  Current/maximum MAC entries in the table: 2/8192\n"
	)
	for _, c := range []struct{ name, show, stats, want string }{
		{"whole", head + one + two, stats, ""},
		{"of Open vSwitch 4.0", strings.Replace(head, "port", "Port", 1) + one + two, stats, ""},
		{"cut", head + one, stats, "has 1 addresses, and fdb/stats-show has counted 2"},
		{"not counted", head + one + two, "", "no fdb/stats-show says"},
		{"without its beginning", one + two, stats, "the beginning of"},
		{"none", "", stats, "is empty"},
	} {
		dir := t.TempDir()
		folder := filepath.Join(dir, "sos_commands", "openvswitch")
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{"fdb.show": c.show, "fdb.stats-show": c.stats} {
			if err := os.WriteFile(filepath.Join(folder, "ovs-appctl_"+name+"_br-ex"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		tree, err := archive.Open(t.Context(), dir, nil, Reader{}.Wants, archive.DefaultLimits)
		if err != nil {
			t.Fatal(err)
		}
		r := &reader{tree: tree, index: newIndex(tree)}
		if got := r.learned("br-ex").Lacks(); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
