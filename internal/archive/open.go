package archive

import (
	"context"
	"fmt"
	"os"
)

// Open opens a folder, or unpacks the wanted members of an archive into the folder that into
// returns, which must be empty and private. The archive is read once. want is asked with names that
// begin at the top of the archive.
func Open(ctx context.Context, path string, into func() (string, error), want func(name string) bool, lim Limits) (*Tree, error) {
	fi, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	switch {
	case fi.IsDir():
		return openFolder(ctx, path, want, lim)
	case !fi.Mode().IsRegular():
		return nil, fmt.Errorf("%s: %w", path, errRegular)
	}
	dir, err := into()
	if err != nil {
		return nil, err
	}
	return unpack(ctx, path, dir, want, lim)
}
