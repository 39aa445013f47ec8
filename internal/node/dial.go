package node

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"slices"
	"strings"

	"github.com/creachadair/jrpc2"
)

// Identity is what a client of "node serve" shows and trusts: TLS 1.3, in both directions.
type Identity struct {
	Certificate tls.Certificate
	Roots       *x509.CertPool // the authorities that may sign a node's certificate
}

// LoadIdentity reads PEM files. Their names are those of -c, -p and -C.
func LoadIdentity(certificate, key, ca string) (*Identity, error) {
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		return nil, fmt.Errorf("certificate %s and private key %s: %w", certificate, key, err)
	}
	roots, err := LoadRoots(ca)
	if err != nil {
		return nil, err
	}
	return &Identity{Certificate: pair, Roots: roots}, nil
}

// LoadRoots reads the certificates of authorities from a PEM file.
func LoadRoots(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("CA certificate: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("CA certificate: %s has no PEM certificate", file)
	}
	return roots, nil
}

// Dial is the way to a node that runs "node serve".
type Dial struct {
	Addr string // HOST:PORT
	// Names are those of which the node's certificate must have one: the host of Addr, the chassis
	// and its host name. Certificates of OVN's own authority name the chassis.
	Names []string
	*Identity
}

// NameError reports a node whose certificate is another machine's.
type NameError struct {
	Has, Wanted []string
}

func (e *NameError) Error() string {
	return fmt.Sprintf("its certificate is for %s, not for %s", orNone(e.Has), strings.Join(e.Wanted, " or "))
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "no name"
	}
	return strings.Join(names, ", ")
}

// refusedError is what a node wrote instead of a greeting.
type refusedError struct{ why string }

func (e *refusedError) Error() string { return "refused: " + e.why }

// config is checked by verify: certificates of ovs-pki have no subjectAltName, so that crypto/tls
// would refuse their names.
func (d *Dial) config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{d.Certificate},
		InsecureSkipVerify: true, VerifyConnection: d.verify,
	}
}

// verify checks that an authority has signed the node's certificate for servers, and its name.
func (d *Dial) verify(s tls.ConnectionState) error {
	between := x509.NewCertPool()
	for _, c := range s.PeerCertificates[1:] {
		between.AddCert(c)
	}
	leaf := s.PeerCertificates[0]
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: d.Roots, Intermediates: between}); err != nil {
		return err
	}
	has := ServerNames(leaf)
	for _, want := range d.Names {
		if leaf.VerifyHostname(want) == nil || slices.ContainsFunc(has, func(n string) bool { return strings.EqualFold(n, want) }) {
			return nil
		}
	}
	return &NameError{Has: has, Wanted: d.Names}
}

// ServerNames returns the names and addresses that a certificate is for: those of its
// subjectAltName, or the common name where it has none (as of ovs-pki).
func ServerNames(c *x509.Certificate) []string {
	names := slices.Clone(c.DNSNames)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 && c.Subject.CommonName != "" {
		names = append(names, c.Subject.CommonName)
	}
	return names
}

// dial connects and reads the greeting. r.mu is held.
func (r *Remote) dial(ctx context.Context) (*jrpc2.Client, error) {
	r.stderr.follow(strings.NewReader(""))
	op := "connect to " + r.TLS.Addr
	d := tls.Dialer{Config: r.TLS.config()}
	conn, err := d.DialContext(ctx, "tcp", r.TLS.Addr)
	if err != nil {
		return nil, r.fail(op, err)
	}
	br := bufio.NewReaderSize(conn, maxGreeting)
	line, err := r.greet(ctx, conn, br)
	if err != nil {
		conn.Close()
		return nil, r.fail(op, err)
	}
	r.in, r.out = conn, conn
	return r.speak(line, br, conn), nil
}

// hangUp ends a connection, after the node has removed what was committed. r.mu is held.
func (r *Remote) hangUp(ctx context.Context) error {
	client := r.client
	defer func() {
		r.client = nil
		r.in.Close()
		client.Close()
	}()
	if !r.committed {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, closeGrace)
	defer cancel()
	err := r.dead
	if err == nil {
		_, err = client.Call(ctx, "Close", call[struct{}]{TimeoutMS: closeGrace.Milliseconds()})
	}
	if err != nil {
		return &Error{Node: r.Name, Op: "remove synthetic entries", Err: err, Hint: "run ovn-ct-trace ct clean there"}
	}
	return nil
}

// hint says what to try after a failed connection.
func (d *Dial) hint(err error) string {
	var (
		unknown x509.UnknownAuthorityError
		name    *NameError
		invalid x509.CertificateInvalidError
		header  tls.RecordHeaderError
		op      *net.OpError
		refused *refusedError
	)
	switch {
	case errors.As(err, &refused):
		return "node serve there decides who is served: --allow, and its limits"
	case errors.As(err, &unknown):
		return "-C must have the authority that signed the node's certificate"
	case errors.As(err, &name):
		return "give --node CHASSIS=tls:HOST:PORT with a name of the certificate, or a certificate with the chassis' name"
	case errors.As(err, &invalid):
		return "the node's certificate must be valid now, and for servers"
	case errors.As(err, &header):
		return d.Addr + " does not speak TLS: is it the port of node serve --listen?"
	case errors.As(err, &op) && op.Op == "remote error":
		return "the node did not accept this client's certificate (-c, -p): its --ca-cert must have signed it, for clients"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "it hung up: the log of node serve there says why"
	case errors.Is(err, fs.ErrPermission), errors.As(err, &op):
		return "is ovn-ct-trace node serve running there, and does a firewall let " + d.Addr + " through?"
	}
	return "the log of node serve at " + d.Addr + " says more"
}
