package replica

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/rebuild"
)

// TakeFlows gives the copy of a chassis the flows that the chassis has beside those of its
// ovn-controller: those that its ovs-vswitchd has learned by OVN's actions, and those of its provider
// bridges. The node is only read. A packet that comes to flows that are not known ends as unknown,
// with the reason; notes have these reasons.
func (r *Replica) TakeFlows(ctx context.Context, name string, info *node.Info, n node.Node) (notes []string, err error) {
	r.mu.Lock()
	c := r.chassis[name]
	r.mu.Unlock()
	if c == nil {
		return nil, fmt.Errorf("chassis %s is not copied", name)
	}
	t := &taking{room: r.room, c: c, info: info}
	if t.dir, err = r.room.Folder(name + "-flows"); err != nil {
		return nil, err
	}
	t.node, _ = n.(node.FlowReader)
	err = t.learned(ctx)
	for _, bridge := range slices.Compact(slices.Sorted(maps.Values(info.BridgeMappings))) {
		if err == nil && bridge != c.bridge {
			err = t.provider(ctx, bridge)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("the flows of chassis %s: %w", name, err)
	}
	return t.notes, os.RemoveAll(t.dir)
}

// taking is one run of TakeFlows.
type taking struct {
	room  *rebuild.Room
	c     *chassis
	info  *node.Info
	node  node.FlowReader // nil: the node cannot be asked
	dir   string          // of the files that the node hands over
	notes []string
}

// note adds what is not known.
func (t *taking) note(format string, args ...any) {
	t.notes = append(t.notes, t.c.name+": "+fmt.Sprintf(format, args...))
}

// maxBytes bounds what a node hands over for one request.
const maxBytes = 256 << 20

// errOlderNode is why flows are not known.
var errOlderNode = errors.New("the tool there is too old to be asked for flows")

// ask asks the node for flows, and returns the files by name. The error says why there are none:
// it is of the node, and no end of the run.
func (t *taking) ask(ctx context.Context, req node.FlowsRequest) (map[string]*rebuild.Part, error) {
	if t.node == nil {
		return nil, errOlderNode
	}
	w := &files{dir: t.dir, left: maxBytes, out: map[string]*rebuild.Part{}}
	_, err := t.node.Flows(ctx, req, w.take)
	w.drop()
	if errors.Is(err, errors.ErrUnsupported) {
		err = errOlderNode
	}
	return w.out, err
}

// files receives the files of a node.
type files struct {
	dir  string
	left int64 // bytes that may still come
	out  map[string]*rebuild.Part
	f    *os.File // of the file that has begun
}

// take takes chunks.
func (w *files) take(chunks []node.Chunk) error {
	for _, c := range chunks {
		if w.left -= int64(len(c.Data)); w.left < 0 {
			return fmt.Errorf("the node hands over more than %d bytes", maxBytes)
		}
		var err error
		if w.f == nil {
			w.f, err = os.CreateTemp(w.dir, "dump-")
		}
		if err == nil {
			_, err = w.f.Write(c.Data)
		}
		if err != nil {
			return err
		}
		if c.End == nil {
			continue
		}
		p := rebuild.FilePart(w.f.Name())
		p.Name, p.Missing, p.Cut = c.File, c.End.Error, c.End.Lacks
		if err := w.drop(); err != nil {
			return err
		}
		w.out[c.File] = p
	}
	return nil
}

// drop closes a file.
func (w *files) drop() error {
	if w.f == nil {
		return nil
	}
	f := w.f
	w.f = nil
	return f.Close()
}

// part returns a file; one that is not there says so.
func part(files map[string]*rebuild.Part, name string) *rebuild.Part {
	if p := files[name]; p != nil {
		return p
	}
	return &rebuild.Part{Name: name, Missing: "the node has not handed it over"}
}
