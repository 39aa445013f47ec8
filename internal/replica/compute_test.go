package replica

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/rebuild"
)

// A logical flow that ovn-controller does not know is seen in its messages.
func TestUnderstood(t *testing.T) {
	for text, want := range map[string]string{
		"": "",
		"2026-11-29T10:00:00Z|00009|chassis|WARN|'ovn-encap-ip' is set\n":                                                                                         "",
		`2026-11-29T10:00:00Z|00010|lflow|WARN|error parsing actions "new(); next;": Syntax error at 'new' expecting action.`:                                     "a newer OVN",
		`2026-11-29T10:00:00Z|00011|lflow|WARN|error parsing match "ct.new9": Syntax error.`:                                                                      "a newer OVN",
		"2026-11-29T10:00:00Z|00012|lflow|WARN|error parsing actions \"reg1 = ^VIP; reg2[0..15] = 80; ct_lb_mark;\": Syntax error at `VIP' expecting field name.": "",
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, controllerLog), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c := &computing{chassis: &chassis{sw: &rebuild.Switch{RunDir: dir}}}
		err := c.understood()
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// The settings of a chassis are those that its row shows.
func TestPublished(t *testing.T) {
	row := &ovn.Chassis{OtherConfig: map[string]string{"ovn-bridge-mappings": "physnet:br-ex", "is-interconn": "true", "iface-types": "geneve"},
		Encaps: []ovn.Encap{{Type: "geneve"}, {Type: "vxlan"}}}
	got := published(row)
	if got["ovn-bridge-mappings"] != "physnet:br-ex" || got["ovn-is-interconn"] != "true" || got["ovn-encap-type"] != "geneve,vxlan" || got["iface-types"] != "" {
		t.Errorf("%v", got)
	}
}
