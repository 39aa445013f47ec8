package driver

import (
	"bytes"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn/ovntest"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb/ovsdbtest"
)

// refusedDB is a Southbound database of hv1 and hv2 that refuses some questions.
func refusedDB(t *testing.T, refused func([]byte) bool) (sb *ovn.SB, hv1, hv2 ovsdb.UUID) {
	t.Helper()
	remote, ids := ovntest.Chassis(t, "hv1", "hv2")
	sb, err := ovn.DialSB(t.Context(), ovsdb.Options{Remotes: ovsdbtest.Refusing(t, remote, refused)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sb.Close() })
	return sb, ids[0], ids[1]
}

// A chassis whose ovn-controller is still computing has flows that may be old: a warning.
func TestBehind(t *testing.T) {
	remote, _ := ovntest.Chassis(t, "hv1")
	ovsdbtest.Transact(t, remote, ovn.Southbound, `{"op":"insert","table":"SB_Global","row":{"nb_cfg":7}}`)
	sb, err := ovn.DialSB(t.Context(), ovsdb.Options{Remotes: remote})
	if err != nil {
		t.Fatal(err)
	}
	defer sb.Close()
	for _, confirmed := range []string{"5", "7"} {
		ovsdbtest.Transact(t, remote, ovn.Southbound, `{"op":"delete","table":"Chassis_Private","where":[]},
			{"op":"insert","table":"Chassis_Private","row":{"name":"hv1","nb_cfg":`+confirmed+`}}`)
		s := &sending{Driver: &Driver{SB: sb}, Trace: &Trace{}}
		s.freshness(t.Context(), []string{"hv1"})
		if behind := len(s.Warnings) == 1 && strings.Contains(s.Warnings[0], "ovn-controller on hv1 is behind: it has confirmed configuration 5 of 7"); behind != (confirmed == "5") {
			t.Errorf("confirmed %s of 7: %q", confirmed, s.Warnings)
		}
	}
	// Where no chassis confirms, none is said to be behind, nor up to date.
	ovsdbtest.Transact(t, remote, ovn.Southbound, `{"op":"update","table":"SB_Global","where":[],"row":{"nb_cfg":8,"options":["map",[["enable_chassis_nb_cfg_update","false"]]]}}`)
	s := &sending{Driver: &Driver{SB: sb}, Trace: &Trace{}}
	s.freshness(t.Context(), []string{"hv1"})
	if len(s.Warnings) != 1 || !strings.HasPrefix(s.Warnings[0], "whether ovn-controller on hv1 is up to date is unknown: ") {
		t.Errorf("unconfirmed: %q", s.Warnings)
	}
}

// A port that may be on the chassis named, while it migrates, is not said to be bound elsewhere
// where the database does not answer.
func TestEnterRefused(t *testing.T) {
	var second ovsdb.UUID
	sb, hv1, hv2 := refusedDB(t, func(b []byte) bool { return !second.IsZero() && bytes.Contains(b, []byte(second.String())) })
	second = hv2
	d := &Driver{SB: sb, Nodes: fakeNodes{"hv1": chassis("hv1", "p1")}}
	pb := &ovn.PortBinding{LogicalPort: "p1", Chassis: hv1, AdditionalChassis: []ovsdb.UUID{hv2}}
	_, err := d.Enter(t.Context(), pb, "hv2", packet.Packet{})
	if err == nil || !strings.Contains(err.Error(), "permission error") {
		t.Errorf("%v, want the database's error", err)
	}
}

// That a chassis' freshness cannot be read is said; a chassis without a row is of another zone.
func TestFreshnessRefused(t *testing.T) {
	sb, _, _ := refusedDB(t, ovsdbtest.OnTables("SB_Global"))
	s := &sending{Driver: &Driver{SB: sb}, Trace: &Trace{}}
	s.freshness(t.Context(), []string{"hv1", "elsewhere"})
	if len(s.Warnings) != 1 || !strings.HasPrefix(s.Warnings[0], "whether ovn-controller on hv1 is up to date is unknown: ") || !strings.Contains(s.Warnings[0], "permission error") {
		t.Errorf("%q", s.Warnings)
	}
}
