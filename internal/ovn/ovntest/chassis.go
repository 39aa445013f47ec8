package ovntest

import (
	"strconv"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb/ovsdbtest"
)

// Chassis serves a Southbound database of chassis with these names, and returns its remote and
// their UUIDs.
func Chassis(t *testing.T, names ...string) (remote string, ids []ovsdb.UUID) {
	t.Helper()
	var rows []string
	for i, name := range names {
		id := ovsdb.UUID{3: byte(i + 1), 6: 0x40, 8: 0x80}
		rows = append(rows, `{"op":"insert","table":"Encap","uuid-name":"e`+name+`","row":{"type":"geneve","ip":"10.9.0.`+strconv.Itoa(i+1)+`","chassis_name":"`+name+`"}}`,
			`{"op":"insert","table":"Chassis","uuid":"`+id.String()+`","row":{"name":"`+name+`","encaps":["named-uuid","e`+name+`"]}}`)
		ids = append(ids, id)
	}
	return ovsdbtest.Lone(t, "ovn-sb.ovsschema", "OVN_Southbound", strings.Join(rows, ",")), ids
}
