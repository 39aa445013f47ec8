package archive

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// FormatError reports a file that is no archive that this package reads.
type FormatError struct {
	Path string
	Why  string
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("%s is no archive: %s (looked for tar, tar.gz, tar.xz, tar.zst)", e.Path, e.Why)
}

// unpack reads a packed archive once and takes the wanted members into dir.
func unpack(ctx context.Context, file, dir string, want func(name string) bool, lim Limits) (*Tree, error) {
	in, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	return unpackFrom(ctx, file, in, dir, want, lim)
}

// unpackFrom is unpack of an open archive, which file names.
func unpackFrom(ctx context.Context, file string, in io.Reader, dir string, want func(name string) bool, lim Limits) (*Tree, error) {
	plain, done, err := decompress(bufio.NewReaderSize(in, 256<<10))
	if err != nil {
		return nil, &FormatError{file, err.Error()}
	}
	defer done()
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	t := &Tree{From: file, root: root, dir: dir, files: map[string]fs.FileInfo{}, links: map[string]string{}}
	u := &unpacking{tree: t, want: want, lim: lim, ctx: ctx}
	if err := u.run(file, plain); err != nil {
		root.Close()
		return nil, err
	}
	return t, nil
}

// unpacking is one run of unpack.
type unpacking struct {
	tree *Tree
	want func(string) bool
	lim  Limits
	ctx  context.Context
	kept int64
}

// counted ends reading at a number of bytes, and when the context is done.
type counted struct {
	in   io.Reader
	ctx  context.Context
	left int64
}

var errBomb = errors.New("it unpacks to more than this program reads")

func (c *counted) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.in.Read(p)
	if c.left -= int64(n); c.left < 0 {
		return 0, errBomb
	}
	return n, err
}

func (u *unpacking) run(file string, plain io.Reader) error {
	tr := tar.NewReader(&counted{in: plain, ctx: u.ctx, left: u.lim.Read})
	for n := 0; ; n++ {
		h, err := tr.Next()
		if err == io.EOF {
			if n == 0 {
				return &FormatError{file, "it has no members"}
			}
			return nil
		}
		switch {
		case u.ctx.Err() != nil:
			return u.ctx.Err()
		case err != nil && n == 0:
			return &FormatError{file, err.Error()}
		case err != nil:
			return fmt.Errorf("%s: reading the archive: %w", file, err)
		case n >= u.lim.Members:
			return fmt.Errorf("%s has more than %d members", file, u.lim.Members)
		}
		if err := u.member(h, tr); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
}

// member takes one member if it is wanted and harmless.
func (u *unpacking) member(h *tar.Header, in io.Reader) error {
	t := u.tree
	name := path.Clean(h.Name)
	if h.Typeflag == tar.TypeDir || h.Typeflag == tar.TypeXGlobalHeader {
		return nil
	}
	if path.IsAbs(h.Name) || !filepath.IsLocal(filepath.FromSlash(name)) || strings.ContainsAny(name, "\x00\\") || len(name) > 4000 {
		t.refuse(h.Name, "the name leads out of the archive")
		return nil
	}
	if !u.want(name) {
		return nil
	}
	if _, twice := t.files[name]; twice || t.links[name] != "" {
		t.refuse(h.Name, "it is there twice: the first one counts")
		return nil
	}
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeGNUSparse:
		return u.keep(h, name, in)
	case tar.TypeSymlink:
		t.links[name] = h.Linkname
	case tar.TypeLink:
		// A hard link is another name of a member; its target is from the top.
		t.links[name] = "/" + path.Clean(h.Linkname)
	default:
		t.refuse(h.Name, "it is a device, a pipe or of an unknown type (%q)", h.Typeflag)
	}
	return nil
}

// keep writes a member to its file.
func (u *unpacking) keep(h *tar.Header, name string, in io.Reader) error {
	if h.Size < 0 || h.Size > u.lim.Keep-u.kept {
		return fmt.Errorf("%.200q: %w", h.Name, errBomb)
	}
	real := filepath.FromSlash(name)
	if err := u.tree.root.MkdirAll(filepath.Dir(real), 0o700); err != nil {
		u.tree.refuse(h.Name, "%v", err)
		return nil
	}
	f, err := u.tree.root.OpenFile(real, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		u.tree.refuse(h.Name, "%v", err)
		return nil
	}
	n, err := io.Copy(f, in)
	u.kept += n
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("%.200q: %w", h.Name, err)
	}
	u.tree.files[name] = h.FileInfo()
	return nil
}

var (
	magicXZ   = []byte{0xfd, '7', 'z', 'X', 'Z', 0}
	magicGzip = []byte{0x1f, 0x8b}
	magicZstd = []byte{0x28, 0xb5, 0x2f, 0xfd}
)

// decompress returns a reader of what a compressed stream holds; done releases it.
func decompress(in *bufio.Reader) (plain io.Reader, done func(), err error) {
	head, err := in.Peek(6)
	if err != nil && err != io.EOF {
		return nil, nil, err
	}
	switch {
	case bytes.HasPrefix(head, magicXZ):
		return openXZ(in)
	case bytes.HasPrefix(head, magicGzip):
		return openGzip(in)
	case bytes.HasPrefix(head, magicZstd):
		return openZstd(in)
	}
	return in, func() {}, nil
}
