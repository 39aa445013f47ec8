// Package archive reads folders and packed archives of other people: bounded, and so that nothing
// outside of them is read or written.
package archive

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Tree is the files of an archive, or of a folder.
type Tree struct {
	// From is the path that was given.
	From string
	// Refused are the members that were not taken, and why; at most maxRefused.
	Refused []string

	root  *os.Root
	dir   string // the folder of root
	base  string // prefix of all names, without it at the end
	files map[string]fs.FileInfo
	links map[string]string // targets
}

// maxRefused bounds how many refused members are named.
const maxRefused = 20

func (t *Tree) refuse(name, format string, args ...any) {
	if len(t.Refused) < maxRefused {
		t.Refused = append(t.Refused, fmt.Sprintf("%.200q: %s", name, fmt.Sprintf(format, args...)))
	}
}

// Close releases the folder.
func (t *Tree) Close() error { return t.root.Close() }

// Names returns the names of all files, sorted, with slashes.
func (t *Tree) Names() []string {
	var out []string
	for n := range t.files {
		out = append(out, n)
	}
	for n := range t.links {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}

// maxLinks is the maximum number of links that are followed to a file.
const maxLinks = 8

// Resolve follows links from a name to a file's name. A link out of the archive is an error, and a
// link to a file that is not there is fs.ErrNotExist.
func (t *Tree) Resolve(name string) (string, error) {
	for range maxLinks {
		if _, ok := t.files[name]; ok {
			return name, nil
		}
		target, ok := t.links[name]
		if !ok {
			return "", &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
		}
		if path.IsAbs(target) {
			// Such a link means the root of the host, which is the archive.
			target = strings.TrimPrefix(path.Clean(target), "/")
		} else {
			target = path.Join(path.Dir(name), target)
		}
		if !filepath.IsLocal(target) {
			return "", &fs.PathError{Op: "open", Path: name, Err: errOutside}
		}
		name = target
	}
	return "", &fs.PathError{Op: "open", Path: name, Err: errLinks}
}

var (
	errOutside = errors.New("it is a link out of the archive")
	errLinks   = errors.New("it is a link to links without end")
	errRegular = errors.New("it is not a regular file")
)

// Has reports whether a name is a file, or a link to one.
func (t *Tree) Has(name string) bool {
	_, err := t.Resolve(name)
	return err == nil
}

// Link returns the target of a link; empty for a file.
func (t *Tree) Link(name string) string { return t.links[name] }

// Open opens a file.
func (t *Tree) Open(name string) (*os.File, error) {
	real, err := t.Resolve(name)
	if err != nil {
		return nil, err
	}
	// A pipe in its place must not hold the program.
	f, err := t.root.OpenFile(filepath.Join(t.base, filepath.FromSlash(real)), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	fi, err := f.Stat()
	if err == nil && !fi.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: name, Err: errRegular}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// Size returns the size of a file in bytes.
func (t *Tree) Size(name string) int64 {
	if real, err := t.Resolve(name); err == nil {
		return t.files[real].Size()
	}
	return 0
}

// Modified returns the time of a file's last change.
func (t *Tree) Modified(name string) time.Time {
	if real, err := t.Resolve(name); err == nil {
		return t.files[real].ModTime()
	}
	return time.Time{}
}

// Path returns the path of a file on this machine.
func (t *Tree) Path(name string) (string, error) {
	f, err := t.Open(name) // it must be one inside
	if err != nil {
		return "", err
	}
	f.Close()
	real, err := t.Resolve(name)
	return filepath.Join(t.dir, t.base, filepath.FromSlash(real)), err
}

// Below returns the names of the folders, relative to the top, that hold a file or folder with this
// name; "." is the top itself. It looks at most two folders deep.
func (t *Tree) Below(name string) []string {
	found := map[string]bool{}
	for _, n := range t.Names() {
		parts := strings.Split(n, "/")
		for i := range min(len(parts), 3) {
			if parts[i] == name {
				found[path.Join(append([]string{"."}, parts[:i]...)...)] = true
			}
		}
	}
	var out []string
	for n := range found {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}

// At returns the part of the tree in a folder. Closing the tree closes it too.
func (t *Tree) At(folder string) *Tree {
	if folder == "." || folder == "" {
		return t
	}
	sub := &Tree{From: t.From, Refused: t.Refused, root: t.root, dir: t.dir, base: filepath.Join(t.base, filepath.FromSlash(folder)),
		files: map[string]fs.FileInfo{}, links: map[string]string{}}
	for n, fi := range t.files {
		if rest, ok := strings.CutPrefix(n, folder+"/"); ok {
			sub.files[rest] = fi
		}
	}
	for n, l := range t.links {
		if rest, ok := strings.CutPrefix(n, folder+"/"); ok {
			sub.links[rest] = l
		}
	}
	return sub
}
