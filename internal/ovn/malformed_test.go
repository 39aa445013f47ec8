package ovn_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb/ovsdbtest"
)

// TestMalformed checks that a cell of another type than the schema says is an error that names the
// remote and the table.
func TestMalformed(t *testing.T) {
	at := ovsdbtest.Fake(t, ovsdbtest.Answers(map[string]string{"list_dbs": `["OVN_Southbound"]`,
		"get_schema": `{"name":"OVN_Southbound","version":"1","tables":{"Port_Binding":{"columns":{"mac":{}, "type":{}}}}}`,
		"transact":   `[{"rows":[{"_uuid":["uuid","x"],"mac":[]}]}]`}))
	_, err := dialSB(t, at).PortsByType(t.Context(), "patch")
	var bad *ovsdb.Error
	if !errors.As(err, &bad) || bad.Database != ovn.Southbound || bad.Remote != at || bad.Op != "select Port_Binding" ||
		!strings.Contains(err.Error(), "column _uuid") {
		t.Errorf("got %v", err)
	}
}
