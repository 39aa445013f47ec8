package archive

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
)

// Nested unpacks the wanted members of an archive that is a file of the tree into dir, which must
// be empty and private. It is bounded as the outer one is. The caller closes it.
func (t *Tree) Nested(ctx context.Context, name, dir string, want func(name string) bool, lim Limits) (*Tree, error) {
	in, err := t.Open(name)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	return unpackFrom(ctx, t.From+": "+name, in, dir, want, lim)
}

// Expand writes what a compressed file of the tree holds (gzip, xz, zstd; or the file itself) into
// the folder dir, and returns the path. It takes at most lim.Keep bytes.
func (t *Tree) Expand(ctx context.Context, name, dir string, lim Limits) (string, error) {
	in, err := t.Open(name)
	if err != nil {
		return "", err
	}
	defer in.Close()
	plain, done, err := decompress(bufio.NewReaderSize(in, 256<<10))
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	defer done()
	to := filepath.Join(dir, path.Base(name))
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return "", err
	}
	_, err = io.Copy(out, &counted{in: plain, ctx: ctx, left: lim.Keep})
	if cerr := out.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return to, nil
}
