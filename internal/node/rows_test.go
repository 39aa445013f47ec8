package node

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn/ovntest"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb/ovsdbtest"
)

// zoneNode is a node whose chassis uses a zone's Southbound database on a socket, with the
// Northbound database of north beside it. It is a process of its own.
func zoneNode(t *testing.T, d, north *ovntest.Deployment) *Remote {
	t.Helper()
	schema, err := ovsdbtest.Schema("vswitch.ovsschema")
	if err == nil {
		_, err = d.Server(t.Context(), "ovs", schema)
	}
	if err != nil {
		t.Fatal(err)
	}
	dir := ovsdbtest.Dir(t)
	sock := func(remote string) string { return strings.TrimPrefix(remote, "unix:") }
	for from, to := range map[string]string{sock(d.SB): "ovnsb_db.sock", sock(north.NB): northSocket} {
		if err := os.Symlink(from, filepath.Join(dir, to)); err != nil {
			t.Fatal(err)
		}
	}
	ovsdbtest.Transact(t, d.Sock("ovs"), "Open_vSwitch", fmt.Sprintf(
		`{"op":"insert","table":"Open_vSwitch","row":{"external_ids":["map",[["system-id","hv7"],["ovn-remote","unix:%s/ovnsb_db.sock"]]]}}`, dir))
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r := &Remote{Name: "hv7", Argv: []string{exe, fakeArg, "service", filepath.Join(t.TempDir(), "pid"), d.Sock("ovs"), dir}}
	t.Cleanup(func() { r.Close(t.Context()) })
	return r
}

const twoSwitches = "ls-add sw0\nls-add sw1\nlsp-add sw0 p1\nlsp-set-addresses p1 '50:54:00:00:00:01 10.0.0.1'"

// A chassis' own databases are read by its node as over a connection.
func TestRows(t *testing.T) {
	d := ovntest.New(t, twoSwitches)
	r := zoneNode(t, d, d)
	db, chassis, err := OpenDatabase(t.Context(), r, ovn.Southbound)
	if err != nil || chassis != "hv7" {
		t.Fatal(chassis, err)
	}
	sb := &ovn.SB{DB: db}
	if !strings.HasPrefix(sb.Remote(), "unix:") || !strings.HasSuffix(sb.Remote(), " on hv7") {
		t.Errorf("remote %q", sb.Remote())
	}
	pb, err := sb.PortByName(t.Context(), "p1")
	if err != nil || len(pb.Addrs()) != 1 || pb.Addrs()[0].MAC != "50:54:00:00:00:01" {
		t.Fatalf("port: %+v, %v", pb, err)
	}
	// All rows of a table of many pages' worth, as the server has them.
	own, err := ovn.DialSB(t.Context(), ovsdb.Options{Remotes: d.SB})
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	count := func(s *ovn.SB) (n int) {
		err := s.UUIDs(t.Context(), []ovsdb.Query{ovsdb.From("Logical_Flow")}, func(int, ovsdb.UUID) { n++ })
		if err != nil {
			t.Error(err)
		}
		return n
	}
	if got, want := count(sb), count(own); got != want || want < 50 {
		t.Errorf("%d logical flows, not %d", got, want)
	}
	if sb.Has("Logical_Flow", "match") != true || sb.Has("Logical_Flow", "nothing") || sb.Has("Connection", "") {
		t.Error("the schema is not the server's readable part")
	}
	ndb, _, err := OpenDatabase(t.Context(), r, ovn.Northbound)
	if err != nil {
		t.Fatal(err)
	}
	res, err := ndb.Select(t.Context(), ovsdb.From("Logical_Switch", "name"))
	if err != nil || len(res[0]) != 2 {
		t.Errorf("switches: %v, %v", res, err)
	}
}

// Tables that no trace needs are not read, whatever the asker says of the schema.
func TestRowsRefused(t *testing.T) {
	d := ovntest.New(t, twoSwitches)
	r := zoneNode(t, d, d)
	none := func([]Row) error { return nil }
	for _, c := range []struct {
		req  RowsRequest
		says string
	}{
		{RowsRequest{Database: ovn.OpenVSwitch}, "not read for others"},
		{RowsRequest{Database: ovn.Southbound, Queries: []ovsdb.Query{ovsdb.From("Connection")}}, "table Connection"},
		{RowsRequest{Database: ovn.Southbound, Queries: []ovsdb.Query{ovsdb.From("RBAC_Role")}}, "table RBAC_Role"},
		{RowsRequest{Database: ovn.Northbound, Queries: []ovsdb.Query{ovsdb.From("SSL")}}, "table SSL"},
		{RowsRequest{Database: ovn.Southbound, Queries: slices.Repeat([]ovsdb.Query{ovsdb.From("FDB")}, maxQueries+1)}, "queries in one request"},
	} {
		if _, err := r.Rows(t.Context(), c.req, none); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v, not %q", err, c.says)
		}
	}
	if _, err := r.Database(t.Context(), ovn.OpenVSwitch); err == nil {
		t.Error("Open_vSwitch is served")
	}
	// What the asker gives up ends, and leaves the database readable.
	stop := errors.New("enough")
	flows := RowsRequest{Database: ovn.Southbound, Queries: []ovsdb.Query{ovsdb.From("Logical_Flow", "match", "actions")}}
	if _, err := r.Rows(t.Context(), flows, func([]Row) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("%v, not %v", err, stop)
	}
	if _, err := r.Rows(t.Context(), flows, none); err != nil {
		t.Error(err)
	}
}

