// Package testca makes certificate authorities and certificates for tests.
package testca

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"time"
)

// CA is an authority, valid for a day.
type CA struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	PEM  []byte // its certificate
}

// Cert says what is certified. Without Uses, the certificate is for every use, as those of ovs-pki.
type Cert struct {
	CN    string
	DNS   []string
	IPs   []net.IP
	URIs  []*url.URL
	Uses  []x509.ExtKeyUsage
	Until time.Time // default: a day from now
}

// New makes an authority.
func New(name string) (*CA, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	c := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	if c, err = x509.ParseCertificate(der); err != nil {
		return nil, err
	}
	return &CA{c, key, block("CERTIFICATE", der)}, nil
}

// Issue signs a certificate.
func (ca *CA) Issue(c Cert) (cert, key []byte, err error) {
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	if c.Until.IsZero() {
		c.Until = time.Now().Add(24 * time.Hour)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: c.CN}, DNSNames: c.DNS, IPAddresses: c.IPs, URIs: c.URIs,
		NotBefore: c.Until.Add(-25 * time.Hour), NotAfter: c.Until, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: c.Uses,
	}, ca.cert, &own.PublicKey, ca.key)
	if err != nil {
		return nil, nil, err
	}
	raw, err := x509.MarshalPKCS8PrivateKey(own)
	if err != nil {
		return nil, nil, err
	}
	return block("CERTIFICATE", der), block("PRIVATE KEY", raw), nil
}

// Write issues a certificate into the files NAME.pem and NAME.key of a folder, and the authority's
// own into ca.pem. Files are replaced at once, as a rotation does.
func (ca *CA) Write(dir, name string, c Cert) error {
	cert, key, err := ca.Issue(c)
	if err != nil {
		return err
	}
	for file, data := range map[string][]byte{"ca.pem": ca.PEM, name + ".pem": cert, name + ".key": key} {
		path := filepath.Join(dir, file)
		if err := os.WriteFile(path+".new", data, 0o600); err != nil {
			return err
		}
		if err := os.Rename(path+".new", path); err != nil {
			return err
		}
	}
	return nil
}

func block(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func serial() *big.Int {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		panic(err) // no randomness: nothing can be tested
	}
	return n
}
