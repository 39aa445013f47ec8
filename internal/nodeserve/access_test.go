package nodeserve

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/failure"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv/testca"
)

// Clients that are not served are told why, in one line with a hint.
func TestRefusedClients(t *testing.T) {
	b := start(t, nil)
	other, err := testca.New("another authority")
	if err != nil {
		t.Fatal(err)
	}
	b.issue(b.ca, "stranger", testca.Cert{CN: "stranger", DNS: []string{"stranger.example"}})
	b.issue(b.ca, "server-only", testca.Cert{CN: "support", Uses: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	b.issue(b.ca, "expired", testca.Cert{CN: "support", Until: time.Now().Add(-time.Minute)})
	forged, key, err := other.Issue(testca.Cert{CN: "support"})
	if err != nil {
		t.Fatal(err)
	}
	put(t, b.file("forged.pem"), forged)
	put(t, b.file("forged.key"), key)
	for _, c := range []struct{ name, want, hint string }{
		{"stranger", `refused: no --allow names this client: its certificate is for ["stranger" "stranger.example"]`, "--allow"},
		{"server-only", "bad certificate", "--ca-cert must have signed it, for clients"},
		{"expired", "expired certificate", "--ca-cert"},
		{"forged", "certificate", "--ca-cert"},
	} {
		_, err := b.client(c.name).Info(t.Context())
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(failure.HintOf(err), c.hint) {
			t.Errorf("%s: %v; hint %s", c.name, err, failure.HintOf(err))
		}
		if failure.KindOf(err) != failure.Unreachable {
			t.Errorf("%s: kind %v", c.name, failure.KindOf(err))
		}
	}
	b.ok()
	if b.nodes != 1 {
		t.Errorf("%d nodes were made, want that of the allowed client", b.nodes)
	}
}

func put(t *testing.T, file string, data []byte) {
	t.Helper()
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// A client without a certificate, and one that speaks an older TLS, get nothing.
func TestTLS(t *testing.T) {
	b := start(t, nil)
	id := b.identity("support")
	for name, conf := range map[string]*tls.Config{
		"no certificate": {InsecureSkipVerify: true},
		"TLS 1.2":        {InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12, Certificates: []tls.Certificate{id.Certificate}},
	} {
		conn, err := tls.Dial("tcp", b.addr, conf)
		var text []byte
		if err == nil { // in TLS 1.3 the server's verdict comes after the client's handshake
			text, err = io.ReadAll(conn)
			conn.Close()
		}
		var op *net.OpError
		if !errors.As(err, &op) || op.Op != "remote error" || len(text) > 0 {
			t.Errorf("%s: %v, %q", name, err, text)
		}
	}
	b.ok()
	if b.nodes != 1 {
		t.Errorf("%d nodes were made", b.nodes)
	}
}

// The tool refuses a server of another authority, of another name, and one that is none.
func TestServersThatAreNot(t *testing.T) {
	b := start(t, nil)
	other, err := testca.New("another authority")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := other.Write(dir, "support", testca.Cert{CN: "support"}); err != nil {
		t.Fatal(err)
	}
	foreign, err := node.LoadIdentity(dir+"/support.pem", dir+"/support.key", dir+"/ca.pem")
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			write(conn, "SSH-2.0-OpenSSH_9.2\r\n")
			conn.Close()
		}
	}()
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	own := b.identity("support")
	for _, c := range []struct {
		what       string
		dial       node.Dial
		want, hint string
	}{
		{"authority", node.Dial{Addr: b.addr, Names: []string{"hv1"}, Identity: foreign}, "unknown authority", "-C"},
		{"name", node.Dial{Addr: b.addr, Names: []string{"127.0.0.1", "hv2"}, Identity: own}, "its certificate is for hv1, not for 127.0.0.1 or hv2", "--node"},
		{"no TLS", node.Dial{Addr: ln.Addr().String(), Names: []string{"hv1"}, Identity: own}, "TLS", "does not speak TLS"},
		{"nobody", node.Dial{Addr: gone.Addr().String(), Names: []string{"hv1"}, Identity: own}, "refused", "node serve"},
	} {
		_, err := (&node.Remote{Name: "hv1", TLS: &c.dial}).Info(t.Context())
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(failure.HintOf(err), c.hint) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v; hint %s", c.what, err, failure.HintOf(err))
		}
	}
}

