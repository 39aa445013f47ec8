package ovsdb

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/failure"
)

// tlsError is an error of the options' files for ssl: remotes.
type tlsError struct{ error }

// Failure implements failure's interface.
func (e *tlsError) Failure() (failure.Kind, string) {
	return failure.Unreachable, "-p FILE, -c FILE and -C FILE (or -C none) are the key and certificates for ssl: remotes"
}

// Unwrap returns the cause.
func (e *tlsError) Unwrap() error { return e.error }

// tlsConfig reads the options' files. Like stream-ssl of Open vSwitch, the configuration checks
// that the CA signed the peer's certificate, but not the peer's host name: certificates of ovs-pki
// have none.
func (o Options) tlsConfig() (*tls.Config, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: true}
	if given(o.PrivateKey) != given(o.Certificate) {
		return nil, errors.New("a private key (-p) and a certificate (-c) are needed together")
	}
	if given(o.PrivateKey) {
		pair, err := tls.LoadX509KeyPair(o.Certificate, o.PrivateKey)
		if err != nil {
			return nil, fmt.Errorf("certificate: %w", err)
		}
		conf.Certificates = []tls.Certificate{pair}
	}
	if o.CACert == "none" {
		return conf, nil
	}
	if o.CACert == "" {
		return nil, errors.New("an ssl: remote needs a CA certificate (-C FILE, or -C none)")
	}
	pem, err := os.ReadFile(o.CACert)
	if err != nil {
		return nil, fmt.Errorf("CA certificate: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("CA certificate: %s holds no PEM certificate", o.CACert)
	}
	conf.VerifyConnection = func(s tls.ConnectionState) error {
		if len(s.PeerCertificates) == 0 {
			return errors.New("the server sent no certificate")
		}
		between := x509.NewCertPool()
		for _, c := range s.PeerCertificates[1:] {
			between.AddCert(c)
		}
		_, err := s.PeerCertificates[0].Verify(x509.VerifyOptions{
			Roots: roots, Intermediates: between,
			KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
		})
		return err
	}
	return conf, nil
}

// given reports whether an option names a file.
func given(file string) bool { return file != "" && file != "none" }
