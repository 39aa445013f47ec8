package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// zone is the databases of a chassis' availability zone, opened on request. They are read without
// the service's lock: a trace may go on meanwhile.
type zone struct {
	mu sync.Mutex
	id string // system-id
	sb *ovn.SB
	nb *ovn.NB
}

// rowsTimeout bounds one request to a database whose rows are read for another machine, which takes
// them at its own pace.
const rowsTimeout = 3 * time.Minute

// systemID returns the chassis' name, once a database was opened.
func (z *zone) systemID() string {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.id
}

// database opens one of the two databases, once.
func (z *zone) database(ctx context.Context, opt Options, name string) (*ovsdb.DB, error) {
	if name != ovn.Southbound && name != ovn.Northbound {
		return nil, fmt.Errorf("database %q is not read for others", name)
	}
	z.mu.Lock()
	defer z.mu.Unlock()
	if z.sb == nil {
		if err := z.southbound(ctx, opt); err != nil {
			return nil, err
		}
	}
	if name == ovn.Southbound {
		return z.sb.DB, nil
	}
	if z.nb == nil {
		nb, err := z.northbound(ctx, opt)
		if err != nil {
			return nil, err // the next request looks again: it may be there then
		}
		z.nb = nb
	}
	return z.nb.DB, nil
}

// southbound connects where the chassis' ovn-controller does, with the files of its SSL row.
func (z *zone) southbound(ctx context.Context, opt Options) error {
	db, err := ovn.DialOVS(ctx, ovsdb.Options{Remotes: opt.DB})
	if err != nil {
		return err
	}
	defer db.Close()
	cfg, err := db.Config(ctx)
	if err != nil {
		return err
	}
	if cfg.Remote() == "" {
		return errors.New("this machine has no external_ids:ovn-remote: it is no chassis")
	}
	files, err := db.TLS(ctx)
	if err != nil {
		return err
	}
	z.sb, err = ovn.DialSB(ctx, ovsdb.Options{
		Remotes: cfg.Remote(), Timeout: rowsTimeout,
		PrivateKey: files.PrivateKey, Certificate: files.Certificate, CACert: files.CACert,
	})
	z.id = cfg.SystemID
	return err
}

// northSocket is the file name of the Northbound database's usual socket.
const northSocket = "ovnnb_db.sock"

// usualFolders have the sockets of a node's own databases: OVN's packages, OVN-Kubernetes, and OVN
// as a part of Open vSwitch.
var usualFolders = []string{"/var/run/ovn", "/run/ovn", "/var/run/ovn-ic", "/run/ovn-ic", "/var/run/openvswitch"}

// northbound finds the Northbound database of the zone: beside the Southbound database's socket,
// else in a usual folder. Nothing on a chassis names it.
func (z *zone) northbound(ctx context.Context, opt Options) (*ovn.NB, error) {
	folders := usualFolders
	if opt.OVNRunDir != "" {
		folders = append([]string{opt.OVNRunDir}, folders...)
	}
	if sock, ok := strings.CutPrefix(z.sb.Remote(), "unix:"); ok {
		folders = append([]string{filepath.Dir(sock)}, folders...)
	}
	var errs []error
	var tried []string
	for _, dir := range folders {
		file := filepath.Join(dir, northSocket)
		if real, err := filepath.EvalSymlinks(file); err == nil {
			file = real
		}
		if slices.Contains(tried, file) {
			continue
		}
		tried = append(tried, file)
		if _, err := os.Stat(file); errors.Is(err, os.ErrNotExist) {
			continue
		}
		nb, err := z.sameZone(ctx, file)
		if err == nil {
			return nb, nil
		}
		errs = append(errs, err)
	}
	if len(errs) == 0 {
		return nil, fmt.Errorf("no Northbound database of its zone: no %s in %s", northSocket, strings.Join(folders, ", "))
	}
	return nil, fmt.Errorf("no Northbound database of its zone: %w", errs[0])
}

// sameZone opens the Northbound database at a socket if it is that of the zone.
func (z *zone) sameZone(ctx context.Context, file string) (*ovn.NB, error) {
	nb, err := ovn.DialNB(ctx, ovsdb.Options{Remotes: "unix:" + file, Timeout: rowsTimeout})
	if err != nil {
		return nil, err
	}
	if err := ovn.SameZone(ctx, z.sb, nb); err != nil {
		nb.Close()
		return nil, err
	}
	return nb, nil
}

// close ends the connections.
func (z *zone) close() error {
	z.mu.Lock()
	defer z.mu.Unlock()
	var errs []error
	if z.sb != nil {
		errs = append(errs, z.sb.Close())
	}
	if z.nb != nil {
		errs = append(errs, z.nb.Close())
	}
	z.sb, z.nb = nil, nil
	return errors.Join(errs...)
}
