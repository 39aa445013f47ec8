package ovntest

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb/ovsdbtest"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv"
)

// Secured is a Deployment whose Southbound database listens at an ssl: remote too, with
// certificates of ovs-pki, and restricts the clients there to the role ovn-controller
// (ovn-architecture(7), RBAC).
type Secured struct {
	*Deployment
	Remote string // ssl:127.0.0.1:PORT
	CA     string // file of the authority's certificate
	pki    string
}

// Key and Certificate are the files of a client's certificate, whose common name is its name: for a
// chassis, its system-id.
func (s *Secured) Key(name string) string { return filepath.Join(s.pki, name+"-privkey.pem") }

// Certificate is described at Key.
func (s *Secured) Certificate(name string) string { return filepath.Join(s.pki, name+"-cert.pem") }

// NewSecured starts a Secured for one test, with certificates for the named clients.
func NewSecured(t testing.TB, nbScript string, clients ...string) *Secured {
	t.Helper()
	for _, tool := range append([]string{"ovs-pki", "openssl"}, Tools...) {
		testenv.Tool(t, tool)
	}
	ctx := context.Background()
	s := &Secured{Deployment: &Deployment{Group: ovsdbtest.Group{Dir: ovsdbtest.Dir(t)}}, pki: ovsdbtest.Dir(t)}
	t.Cleanup(s.Stop)
	pki := func(args ...string) {
		t.Helper()
		// ovs-pki writes a request and its key into the working directory.
		line := append([]string{"-C", s.pki, "ovs-pki", "-u", "--dir=" + filepath.Join(s.pki, "pki"), "--log=" + filepath.Join(s.pki, "pki.log")}, args...)
		if _, err := s.Run(ctx, "", "env", line...); err != nil {
			t.Fatal(err)
		}
	}
	pki("init")
	s.CA = filepath.Join(s.pki, "pki", "switchca", "cacert.pem")
	for _, name := range append([]string{"server"}, clients...) {
		pki("req+sign", name, "switch")
	}
	port, err := ovsdbtest.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	s.Remote = fmt.Sprintf("ssl:127.0.0.1:%d", port)
	s.NB, s.SB = s.Sock("nb"), s.Sock("sb")
	for _, db := range []struct {
		name, schema string
		args         []string
	}{{"nb", "ovn-nb.ovsschema", nil}, {"sb", "ovn-sb.ovsschema", []string{"--remote=db:OVN_Southbound,SB_Global,connections",
		"--private-key=" + s.Key("server"), "--certificate=" + s.Certificate("server"), "--ca-cert=" + s.CA}}} {
		file, err := ovsdbtest.Schema(db.schema)
		if err == nil {
			_, err = s.Server(ctx, db.name, file, db.args...)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Start("northd", "ovn-northd", "--ovnnb-db="+s.NB, "--ovnsb-db="+s.SB,
		"-vconsole:warn", "-vsyslog:off", "-vfile:off", "--unixctl="+filepath.Join(s.Dir, "northd.ctl")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.NBCtl(ctx, "init\n"+nbScript); err != nil {
		t.Fatal(err)
	}
	if _, err := s.SBCtl(ctx, fmt.Sprintf("set-connection role=ovn-controller pssl:%d:127.0.0.1", port)); err != nil {
		t.Fatal(err)
	}
	return s
}
