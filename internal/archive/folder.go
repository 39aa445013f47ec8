package archive

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Limits bound what is read of an archive.
type Limits struct {
	Members int   // members or files
	Read    int64 // bytes after decompression
	Keep    int64 // bytes of the files that are taken
}

// DefaultLimits are wide for a report of a large host, and stop a bomb.
var DefaultLimits = Limits{Members: 4_000_000, Read: 256 << 30, Keep: 8 << 30}

// openFolder returns the tree of a folder. Nothing is copied.
func openFolder(ctx context.Context, dir string, want func(name string) bool, lim Limits) (*Tree, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	t := &Tree{From: dir, root: root, dir: dir, files: map[string]fs.FileInfo{}, links: map[string]string{}}
	n := 0
	err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			t.refuse(name, "%v", err)
			if d != nil && d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if n++; n > lim.Members {
			return fmt.Errorf("%s has more than %d files", dir, lim.Members)
		}
		if d.IsDir() || !want(name) {
			return nil
		}
		switch {
		case d.Type()&fs.ModeSymlink != 0:
			target, err := root.Readlink(filepath.FromSlash(name))
			if err != nil {
				t.refuse(name, "%v", err)
				return nil
			}
			t.links[name] = filepath.ToSlash(target)
		case d.Type().IsRegular():
			fi, err := d.Info()
			if err != nil {
				t.refuse(name, "%v", err)
				return nil
			}
			t.files[name] = fi
		default:
			t.refuse(name, "%v", errRegular)
		}
		return nil
	})
	if err != nil {
		root.Close()
		return nil, err
	}
	return t, nil
}
