package nodeserve

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
)

// Files are the PEM files of the service. CA may sign clients' certificates.
type Files struct {
	Certificate, Key, CA string
}

// identity is what was read from the files.
type identity struct {
	id    *node.Identity
	until time.Time // end of the certificate's validity
	stamp [3]stamp
}

// stamp tells one content of a file from another without reading it.
type stamp struct {
	size int64
	mod  time.Time
	info os.FileInfo // for os.SameFile: a renamed file can have the same size and time
}

func (s stamp) same(t stamp) bool {
	return s.size == t.size && s.mod.Equal(t.mod) && s.info != nil && t.info != nil && os.SameFile(s.info, t.info)
}

func (f Files) stamps() (out [3]stamp, err error) {
	for i, name := range []string{f.Certificate, f.Key, f.CA} {
		info, err := os.Stat(name)
		if err != nil {
			return out, err
		}
		out[i] = stamp{info.Size(), info.ModTime(), info}
	}
	return out, nil
}

func (f Files) load() (*identity, error) {
	stamps, err := f.stamps() // before the files are read: a later change is then seen
	if err != nil {
		return nil, err
	}
	id, err := node.LoadIdentity(f.Certificate, f.Key, f.CA)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(id.Certificate.Certificate[0])
	if err != nil {
		return nil, fmt.Errorf("certificate %s: %w", f.Certificate, err)
	}
	return &identity{id, leaf.NotAfter, stamps}, nil
}

// identities keeps what was read last without an error.
type identities struct {
	files Files
	told  func(*identity, error) // of each time that the files were read

	mu     sync.Mutex
	now    *identity
	failed [3]stamp // of files that could not be read: they are not tried again before they change
}

// newIdentities reads the files for the first time.
func newIdentities(f Files, told func(*identity, error)) (*identities, error) {
	id, err := f.load()
	told(id, err)
	return &identities{files: f, told: told, now: id}, err
}

// reload reads the files. What was read before stays in use if they cannot be read.
func (i *identities) reload() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.read()
}

func (i *identities) read() error {
	id, err := i.files.load()
	i.told(id, err)
	if err != nil {
		i.failed, _ = i.files.stamps()
		return err
	}
	i.now, i.failed = id, [3]stamp{}
	return nil
}

// current returns what is in the files. They are read again if they have changed: at the next
// handshake.
func (i *identities) current() *identity {
	i.mu.Lock()
	defer i.mu.Unlock()
	stamps, err := i.files.stamps()
	if err == nil && !same(stamps, i.now.stamp) && !same(stamps, i.failed) {
		_ = i.read() // told
	}
	return i.now
}

func same(a, b [3]stamp) bool {
	for i := range a {
		if !a[i].same(b[i]) {
			return false
		}
	}
	return true
}

// config makes each handshake use what the files have at that time. Without session tickets, each
// connection shows its certificate anew.
func (i *identities) config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS13, GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		now := i.current()
		return &tls.Config{
			MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{now.id.Certificate},
			ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: now.id.Roots, SessionTicketsDisabled: true,
		}, nil
	}}
}
