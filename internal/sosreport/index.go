package sosreport

import (
	"encoding/json"
	"io"
	"path"
	"regexp"
	"strings"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/archive"
)

// command is what is known of one collected command.
type command struct {
	file      string
	listed    bool // in the manifest, with what follows
	status    int
	truncated bool
	began     time.Time
	ended     time.Time
}

// index finds collected commands by their text.
type index struct {
	tree *archive.Tree
	exec map[string]command // of the manifest
	base map[string][]string
	own  *Own // nil: sos has made it
}

// maxManifest is the largest manifest that is read, in bytes.
const maxManifest = 64 << 20

// newIndex reads the manifest, if there is one, and the names of all files.
func newIndex(t *archive.Tree) *index {
	x := &index{tree: t, exec: map[string]command{}, base: map[string][]string{}}
	for _, n := range t.Names() {
		if rest, ok := strings.CutPrefix(n, "sos_commands/"); ok {
			x.base[path.Base(rest)] = append(x.base[path.Base(rest)], n)
		}
	}
	f, err := t.Open("sos_reports/manifest.json")
	if err != nil {
		return x
	}
	defer f.Close()
	var m struct {
		Components struct {
			Report struct {
				Plugins map[string]struct {
					Commands []struct {
						Exec      string  `json:"exec"`
						Filepath  string  `json:"filepath"`
						Truncated bool    `json:"truncated"`
						Status    int     `json:"return_code"`
						Start     float64 `json:"start_time"`
						End       float64 `json:"end_time"`
					} `json:"commands"`
				} `json:"plugins"`
			} `json:"report"`
		} `json:"components"`
		Own *Own `json:"ovn_ct_trace"`
	}
	if err := json.NewDecoder(io.LimitReader(f, maxManifest)).Decode(&m); err != nil {
		return x // a broken manifest is none: the names of the files remain
	}
	x.own = m.Own
	for _, p := range m.Components.Report.Plugins {
		for _, c := range p.Commands {
			if c.Filepath == "" {
				continue
			}
			x.exec[plain(c.Exec)] = command{file: path.Clean(c.Filepath), listed: true, status: c.Status, truncated: c.Truncated,
				began: clock(c.Start), ended: clock(c.End)}
		}
	}
	return x
}

func clock(seconds float64) time.Time {
	if seconds <= 0 || seconds > 1e11 {
		return time.Time{}
	}
	return time.UnixMicro(int64(seconds * 1e6))
}

// plain returns a command without the folder of its program.
func plain(exec string) string {
	program, args, _ := strings.Cut(strings.TrimSpace(exec), " ")
	if strings.HasPrefix(program, "/") {
		program = path.Base(program)
	}
	return strings.TrimSpace(program + " " + strings.Join(strings.Fields(args), " "))
}

var (
	mangled = regexp.MustCompile(`[^\w\-./]+`)
	bin     = regexp.MustCompile(`^/(usr/|)(bin|sbin)/`)
)

// nameMax is the longest file name that sos makes (NAME_MAX).
const nameMax = 255

// Mangle returns the file name that sos makes of a command (_mangle_command of sos/report/plugins).
func Mangle(cmd string) string {
	s := bin.ReplaceAllString(cmd, "")
	s = mangled.ReplaceAllString(s, "_")
	s = strings.Trim(strings.ReplaceAll(s, "/", "."), " ._-")
	return s[:min(len(s), nameMax)]
}

// find returns a command's file. ok is false if the archive has none, or only names it in the
// manifest.
func (x *index) find(cmd string) (c command, ok bool) {
	c = x.exec[plain(cmd)]
	if c.listed {
		if x.tree.Has(c.file) {
			return c, true
		}
		// sos moves a cut file to sos_strings, and leaves a link.
		if f := strings.TrimSuffix(strings.Replace(c.file, "sos_strings/", "sos_commands/", 1), ".tailed"); x.tree.Has(f) {
			c.file = f
			return c, true
		}
	}
	for _, f := range x.base[Mangle(cmd)] {
		if x.tree.Has(f) {
			c.file = f
			return c, true
		}
	}
	return c, false
}

// others returns the outputs of a command under other names than find's: those of other plugins.
func (x *index) others(cmd string) []command {
	own, _ := x.find(cmd)
	var out []command
	for _, f := range x.base[Mangle(cmd)] {
		if f != own.file && x.tree.Has(f) {
			out = append(out, command{file: f})
		}
	}
	return out
}

// ran reports whether the manifest has a file as the output of a command that has succeeded.
func (x *index) ran(file string) bool {
	for _, c := range x.exec {
		if c.file == file {
			return c.status == 0 && !c.truncated
		}
	}
	return false
}

// ended returns when the last command of the manifest ended; zero if it does not say.
func (x *index) ended() (at time.Time) {
	for _, c := range x.exec {
		if c.ended.After(at) {
			at = c.ended
		}
	}
	return at
}
