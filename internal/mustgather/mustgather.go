// Package mustgather finds in an OpenShift must-gather the databases of OVN's zones, and what
// Kubernetes calls their nodes. It is made by https://github.com/openshift/must-gather, whose
// collection-scripts/gather_network_logs_basics says what is collected, and under which names.
package mustgather

import (
	"context"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/archive"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/rebuild"
)

// Reader reads must-gathers.
type Reader struct{}

// Looks returns how a must-gather is recognised.
func (Reader) Looks() string {
	return "databases named POD_nbdb and POD_sbdb, in ovnk_database_store.tar.gz or beside it, or leader_nbdb.gz and leader_sbdb.gz (must-gather)"
}

// The endings of the names of databases.
const (
	north = "_nbdb"
	south = "_sbdb"
)

// store is the name, without its ending, of the packed folder of databases.
const store = "ovnk_database_store"

// packed are the endings of packed files.
var packed = []string{".gz", ".xz", ".zst"}

// database returns the zone and the kind (north, south) of a database by its file's name:
// "POD_nbdb" or "leader_nbdb.gz".
func database(name string) (zone, kind string, ok bool) {
	base := path.Base(name)
	for _, p := range packed {
		base = strings.TrimSuffix(base, p)
	}
	for _, kind := range []string{north, south} {
		if zone, ok := strings.CutSuffix(base, kind); ok && zone != "" {
			return zone, kind, true
		}
	}
	return "", "", false
}

// isStore reports whether a name is that of the packed folder of databases.
func isStore(name string) bool {
	rest, ok := strings.CutPrefix(path.Base(name), store)
	return ok && (strings.HasPrefix(rest, ".tar") || rest == ".tgz")
}

// Wants reports whether a member may be read.
func (Reader) Wants(name string) bool {
	_, _, ok := database(name)
	return ok || isStore(name) || isObject(name) || isClock(name)
}

// Detect returns the top of the tree if it has a database: a must-gather is one cluster.
func (Reader) Detect(t *archive.Tree) []string {
	for _, name := range t.Names() {
		if _, _, ok := database(name); ok || isStore(name) {
			return []string{"."}
		}
	}
	return nil
}

// maxZones bounds the zones of a must-gather: the nodes of a cluster.
const maxZones = 5000

// reader is one run of Read.
type reader struct {
	ctx    context.Context
	tree   *archive.Tree
	folder func() (string, error)
	from   string
	notes  []string
	zones  map[string]*zone
}

// zone is the two databases of a zone.
type zone struct{ nb, sb *rebuild.Part }

// Read reads a must-gather and returns its zones, by name. folder makes a folder for what is
// unpacked.
func (Reader) Read(ctx context.Context, t *archive.Tree, folder func() (string, error)) ([]*rebuild.Host, error) {
	r := &reader{ctx: ctx, tree: t, folder: folder, from: t.From, notes: slices.Clone(t.Refused), zones: map[string]*zone{}}
	if err := r.databases(t, true); err != nil {
		return nil, err
	}
	objects := r.objects()
	began, ended := r.clock()
	var names []string
	for name := range r.zones {
		names = append(names, name)
	}
	slices.Sort(names)
	var out []*rebuild.Host
	for i, name := range names {
		z := r.zones[name]
		h := &rebuild.Host{From: r.from, Hostname: objects.node(name), Whole: true, NB: z.nb, SB: z.sb, Began: began, Ended: ended}
		if z.nb == nil {
			h.NB = &rebuild.Part{Name: name + north, Missing: "the must-gather has no " + name + north}
		}
		if z.sb == nil {
			h.SB = &rebuild.Part{Name: name + south, Missing: "the must-gather has no " + name + south}
		}
		if i == 0 {
			h.Notes = append(r.notes, objects.lacking(names)...)
		}
		for _, p := range []*rebuild.Part{h.NB, h.SB} {
			if why := p.Lacks(); why != "" {
				h.Notes = append(h.Notes, h.Hostname+": a database cannot be used: "+why)
			}
		}
		out = append(out, h)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s is a must-gather without a database of OVN: its %s is empty", r.from, store)
	}
	return out, nil
}

// databases adds the databases of a tree, and of the packed folder in it.
func (r *reader) databases(t *archive.Tree, outer bool) error {
	for _, name := range t.Names() {
		if isStore(name) && outer {
			if err := r.nested(name); err != nil {
				return err
			}
			continue
		}
		zoneName, kind, ok := database(name)
		if !ok {
			continue
		}
		z := r.zones[zoneName]
		if z == nil {
			if len(r.zones) >= maxZones {
				return fmt.Errorf("%s has databases of more than %d zones", r.from, maxZones)
			}
			z = &zone{}
			r.zones[zoneName] = z
		}
		to := &z.nb
		if kind == south {
			to = &z.sb
		}
		if *to != nil {
			r.notes = append(r.notes, fmt.Sprintf("%.200q: it is there twice: the first one counts", name))
			continue
		}
		*to = r.part(t, name)
	}
	return nil
}

// nested adds the databases of a packed folder.
func (r *reader) nested(name string) error {
	dir, err := r.folder()
	if err != nil {
		return err
	}
	t, err := r.tree.Nested(r.ctx, name, dir, func(name string) bool { _, _, ok := database(name); return ok }, archive.DefaultLimits)
	if err != nil {
		return err
	}
	defer t.Close() // what was unpacked stays
	r.notes = append(r.notes, t.Refused...)
	return r.databases(t, false)
}

// part returns a database's file, unpacked.
func (r *reader) part(t *archive.Tree, name string) *rebuild.Part {
	missing := func(err error) *rebuild.Part {
		return &rebuild.Part{Name: name, Missing: fmt.Sprintf("%s: %v", name, err)}
	}
	file, err := t.Path(name)
	if err != nil {
		return missing(err)
	}
	if slices.Contains(packed, path.Ext(name)) {
		dir, err := r.folder()
		if err != nil {
			return missing(err)
		}
		expanded, err := t.Expand(r.ctx, name, dir, archive.DefaultLimits)
		if err != nil {
			_ = os.RemoveAll(dir)
			return missing(err)
		}
		file = expanded
	}
	p := rebuild.FilePart(file)
	p.Name = name
	p.Cut, _ = rebuild.TornDatabase(p)
	return p
}
