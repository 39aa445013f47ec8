// Package offline makes a deployment that can be traced from what was collected of one: archives
// are read by the readers that know their shape, and rebuilt in a private room.
package offline

import (
	"context"
	"fmt"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/archive"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/failure"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/mustgather"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/rebuild"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/sosreport"
)

// shape is how an archive is recognised.
type shape interface {
	// Looks says by what the shape is recognised, and what archives have it.
	Looks() string
	// Wants reports whether a member with this name may be read. It is asked before the shape is
	// known, for an archive is read once.
	Wants(name string) bool
	// Detect returns the folders of a tree that have the shape, "." for its top.
	Detect(t *archive.Tree) []string
}

// Reader knows one shape of archive that is of one host.
type Reader interface {
	shape
	// Read reads one folder, which is the top of the tree.
	Read(t *archive.Tree) (*rebuild.Host, error)
}

// clusterReader knows a shape that is of a whole cluster.
type clusterReader interface {
	shape
	// Read reads one folder, and unpacks what it needs into folders that it asks for.
	Read(ctx context.Context, t *archive.Tree, folder func() (string, error)) ([]*rebuild.Host, error)
}

// readers are all known shapes, each a Reader or a clusterReader.
var readers = []shape{sosreport.Reader{}, mustgather.Reader{}}

// ShapeError reports a path that no reader knows.
type ShapeError struct{ Path string }

func (e *ShapeError) Error() string {
	var looked []string
	for _, r := range readers {
		looked = append(looked, r.Looks())
	}
	return fmt.Sprintf("%s is no archive of a deployment: it has neither %s", e.Path, strings.Join(looked, ", nor "))
}

// Failure is wrong input.
func (e *ShapeError) Failure() (failure.Kind, string) {
	return failure.Input, "give the folder or archive of one host as it was collected; several: repeat --bundle"
}

// Wants reports whether any reader wants a member.
func Wants(name string) bool {
	for _, r := range readers {
		if r.Wants(name) {
			return true
		}
	}
	return false
}

// Read returns the hosts that a path holds, and its files, which the caller closes. folder makes an
// empty private folder for what is unpacked, which must stay until then. A path that no reader
// knows is a ShapeError.
func Read(ctx context.Context, path string, folder func() (string, error)) ([]*rebuild.Host, *archive.Tree, error) {
	tree, err := archive.Open(ctx, path, folder, Wants, archive.DefaultLimits)
	if err != nil {
		return nil, nil, err
	}
	var hosts []*rebuild.Host
	for _, r := range readers {
		for _, name := range r.Detect(tree) {
			found, err := readFolder(ctx, r, folder, tree.At(name))
			if err != nil {
				tree.Close()
				return nil, nil, err
			}
			hosts = append(hosts, found...)
		}
	}
	if len(hosts) == 0 {
		tree.Close()
		return nil, nil, &ShapeError{path}
	}
	return hosts, tree, nil
}

// readFolder reads a folder that has a shape.
func readFolder(ctx context.Context, r shape, folder func() (string, error), t *archive.Tree) ([]*rebuild.Host, error) {
	switch r := r.(type) {
	case Reader:
		h, err := r.Read(t)
		return []*rebuild.Host{h}, err
	case clusterReader:
		return r.Read(ctx, t, folder)
	}
	panic("a shape that cannot be read")
}