// A Northbound database beside the socket that is another zone's is not taken, and the zone's own
// is once it is there.
func TestOtherZone(t *testing.T) {
	d, other := ovntest.New(t, twoSwitches), ovntest.New(t, twoSwitches)
	r := zoneNode(t, d, other)
	if _, _, err := OpenDatabase(t.Context(), r, ovn.Northbound); err == nil || !strings.Contains(err.Error(), "is another zone's: it has no switch sw") {
		t.Errorf("%v", err)
	}
	if _, _, err := OpenDatabase(t.Context(), r, ovn.Southbound); err != nil {
		t.Error(err)
	}
	beside := filepath.Join(r.Argv[len(r.Argv)-1], northSocket)
	if err := errors.Join(os.Remove(beside), os.Symlink(strings.TrimPrefix(d.NB, "unix:"), beside)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := OpenDatabase(t.Context(), r, ovn.Northbound); err != nil {
		t.Error(err)
	}
}

// Rows without end are given up at a length.
func TestEndlessRows(t *testing.T) {
	r, err := talk(t, answeringWith(`{"stream":1,"items":[{"row":{"name":"`+strings.Repeat("x", 1000)+`"}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close(t.Context())
	r.maxItems = 10 // of which no more than 5 fit
	got := 0
	err = (&rows{of: r, name: ovn.Southbound, limit: 5000}).Select(t.Context(), []ovsdb.Query{ovsdb.From("FDB")}, func(_ int, row []byte) { got += len(row) })
	if !errors.Is(err, errTooManyRows) || got > 5000 {
		t.Errorf("%d bytes: %v", got, err)
	}
}

// A node of an older version says so.
func TestRowsOlderNode(t *testing.T) {
	if _, _, err := OpenDatabase(t.Context(), older(t), ovn.Southbound); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("%v", err)
	}
}

func older(t *testing.T) *Remote {
	r, _ := remote(t, "older")
	return r
}

// A chassis whose ovn-remote is an ssl: remote that only its own certificate may use, restricted by
// RBAC: the node reads it by the files of its SSL row. Where the zone's Northbound database is, is
// unknown.
func TestRowsByChassisCertificate(t *testing.T) {
	s := ovntest.NewSecured(t, twoSwitches, "hv7")
	schema, err := ovsdbtest.Schema("vswitch.ovsschema")
	if err == nil {
		_, err = s.Server(t.Context(), "ovs", schema)
	}
	if err != nil {
		t.Fatal(err)
	}
	ovsdbtest.Transact(t, s.Sock("ovs"), "Open_vSwitch", fmt.Sprintf(
		`{"op":"insert","table":"SSL","uuid-name":"s","row":{"private_key":%q,"certificate":%q,"ca_cert":%q}},`+
			`{"op":"insert","table":"Open_vSwitch","row":{"ssl":["named-uuid","s"],"external_ids":["map",[["system-id","hv7"],["ovn-remote",%q]]]}}`,
		s.Key("hv7"), s.Certificate("hv7"), s.CA, s.Remote))
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r := &Remote{Name: "hv7", Argv: []string{exe, fakeArg, "service", filepath.Join(t.TempDir(), "pid"), s.Sock("ovs"), ovsdbtest.Dir(t)}}
	defer r.Close(t.Context())
	db, chassis, err := OpenDatabase(t.Context(), r, ovn.Southbound)
	if err != nil || chassis != "hv7" || !strings.HasPrefix(db.Remote(), "ssl:") {
		t.Fatal(chassis, err)
	}
	if _, err := (&ovn.SB{DB: db}).PortByName(t.Context(), "p1"); err != nil {
		t.Error(err)
	}
	if _, _, err := OpenDatabase(t.Context(), r, ovn.Northbound); err == nil || !strings.Contains(err.Error(), "no Northbound database of its zone") {
		t.Errorf("%v", err)
	}
}