// A name is allowed wherever a certificate may have it; a server's name is looked for where it
// belongs.
func TestNames(t *testing.T) {
	ca, err := testca.New("authority")
	if err != nil {
		t.Fatal(err)
	}
	leaf := func(c testca.Cert) *x509.Certificate {
		pem, key, err := ca.Issue(c)
		if err != nil {
			t.Fatal(err)
		}
		pair, err := tls.X509KeyPair(pem, key)
		if err != nil {
			t.Fatal(err)
		}
		return pair.Leaf
	}
	spiffe := &url.URL{Scheme: "spiffe", Host: "example", Path: "/support"}
	for _, c := range []struct {
		cert  testca.Cert
		allow string
		want  bool
	}{
		{testca.Cert{CN: "support"}, "support", true},
		{testca.Cert{CN: "Support"}, "sUPPORT", true},
		{testca.Cert{CN: "support"}, "supp", false},
		{testca.Cert{CN: "x", DNS: []string{"ops.example"}}, "ops.example", true},
		{testca.Cert{CN: "x", DNS: []string{"*.example"}}, "ops.example", false},
		{testca.Cert{CN: "x", URIs: []*url.URL{spiffe}}, "spiffe://example/support", true},
		{testca.Cert{}, "support", false},
	} {
		if _, ok := allowed([]string{"nobody", c.allow}, leaf(c.cert)); ok != c.want {
			t.Errorf("allow %s, certificate %+v: %t", c.allow, c.cert, ok)
		}
	}
	for _, c := range []struct {
		cert testca.Cert
		want string
	}{
		{testca.Cert{CN: "hv1"}, "hv1"},
		{testca.Cert{CN: "hv1", DNS: []string{"a", "b"}, IPs: []net.IP{net.IPv4(10, 0, 0, 1)}}, "a b 10.0.0.1"},
		{testca.Cert{}, ""},
	} {
		if got := strings.Join(node.ServerNames(leaf(c.cert)), " "); got != c.want {
			t.Errorf("%+v: %q", c.cert, got)
		}
	}
}

// What changes the node is refused without its flag, which the refusal names, and done with it.
func TestFlags(t *testing.T) {
	calls := []struct {
		did, flag string
		call      func(r *node.Remote) error
	}{
		{"commit", "--allow-commit", func(r *node.Remote) error {
			_, err := r.Commit(t.Context(), node.CommitRequest{})
			return err
		}},
		{"clean", "--allow-commit", func(r *node.Remote) error { _, err := r.Clean(t.Context(), false); return err }},
		{"list", "", func(r *node.Remote) error { _, err := r.Clean(t.Context(), true); return err }},
		{"capture", "--allow-capture", func(r *node.Remote) error {
			_, err := r.Capture(t.Context(), node.CaptureRequest{})
			return err
		}},
		{"captured", "--allow-capture", func(r *node.Remote) error {
			_, err := r.Captured(t.Context(), node.CapturedRequest{})
			return err
		}},
		{"inject", "--allow-capture", func(r *node.Remote) error { return r.Inject(t.Context(), node.InjectRequest{}) }},
	}
	for _, given := range []string{"", "--allow-commit", "--allow-capture"} {
		b := start(t, func(o *Options) {
			o.AllowCommit, o.AllowCapture = given == "--allow-commit", given == "--allow-capture"
		})
		r := b.client("support")
		for _, c := range calls {
			err := c.call(r)
			may := c.flag == "" || c.flag == given
			switch {
			case may && (err != nil || b.count(c.did) != 1):
				t.Errorf("with %q: %s: %v, done %d times", given, c.did, err, b.count(c.did))
			case !may && (err == nil || !strings.HasSuffix(err.Error(), "node serve runs there without "+c.flag) || b.count(c.did) != 0):
				t.Errorf("with %q: %s: %v, done %d times", given, c.did, err, b.count(c.did))
			}
		}
		if _, err := r.Trace(t.Context(), node.TraceRequest{Request: engine.Request{}}); err != nil {
			t.Errorf("with %q: %v", given, err)
		}
	}
}
