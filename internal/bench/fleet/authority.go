package fleet

import (
	"crypto/tls"
	"net"
	"sync"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv/testca"
)

// Authority certifies the chassis of a fleet, and its client.
type Authority struct {
	ca *testca.CA
	// The files of the client's certificate.
	Cert, Key, CA string

	mu    sync.Mutex
	certs map[string]*tls.Certificate
}

// NewAuthority makes an authority, with the files of its client in a folder.
func NewAuthority(dir string) (*Authority, error) {
	ca, err := testca.New("fleet")
	if err != nil {
		return nil, err
	}
	a := &Authority{ca: ca, certs: map[string]*tls.Certificate{}}
	a.Cert, a.Key, a.CA = dir+"/client.pem", dir+"/client.key", dir+"/ca.pem"
	return a, ca.Write(dir, "client", testca.Cert{CN: "client"})
}

// Certify returns the certificate of a chassis, for Fleet.ListenTLS.
func (a *Authority) Certify(chassis string) (*tls.Certificate, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c := a.certs[chassis]; c != nil {
		return c, nil
	}
	i, s, _ := side(chassis)
	cert, key, err := a.ca.Issue(testca.Cert{CN: chassis, DNS: []string{chassis}, IPs: []net.IP{net.ParseIP(i.Endpoint(s))}})
	if err != nil {
		return nil, err
	}
	c, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, err
	}
	a.certs[chassis] = &c
	return &c, nil
}
