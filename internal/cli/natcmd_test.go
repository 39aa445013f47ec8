package cli

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/connection"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/deployment"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/driver"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/gather"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/inventory"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb/ovsdbtest"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// An address is nobody's only if every chassis was read.
func TestIsNobodys(t *testing.T) {
	z := &zones{all: []*view{{inv: inventory.New(&ovn.Configuration{}, &ovn.State{})}}}
	for want, c := range map[bool]*gather.Result{
		true:  {Chassis: []*gather.Chassis{{Name: "hv1"}}},
		false: {Chassis: []*gather.Chassis{{Name: "hv1"}, {Name: "hv2", Err: errors.New("no answer")}}},
	} {
		if z.isNobodys(netip.MustParseAddr("10.0.0.3"), c) != want {
			t.Errorf("not %t for %+v", want, c.Chassis)
		}
	}
	former := &gather.Result{Former: []connection.Record{{Chassis: "hv1"}}}
	if z.isNobodys(netip.MustParseAddr("10.0.0.3"), former) {
		t.Error("an entry of a former zone does not count")
	}
}

// Of a zone that was not asked it is not known whose addresses it has.
func TestUnasked(t *testing.T) {
	chassis := func(name, remote string) string {
		return fmt.Sprintf(`{"op":"insert","table":"Chassis","row":{"name":%q,"encaps":["named-uuid","e%s"],"other_config":["map",[["is-remote",%q]]]},"uuid-name":"c%[1]s"},`+
			`{"op":"insert","table":"Encap","row":{"type":"geneve","ip":%[1]q,"chassis_name":%[1]q},"uuid-name":"e%[1]s"}`, name, name, remote)
	}
	rows := strings.Join([]string{chassis("hv1", "false"), chassis("hv3", "true"), chassis("hv2", "true"), chassis("hv4", "true")}, ",")
	sb, err := ovn.DialSB(t.Context(), ovsdb.Options{Remotes: ovsdbtest.Lone(t, "ovn-sb.ovsschema", ovn.Southbound, rows)})
	if err != nil {
		t.Fatal(err)
	}
	defer sb.Close()
	z := newZones(&deployment.Run{SB: sb})
	z.of["hv3"], z.of["hv4"] = &view{}, z.home // hv4's own database could not be read
	if got, err := z.unasked(t.Context()); err != nil || !slices.Equal(got, []string{"hv2", "hv4"}) {
		t.Errorf("%q, %v", got, err)
	}
}

// What archives lack is only said; a zone's database that cannot be read decides the status.
func TestNatNotes(t *testing.T) {
	var f findings
	f.notes([]string{"taken within 3m"}, nil)
	if findingsStatus(f) != exitOK || len(f) != 1 {
		t.Errorf("%+v", f)
	}
	f.rebuilt(&node.Info{Rebuilt: []string{"the defaults are taken"}}, map[string]string{"chassis": "hv1"})
	f.notes(nil, []driver.Note{{Kind: driver.NoteRebuilt, Chassis: "hv1", Text: "the defaults are taken"}, {Kind: driver.NoteNode, Chassis: "hv1", Text: "a mirror"}})
	if findingsStatus(f) != exitOK || len(f) != 2 || f[1].Code != report.CodeNotCollected || f[1].Where["chassis"] != "hv1" {
		t.Errorf("%+v", f)
	}
	if f.notes(nil, []driver.Note{{Kind: driver.NoteSouthbound, Text: "a zone"}}); findingsStatus(f) != exitUnreachable {
		t.Errorf("%+v", f)
	}
}

// A table with more entries than were to be read is no chassis that could not be reached.
func TestUnreadStatus(t *testing.T) {
	for _, c := range []struct {
		name   string
		listed node.ListResult
		want   int
	}{
		{"the limit", node.ListResult{Count: 10, Cut: true}, exitNotAsAsked},
		{"unreadable lines", node.ListResult{Unreadable: 1}, exitUnreachable},
		{"a table that changes", node.ListResult{Changed: true}, exitOK},
	} {
		var f findings
		f.unread(&gather.Chassis{Name: "hv1", Info: &node.Info{}, Listed: c.listed})
		if got := findingsStatus(f); got != c.want || len(f) != 1 {
			t.Errorf("%s: %d, want %d: %+v", c.name, got, c.want, f)
		}
	}
}
