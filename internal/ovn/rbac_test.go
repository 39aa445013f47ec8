package ovn_test

import (
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn/ovntest"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// A chassis' own certificate, which RBAC lets write what the chassis owns only, reads every table
// that a trace needs.
func TestChassisCertificate(t *testing.T) {
	s := ovntest.NewSecured(t, "ls-add sw0\nlsp-add sw0 p1\nlsp-set-addresses p1 '50:54:00:00:00:01 10.0.0.1'", "hv1")
	tls := []string{"--db=" + s.Remote, "--no-leader-only", "--timeout=20", "-p", s.Key("hv1"), "-c", s.Certificate("hv1"), "-C", s.CA}
	// What another certificate would be needed for shows that the remote is restricted.
	_, err := s.Run(t.Context(), "", "ovn-sbctl", append(tls, "set", "SB_Global", ".", "options:x=y")...)
	if err == nil || !strings.Contains(err.Error(), "prohibit mutate operation on table") {
		t.Fatalf("a write is not refused by RBAC: %v", err)
	}
	if _, err := s.Run(t.Context(), "", "ovn-sbctl", append(tls, "chassis-add", "hv1", "geneve", "127.0.0.1")...); err != nil {
		t.Fatalf("the chassis cannot register itself: %v", err)
	}
	sb, err := ovn.DialSB(t.Context(), ovsdb.Options{Remotes: s.Remote, LeaderOnly: true,
		PrivateKey: s.Key("hv1"), Certificate: s.Certificate("hv1"), CACert: s.CA})
	if err != nil {
		t.Fatal(err)
	}
	defer sb.Close()
	tables := 0
	for _, table := range ovn.ReadableTables(ovn.Southbound) {
		if !sb.Has(table, "") {
			continue // of a newer release
		}
		tables++
		if _, err := sb.Select(t.Context(), ovsdb.From(table)); err != nil {
			t.Errorf("%s: %v", table, err)
		}
	}
	if tables < 20 {
		t.Errorf("%d tables", tables)
	}
	if pb, err := sb.PortByName(t.Context(), "p1"); err != nil || len(pb.Addrs()) != 1 {
		t.Errorf("port: %+v, %v", pb, err)
	}
	if c, err := sb.ChassisByName(t.Context(), "hv1"); err != nil || len(c.Encaps) != 1 {
		t.Errorf("chassis: %+v, %v", c, err)
	}
	// Without the certificate there is no connection.
	_, err = ovn.DialSB(t.Context(), ovsdb.Options{Remotes: s.Remote, CACert: s.CA})
	if err == nil || !strings.Contains(err.Error(), s.Remote) {
		t.Errorf("without a certificate: %v", err)
	}
}
