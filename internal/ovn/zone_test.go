package ovn

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every table that this module's packages name in a query may be read by a node for another
// machine, or is one of the node's own database.
func TestReadable(t *testing.T) {
	own := map[string]bool{"Open_vSwitch": true, "Bridge": true, "Port": true, "Interface": true, "Mirror": true, "SSL": true,
		"CT_Zone": true, "CT_Timeout_Policy": true, "Datapath": true, "Database": true}
	named := regexp.MustCompile(`ovsdb\.From\("([A-Za-z_]+)"`)
	found := 0
	err := filepath.WalkDir("..", func(path string, _ os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range named.FindAllStringSubmatch(string(text), -1) {
			found++
			if table := m[1]; !own[table] && !Readable(Southbound, table) && !Readable(Northbound, table) {
				t.Errorf("%s reads %s, which a node refuses", path, table)
			}
		}
		return err
	})
	if err != nil || found < 40 {
		t.Errorf("%d tables: %v", found, err)
	}
	for _, secret := range []string{"SSL", "Connection", "RBAC_Role", "RBAC_Permission"} {
		if Readable(Southbound, secret) || Readable(Northbound, secret) {
			t.Errorf("%s can be read", secret)
		}
	}
}
