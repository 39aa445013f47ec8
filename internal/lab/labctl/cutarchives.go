package main

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab"
)

// cutArchive is an archive of the lab whose files are cut.
type cutArchive struct {
	kind, form string
	// collect returns the paths for --bundle, each a folder.
	collect func(ctx context.Context) ([]string, error)
	// files are those to cut; nil is all.
	files *regexp.Regexp
	// asNew is set where an archive has no entries: it is asked about new connections.
	asNew bool
}

func (a cutArchive) String() string { return strings.TrimSpace(a.kind + " " + a.form) }

// gatheredDatabases are the databases of a must-gather, when its packed folder is unpacked.
var gatheredDatabases = regexp.MustCompile(`_[ns]bdb$`)

// cutArchives returns all archives, which are collected below dir. Of a must-gather the packed
// folder of databases is cut, and then the databases in it: a copy may have ended early on its way
// there.
func cutArchives(l *lab.Lab, script, gathered, dir string) []cutArchive {
	gather := func(unpack bool, env ...string) func(ctx context.Context) ([]string, error) {
		return func(ctx context.Context) ([]string, error) {
			g := &gatherer{lab: l, script: gathered, dir: dir}
			if err := g.gather(ctx, "", append(env, "DATAPATH_TYPE=system")...); err != nil || !unpack {
				return []string{dir}, err
			}
			return []string{dir}, unpackStore(ctx, dir)
		}
	}
	return []cutArchive{
		{kind: "sosreport", collect: func(ctx context.Context) ([]string, error) {
			a := &archiver{lab: l, script: script, dir: dir}
			folders, err := a.collect(ctx, "")
			for i := range folders { // those that are packed are also there as they were
				folders[i] = strings.TrimSuffix(folders[i], ".tar.gz")
			}
			return folders, err
		}},
		{kind: "bundle", collect: func(ctx context.Context) ([]string, error) { return unpackedBundle(ctx, l, dir) }},
		{kind: "must-gather", collect: gather(false), asNew: true},
		{kind: "must-gather", form: "legacy", collect: gather(false, "LEGACY=1"), files: regexp.MustCompile(`leader_`), asNew: true},
		{kind: "must-gather", form: "unpacked", collect: gather(true), files: gatheredDatabases, asNew: true},
		{kind: "must-gather", form: "clustered", collect: gather(true, "CLUSTERED=1"), files: gatheredDatabases, asNew: true},
	}
}

// unpackedBundle collects a bundle, and returns its folders, those of the first zone's databases
// first.
func unpackedBundle(ctx context.Context, l *lab.Lab, dir string) ([]string, error) {
	if err := os.RemoveAll(dir); err != nil {
		return nil, err
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	b := &bundler{lab: l, tool: builtTool, file: filepath.Join(dir, "bundle.tar")}
	if _, err := b.collect(ctx, ""); err != nil {
		return nil, err
	}
	if _, err := lab.Command(ctx, nil, "", "tar", "-C", dir, "-xf", b.file); err != nil {
		return nil, err
	}
	manifests, err := filepath.Glob(filepath.Join(dir, "*", "*", "sos_reports"))
	var folders []string
	for _, m := range manifests {
		folders = append(folders, filepath.Dir(m))
	}
	return folders, err
}

// unpackStore unpacks the databases of a must-gather in their place.
func unpackStore(ctx context.Context, dir string) error {
	stores, err := filepath.Glob(filepath.Join(dir, "*", "network_logs", "*.tar.gz"))
	for _, s := range stores {
		if _, err := lab.Command(ctx, nil, "", "tar", "-C", filepath.Dir(s), "-xf", s); err != nil {
			return err
		}
		if err := os.Remove(s); err != nil {
			return err
		}
	}
	return err
}
