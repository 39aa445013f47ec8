package ovsdb

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb/ovsdbtest"
)

// pair makes a certificate signed by parent, or by itself, and writes both files.
func pair(t *testing.T, dir, name string, parent *x509.Certificate, signer *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	if parent == nil {
		cert.IsCA, cert.BasicConstraintsValid, cert.KeyUsage = true, true, x509.KeyUsageCertSign
		parent, signer = cert, key
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{
		name + "-cert.pem": {Type: "CERTIFICATE", Bytes: der},
		name + "-key.pem":  {Type: "EC PRIVATE KEY", Bytes: keyDER},
	} {
		if err := os.WriteFile(filepath.Join(dir, file), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return made, key
}

func TestTLS(t *testing.T) {
	pki := ovsdbtest.Dir(t)
	ca, caKey := pair(t, pki, "ca", nil, nil)
	pair(t, pki, "server", ca, caKey)
	pair(t, pki, "client", ca, caKey)
	pair(t, pki, "stranger", nil, nil)
	at := func(name string) string { return filepath.Join(pki, name) }
	port, err := ovsdbtest.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	vswitch(t, fmt.Sprintf("--remote=pssl:%d:127.0.0.1", port), "--private-key="+at("server-key.pem"),
		"--certificate="+at("server-cert.pem"), "--ca-cert="+at("ca-cert.pem"))
	ssl := fmt.Sprintf("ssl:127.0.0.1:%d", port)
	for _, c := range []struct {
		name            string
		key, cert, root string
		bad             string
	}{
		{"both verified", at("client-key.pem"), at("client-cert.pem"), at("ca-cert.pem"), ""},
		{"server not verified", at("client-key.pem"), at("client-cert.pem"), "none", ""},
		{"wrong CA", at("client-key.pem"), at("client-cert.pem"), at("stranger-cert.pem"), "unknown authority"},
		{"no CA", at("client-key.pem"), at("client-cert.pem"), "", "needs a CA certificate (-C FILE, or -C none)"},
		{"no client certificate", "none", "none", at("ca-cert.pem"), ssl},
		{"stranger", at("stranger-key.pem"), at("stranger-cert.pem"), at("ca-cert.pem"), ssl},
		{"key alone", at("client-key.pem"), "", at("ca-cert.pem"), "needed together"},
		{"no such file", at("client-key.pem"), at("gone.pem"), at("ca-cert.pem"), "gone.pem"},
	} {
		db, err := Dial(t.Context(), Options{Remotes: ssl, Database: "Open_vSwitch", PrivateKey: c.key, Certificate: c.cert, CACert: c.root, Timeout: 3 * time.Second})
		if err == nil {
			_, err = db.Select(t.Context(), From("Open_vSwitch"))
			db.Close()
		}
		if c.bad == "" && err != nil || c.bad != "" && (err == nil || !strings.Contains(err.Error(), c.bad)) {
			t.Errorf("%s: %v, want %q", c.name, err, c.bad)
		}
	}
}
