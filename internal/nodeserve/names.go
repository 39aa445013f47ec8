package nodeserve

import (
	"crypto/x509"
	"strings"
)

// clientNames returns the names of a client's certificate.
func clientNames(c *x509.Certificate) []string {
	var names []string
	if c.Subject.CommonName != "" {
		names = append(names, c.Subject.CommonName)
	}
	names = append(names, c.DNSNames...)
	for _, u := range c.URIs {
		names = append(names, u.String())
	}
	return append(names, c.EmailAddresses...)
}

// allowed returns the first allowed name that a certificate has.
func allowed(allow []string, c *x509.Certificate) (name string, ok bool) {
	has := clientNames(c)
	for _, a := range allow {
		for _, n := range has {
			if strings.EqualFold(a, n) {
				return a, true
			}
		}
	}
	return "", false
}
