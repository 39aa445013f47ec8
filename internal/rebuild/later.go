package rebuild

import (
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// maxIdle is how many databases of a room are served although nobody is connected. Of a cluster
// with a zone for each node, most are asked rarely or never.
const maxIdle = 8

// startTime bounds how long a database may take to be served.
const startTime = time.Minute

// laterDB is a database that is served while somebody is connected. It is passed on to its server
// by this process.
type laterDB struct {
	room       *Room
	name, file string
	ln         net.Listener

	mu    sync.Mutex
	db    *DB // nil while it is not served
	users int
}

// later are the databases of a room that are served when they are needed.
type later struct {
	mu   sync.Mutex
	all  []*laterDB
	idle []*laterDB // served, the one that is unused for the longest time first
}

// ServeLater returns the remote of a database that is served, as ServeDB does, when somebody
// connects. It ends some time after nobody is connected any more, and can be asked again.
func (r *Room) ServeLater(name, file string) (remote string, err error) {
	dir, err := r.Folder(name)
	if err != nil {
		return "", err
	}
	sock := filepath.Join(dir, "later.sock")
	ln, err := net.Listen("unix", sock)
	if err != nil {
		return "", err
	}
	l := &laterDB{room: r, name: name, file: file, ln: ln}
	r.later.mu.Lock()
	r.later.all = append(r.later.all, l)
	r.later.mu.Unlock()
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return // the room was closed
			}
			go l.pass(c)
		}
	}()
	return "unix:" + sock, nil
}

// pass passes a connection on. One that cannot be served is closed.
func (l *laterDB) pass(c net.Conn) {
	defer c.Close()
	remote, err := l.use()
	if err != nil {
		return
	}
	defer l.unuse()
	s, err := net.Dial("unix", remote)
	if err != nil {
		return
	}
	defer s.Close()
	var wg sync.WaitGroup
	for _, way := range [][2]net.Conn{{s, c}, {c, s}} {
		wg.Go(func() {
			_, _ = io.Copy(way[0], way[1])
			// Either side's end is the end: OVSDB has no half-open connections.
			_ = s.Close()
			_ = c.Close()
		})
	}
	wg.Wait()
}

// use returns the path of the server's socket, and starts the server where there is none.
func (l *laterDB) use() (path string, err error) {
	l.room.later.drop(l)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.db == nil {
		ctx, cancel := context.WithTimeout(context.Background(), startTime)
		defer cancel()
		if l.db, err = l.room.OpenDB(ctx, l.name, l.file); err != nil {
			return "", err
		}
	}
	l.users++
	return l.db.Remote[len("unix:"):], nil
}

// unuse ends a use. The server stays for the next one, unless too many stay.
func (l *laterDB) unuse() {
	l.mu.Lock()
	l.users--
	last := l.users == 0
	l.mu.Unlock()
	if last {
		for _, old := range l.room.later.add(l) {
			old.end()
		}
	}
}

// end ends the server, if nobody has come meanwhile, and removes its copy.
func (l *laterDB) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.users > 0 || l.db == nil {
		return
	}
	_ = l.room.Discard(l.db)
	l.db = nil
}

// add makes a database idle, and returns those that are to end.
func (w *later) add(l *laterDB) (end []*laterDB) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.idle = append(slices.DeleteFunc(w.idle, func(o *laterDB) bool { return o == l }), l)
	for len(w.idle) > maxIdle {
		end, w.idle = append(end, w.idle[0]), w.idle[1:]
	}
	return end
}

// drop says that a database is not idle.
func (w *later) drop(l *laterDB) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.idle = slices.DeleteFunc(w.idle, func(o *laterDB) bool { return o == l })
}

// close ends the listeners.
func (w *later) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, l := range w.all {
		_ = l.ln.Close()
	}
}

// Discard ends the server of a copy, and removes the copy.
func (r *Room) Discard(db *DB) error {
	err := r.Stop(db.Proc)
	if rerr := os.RemoveAll(filepath.Dir(db.File)); err == nil {
		err = rerr
	}
	return err
}
