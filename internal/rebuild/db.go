package rebuild

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// DB is an OVSDB server over a private copy of a database's file.
type DB struct {
	Remote string // unix:FILE, for clients
	File   string // the copy, always standalone
	Proc   *Proc
}

// The first bytes of a database's file (OVSDB_MAGIC in ovsdb/log.c, RAFT_MAGIC in ovsdb/raft.c).
var (
	standaloneMagic = []byte("OVSDB JSON")
	clusteredMagic  = []byte("OVSDB CLUSTER")
)

// FormatError reports a file that is no database.
type FormatError struct{ Path string }

func (e *FormatError) Error() string { return e.Path + ": is not a database file of OVSDB" }

// ServeDB serves a copy of a database's file, clustered or standalone, on a socket in the room, and
// returns its remote. The file itself is only read. name names the folder of the copy.
func (r *Room) ServeDB(ctx context.Context, name, file string) (remote string, err error) {
	db, err := r.OpenDB(ctx, name, file)
	if err != nil {
		return "", err
	}
	return db.Remote, nil
}

// OpenDB is ServeDB, and returns the server's process and file too.
func (r *Room) OpenDB(ctx context.Context, name, file string) (*DB, error) {
	dir, err := r.Folder(name)
	if err != nil {
		return nil, err
	}
	copied := filepath.Join(dir, "db")
	if err := r.copyDB(ctx, file, copied); err != nil {
		return nil, err
	}
	return r.serve(ctx, dir, copied)
}

// CreateDB makes an empty database from a schema file, and serves it.
func (r *Room) CreateDB(ctx context.Context, name, schema string) (*DB, error) {
	dir, err := r.Folder(name)
	if err != nil {
		return nil, err
	}
	return r.createIn(ctx, dir, schema)
}

func (r *Room) createIn(ctx context.Context, dir, schema string) (*DB, error) {
	file := filepath.Join(dir, "db")
	if _, err := r.Run(ctx, nil, "ovsdb-tool", "create", file, schema); err != nil {
		return nil, err
	}
	return r.serve(ctx, dir, file)
}

// copyDB copies a database's file into the room; a clustered one becomes standalone.
func (r *Room) copyDB(ctx context.Context, from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	head := make([]byte, len(clusteredMagic))
	n, err := io.ReadFull(in, head)
	if err != nil && err != io.ErrUnexpectedEOF && err != io.EOF {
		return err
	}
	head = head[:n]
	switch {
	case bytes.HasPrefix(head, clusteredMagic):
		_, err := r.Run(ctx, nil, "ovsdb-tool", "cluster-to-standalone", to, from)
		if err != nil {
			return fmt.Errorf("%s: %w", from, err)
		}
		return nil
	case !bytes.HasPrefix(head, standaloneMagic):
		return &FormatError{from}
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, io.MultiReader(bytes.NewReader(head), in))
	if cerr := out.Close(); err == nil {
		err = cerr
	}
	return err
}

// serve starts a server of a file in its folder.
func (r *Room) serve(ctx context.Context, dir, file string) (*DB, error) {
	sock := filepath.Join(dir, "db.sock")
	p, err := r.Start(ctx, Command{
		Name: "ovsdb-server", Dir: dir, Log: "ovsdb-server.log", Env: env(dir),
		Args: []string{file, "--remote=punix:" + sock, "--pidfile", "--no-chdir",
			"-vconsole:warn", "-vsyslog:off", "-vfile:off"},
		Ready: []string{sock, filepath.Join(dir, "ovsdb-server.pid")},
	})
	if err != nil {
		return nil, err
	}
	return &DB{Remote: "unix:" + sock, File: file, Proc: p}, nil
}

// env keeps a daemon's files in one folder.
func env(dir string) []string {
	return []string{"OVS_RUNDIR=" + dir, "OVS_LOGDIR=" + dir, "OVS_DBDIR=" + dir, "OVS_SYSCONFDIR=" + dir,
		"OVN_RUNDIR=" + dir, "OVN_LOGDIR=" + dir, "OVN_DBDIR=" + dir, "OVN_SYSCONFDIR=" + dir}
}
