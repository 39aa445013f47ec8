package bundle

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/sosreport"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// atOnce is the number of hosts that are collected at the same time.
const atOnce = 4

// maxFiles is the largest number of files of a part: a node may be broken.
const maxFiles = 64

// collected is a file of a host.
type collected struct {
	exec         string // the command; empty for a copied file
	path         string
	began, ended time.Time
	failed       bool
	lacks        string
	size         int64 // in bytes
}

// collection is one run of Collect.
type collection struct {
	plan *Plan
	to   *Archive
	opt  Options

	mu   sync.Mutex
	used int64 // bytes
}

// errFull reports a part that does not fit into Options.MaxBytes.
var errFull = errors.New("left out: it does not fit into --max-size")

// Collect collects what was planned into an archive, which the caller closes. What fails is in the
// plan's report; an error is one of the archive, or of ctx.
func Collect(ctx context.Context, p *Plan, to *Archive, opt Options) error {
	c := &collection{plan: p, to: to, opt: opt}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for _, h := range p.hosts {
		g.Go(func() error { return c.host(gctx, h) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	p.Report.Bytes = c.used
	text, err := json.MarshalIndent(p.Report, "", "  ")
	if err != nil {
		return err
	}
	return c.text("", "manifest.json", string(text)+"\n")
}

// Complete reports whether everything that was planned was collected.
func (p *Plan) Complete() bool {
	for _, h := range p.Report.Hosts {
		if slices.ContainsFunc(h.Parts, func(x report.BundlePart) bool { return x.Error != "" }) {
			return false
		}
	}
	return len(p.Report.Failed) == 0
}

// host collects one folder.
func (c *collection) host(ctx context.Context, h *host) error {
	h.started = time.Now()
	for i := range h.out.Parts {
		part := &h.out.Parts[i]
		c.opt.Say("collecting " + h.out.Hostname + ": " + part.Name + behind(part.Of))
		var err error
		if h.node != nil {
			err = c.part(ctx, h, part)
		} else {
			err = c.database(ctx, h, part)
		}
		var broken *archiveError
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.As(err, &broken):
			return broken.err
		case err != nil:
			part.Error = err.Error()
		}
	}
	if err := c.text(h.out.Folder, "hostname", h.out.Hostname+"\n"); err != nil {
		return err
	}
	// A folder is recognised by what it has below sos_commands.
	if err := c.text(h.out.Folder, "sos_commands/date/date", h.started.UTC().Format(time.UnixDate)+"\n"); err != nil {
		return err
	}
	text, err := h.manifest()
	if err != nil {
		return err
	}
	return c.text(h.out.Folder, "sos_reports/manifest.json", text)
}

func behind(of string) string {
	if of == "" {
		return ""
	}
	return " of " + of
}

// archiveError is an error of the archive, which ends the run.
type archiveError struct{ err error }

func (e *archiveError) Error() string { return e.err.Error() }

// text adds a small file of ours.
func (c *collection) text(folder, name, text string) error {
	return c.to.Add(folder, name, int64(len(text)), time.Now(), strings.NewReader(text))
}

// database collects a zone's database.
func (c *collection) database(ctx context.Context, h *host, part *report.BundlePart) error {
	db, file := h.db[part.Name], map[string]string{PartSB: "ovnsb_db.db", PartNB: "ovnnb_db.db"}[part.Name]
	f := collected{path: "var/lib/ovn/" + file, began: time.Now()}
	out, err := spool()
	if err != nil {
		return err
	}
	defer out.Close()
	body, err := spool()
	if err != nil {
		return err
	}
	defer body.Close()
	rows, err := db.Extract(ctx, ovn.Portable(db.Name()), &limited{out, c.left()}, body)
	if err != nil {
		if errors.Is(err, errFull) {
			return errFull
		}
		return err
	}
	part.Items = int64(rows)
	f.ended = time.Now()
	return c.add(h, part, f, out)
}

// limited writes up to a number of bytes; negative is any.
type limited struct {
	io.Writer
	left int64
}

func (l *limited) Write(p []byte) (int, error) {
	if l.left >= 0 {
		if l.left -= int64(len(p)); l.left < 0 {
			l.left = 0
			return 0, errFull
		}
	}
	return l.Writer.Write(p)
}

// left returns how many bytes may still be added; negative is any number.
func (c *collection) left() int64 {
	if c.opt.MaxBytes <= 0 {
		return -1
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return max(0, c.opt.MaxBytes-c.used)
}

// add adds a spooled file to the archive.
func (c *collection) add(h *host, part *report.BundlePart, f collected, from *os.File) error {
	size, err := from.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = from.Seek(0, io.SeekStart)
	}
	if err != nil {
		return err
	}
	c.mu.Lock()
	if c.opt.MaxBytes > 0 && c.used+size > c.opt.MaxBytes {
		c.mu.Unlock()
		return errFull
	}
	c.used += size
	c.mu.Unlock()
	if err := c.to.Add(h.out.Folder, f.path, size, f.began, from); err != nil {
		return &archiveError{err}
	}
	part.Bytes += size
	f.size = size
	h.files = append(h.files, f)
	return nil
}

// part collects a part of a chassis.
func (c *collection) part(ctx context.Context, h *host, part *report.BundlePart) error {
	p := &partFiles{c: c, h: h, part: part}
	defer p.drop()
	_, err := h.node.Collect(ctx, node.CollectRequest{Part: node.Part{Name: part.Name, Of: part.Of}, MaxDump: c.opt.MaxDump}, p.take)
	switch {
	case p.err != nil:
		return p.err
	case err != nil:
		return err
	case p.out != nil:
		return fmt.Errorf("%s has no end", p.file.exec)
	case len(p.failed) > 0:
		return errors.New(strings.Join(p.failed, "; "))
	}
	return nil
}

// partFiles receives the files of a part.
type partFiles struct {
	c      *collection
	h      *host
	part   *report.BundlePart
	n      int
	file   collected
	out    *os.File // of the file that has begun
	write  *limited
	failed []string
	err    error // it ends the part
}

// take takes chunks.
func (p *partFiles) take(chunks []node.Chunk) error {
	for _, ch := range chunks {
		if p.err = p.chunk(ch); p.err != nil {
			return p.err
		}
	}
	return nil
}

func (p *partFiles) chunk(ch node.Chunk) (err error) {
	if p.out == nil {
		if p.n++; p.n > maxFiles {
			return fmt.Errorf("the node sends more than %d files", maxFiles)
		}
		p.file = collected{began: time.Now(), exec: ch.File}
		if p.file.path = pathOf(ch.File); p.file.path == "" {
			return fmt.Errorf("the node sends a file that was not asked for: %.80q", ch.File)
		}
		if ch.File == node.ConfFile {
			p.file.exec = ""
		}
		if p.out, err = spool(); err != nil {
			return err
		}
		p.write = &limited{p.out, p.c.left()}
	}
	if _, err := p.write.Write(ch.Data); err != nil {
		return err
	}
	if ch.End == nil {
		return nil
	}
	defer p.drop()
	return p.end(ch.End)
}

// end adds the file that has ended.
func (p *partFiles) end(end *node.FileEnd) error {
	f := p.file
	f.ended, f.lacks = time.Now(), end.Lacks
	if end.Lacks != "" {
		p.part.Lacks = end.Lacks
	}
	switch {
	case end.Absent:
		return nil // as sosreport has no output of a command that is not there
	case end.Error != "":
		what := f.exec
		if what == "" {
			what = path.Base(f.path)
		}
		p.failed = append(p.failed, what+": "+end.Error)
		if f.exec == "" {
			return nil
		}
		// What was read before the error would look like all.
		f.failed = true
		program, _, _ := strings.Cut(f.exec, " ")
		if err := p.out.Truncate(0); err != nil {
			return err
		}
		if _, err := p.out.WriteAt([]byte(program+": "+end.Error+"\n"), 0); err != nil {
			return err
		}
	}
	return p.c.add(p.h, p.part, f, p.out)
}

func (p *partFiles) drop() {
	if p.out != nil {
		_ = p.out.Close()
		p.out = nil
	}
}

// pathOf returns where a file of a node is in the archive; empty for one that is not asked for.
func pathOf(file string) string {
	program, _, _ := strings.Cut(file, " ")
	plugin := map[string]string{"ovs-vsctl": "openvswitch", "ovs-appctl": "openvswitch", "ovs-ofctl": "openvswitch", "uname": "kernel", "sysctl": "kernel",
		"entries": sosreport.OwnPlugin, "expected": sosreport.OwnPlugin, "limits": sosreport.OwnPlugin}[program]
	switch {
	case file == node.ConfFile:
		return "etc/openvswitch/conf.db"
	case plugin == "":
		return ""
	}
	return "sos_commands/" + plugin + "/" + sosreport.Mangle(file)
}

// manifest returns the host's manifest: that of sosreport, and what sosreport does not have.
func (h *host) manifest() (string, error) {
	plugins := map[string]map[string][]any{}
	own := &sosreport.Own{Chassis: h.out.Chassis, ClockMS: h.out.ClockMS, NotCollected: h.absent, Sizes: map[string]int64{}}
	if h.info != nil {
		own.OVS, own.OVN, own.Kernel = h.info.OVSVersion, h.info.OVNVersion, h.info.Kernel
	}
	for _, f := range h.failed {
		if own.Failed == nil {
			own.Failed = map[string]string{}
		}
		own.Failed[f.Chassis] = f.Error
	}
	for _, f := range h.files {
		own.Sizes[f.path] = f.size
		if f.lacks != "" {
			if own.Lacks == nil {
				own.Lacks = map[string]string{}
			}
			own.Lacks[f.path] = f.lacks
		}
		if f.exec == "" {
			continue
		}
		plugin := path.Base(path.Dir(f.path))
		if plugins[plugin] == nil {
			plugins[plugin] = map[string][]any{}
		}
		status := 0
		if f.failed {
			status = 1
		}
		plugins[plugin]["commands"] = append(plugins[plugin]["commands"], map[string]any{
			"exec": f.exec, "filepath": f.path, "truncated": false, "return_code": status, "start_time": seconds(f.began), "end_time": seconds(f.ended),
		})
	}
	text, err := json.MarshalIndent(map[string]any{
		"version": node.Version(), "cmdline": "ovn-ct-trace bundle",
		"components":     map[string]any{"report": map[string]any{"plugins": plugins}},
		sosreport.OwnKey: own,
	}, "", "  ")
	return string(text) + "\n", err
}

func seconds(t time.Time) float64 { return float64(t.UnixMicro()) / 1e6 }
