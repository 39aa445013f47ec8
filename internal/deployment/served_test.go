package deployment

import (
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/failure"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv/testca"
)

// identityOptions has the files of a client.
func identityOptions(t *testing.T) Options {
	t.Helper()
	ca, err := testca.New("authority")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := ca.Write(dir, "support", testca.Cert{CN: "support"}); err != nil {
		t.Fatal(err)
	}
	return Options{Certificate: filepath.Join(dir, "support.pem"), PrivateKey: filepath.Join(dir, "support.key"), CACert: filepath.Join(dir, "ca.pem")}
}

// The address of a node comes from the template; its certificate may name the host, the chassis or
// its host name.
func TestServedNodes(t *testing.T) {
	four := &ovn.Chassis{Name: "6bd1f2", Hostname: "hv1.example", Encaps: []ovn.Encap{{IP: netip.MustParseAddr("10.0.0.1")}}}
	six := &ovn.Chassis{Name: "hv2", Encaps: []ovn.Encap{{IP: netip.MustParseAddr("fd00::2")}}}
	for _, c := range []struct {
		template   string
		chassis    *ovn.Chassis
		addr, name string
	}{
		{"tls:{ip}:7471", four, "10.0.0.1:7471", "10.0.0.1 6bd1f2 hv1.example"},
		{"tls:{ip}:7471", six, "[fd00::2]:7471", "fd00::2 hv2"},
		{"tls:{hostname}:1", four, "hv1.example:1", "hv1.example 6bd1f2 hv1.example"},
		{"tls:{chassis}.nodes.example:1", four, "6bd1f2.nodes.example:1", "6bd1f2.nodes.example 6bd1f2 hv1.example"},
		{"tls:[fd00::9]:7471", six, "[fd00::9]:7471", "fd00::9 hv2"},
	} {
		for way, opt := range map[string]Options{
			"all": {NodeCommand: c.template}, "one": {Nodes: map[string]string{c.chassis.Name: c.template}},
		} {
			id := identityOptions(t)
			opt.Certificate, opt.PrivateKey, opt.CACert = id.Certificate, id.PrivateKey, id.CACert
			if err := opt.Check(); err != nil {
				t.Errorf("%s %s: %v", way, c.template, err)
				continue
			}
			nd, err := NewNodes(opt, "").Node(t.Context(), c.chassis)
			if err != nil {
				t.Errorf("%s %s: %v", way, c.template, err)
				continue
			}
			d := nd.(*node.Remote).TLS
			if d.Addr != c.addr || strings.Join(d.Names, " ") != c.name {
				t.Errorf("%s %s: %s for %q, want %s for %s", way, c.template, d.Addr, d.Names, c.addr, c.name)
			}
		}
	}
	opt := identityOptions(t)
	opt.NodeCommand = "tls:{hostname}:7471"
	if _, err := NewNodes(opt, "").Node(t.Context(), six); err == nil || failure.KindOf(err) != failure.Unreachable || !strings.Contains(err.Error(), "names no host") {
		t.Errorf("a chassis without a host name: %v", err)
	}
}

// What cannot be a node is refused before anything is connected.
func TestServedOptions(t *testing.T) {
	id := identityOptions(t)
	for _, c := range []struct {
		opt  Options
		want string
	}{
		{Options{NodeCommand: "tls:{ip}"}, "is not HOST:PORT"},
		{Options{NodeCommand: "tls:{ip}:0"}, "is not HOST:PORT"},
		{Options{NodeCommand: "tls:{ip}:ssh"}, "is not HOST:PORT"},
		{Options{NodeCommand: "tls::7471"}, "is not HOST:PORT"},
		{Options{NodeCommand: "tls:fd00::1:7471"}, "is not HOST:PORT"},
		{Options{Nodes: map[string]string{"hv1": "tls:"}}, "is not HOST:PORT"},
		{Options{Nodes: map[string]string{"hv1": "ssl:10.0.0.1:1"}}, `no way to reach a node is called "ssl"`},
	} {
		c.opt.Certificate, c.opt.PrivateKey, c.opt.CACert = id.Certificate, id.PrivateKey, id.CACert
		if err := c.opt.Check(); err == nil || !strings.Contains(err.Error(), c.want) || failure.KindOf(err) != failure.Input {
			t.Errorf("%+v: %v", c.opt, err)
		}
	}
	for flag, opt := range map[string]Options{
		"-c": {PrivateKey: "k", CACert: "a"}, "-p": {Certificate: "c", CACert: "a"}, "-C": {Certificate: "c", PrivateKey: "k", CACert: "none"},
	} {
		opt.NodeCommand = "tls:{ip}:7471"
		if err := opt.Check(); err == nil || !strings.Contains(err.Error(), "needs "+flag+" FILE") {
			t.Errorf("without %s: %v", flag, err)
		}
	}
	id.NodeCommand, id.CACert = "tls:{ip}:7471", id.CACert+".gone"
	chassis := &ovn.Chassis{Name: "hv1", Encaps: []ovn.Encap{{IP: netip.MustParseAddr("10.0.0.1")}}}
	if _, err := NewNodes(id, "").Node(t.Context(), chassis); err == nil || !strings.Contains(err.Error(), "CA certificate") {
		t.Errorf("a file that is not there: %v", err)
	}
}
