package node

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ctdpif"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ctnetlink"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/unixctl"
)

// chunkSize is the size of a chunk in bytes.
const chunkSize = 128 << 10

// sink hands over what is written to a file.
type sink struct {
	c     *collection
	file  string
	held  []byte
	lacks string
}

// Write implements io.Writer.
func (w *sink) Write(p []byte) (int, error) {
	if w.held = append(w.held, p...); len(w.held) < chunkSize {
		return len(p), nil
	}
	return len(p), w.flush(nil)
}

// flush hands over what is held; end is the file's, if it ends.
func (w *sink) flush(end *FileEnd) error {
	if w.c.bad == nil {
		w.c.bad = w.c.yield([]Chunk{{File: w.file, Data: slices.Clone(w.held), End: end}})
	}
	w.held = w.held[:0]
	return w.c.bad
}

// file hands over a file that write writes.
func (c *collection) file(name string, write func(w *sink) error) {
	if c.bad != nil {
		return
	}
	w := &sink{c: c, file: name}
	end := &FileEnd{}
	if err := write(w); err != nil && c.bad == nil {
		var unknown *unixctl.Error
		var refused *ctdpif.DaemonError
		end.Error = err.Error()
		end.Absent = errors.As(err, &unknown) && isNoCommand(unknown.Text) || errors.As(err, &refused) && isNoCommand(refused.Text)
	}
	end.Lacks = w.lacks
	_ = w.flush(end)
	c.out.Files++
}

// isNoCommand reports the answer of a daemon that lacks a command (process_command of
// lib/unixctl.c), or a datapath without it.
func isNoCommand(text string) bool {
	return strings.Contains(text, "is not a valid command") || strings.Contains(text, "Operation not supported")
}

// appctl hands over the answer of ovs-vswitchd to a command.
func (c *collection) appctl(ctx context.Context, method string, args ...string) {
	c.file(strings.Join(append([]string{"ovs-appctl", method}, args...), " "), func(w *sink) error {
		text, err := c.s.ctl.Call(ctx, method, args...)
		if err == nil {
			_, err = io.WriteString(w, text)
		}
		return err
	})
}

// stream writes the long answer of ovs-vswitchd to a command.
func (c *collection) stream(ctx context.Context, w io.Writer, method string, args ...string) error {
	in, err := (ctdpif.Socket{Path: c.s.ctl.Path}).Stream(ctx, method, args...)
	if err != nil {
		return err
	}
	defer in.Close()
	_, err = io.Copy(w, in)
	return err
}

// conf hands over Open vSwitch's database, and what only ovs-vsctl shows of interfaces: both are
// read at one moment.
func (c *collection) conf(ctx context.Context) {
	var list strings.Builder
	c.file(ConfFile, func(w *sink) error {
		db, err := ovn.DialOVS(ctx, ovsdb.Options{Remotes: c.s.opt.DB})
		if err != nil {
			return err
		}
		defer db.Close()
		sel := ovn.Portable(ovn.OpenVSwitch)
		sel.Row = func(table string, r *ovsdb.Row) error {
			if table == "Interface" {
				writeInterface(&list, r)
			}
			return r.Err()
		}
		_, err = db.Extract(ctx, sel, w, &memory{})
		return err
	})
	c.file("ovs-vsctl -t 5 list interface", func(w *sink) error {
		_, err := io.WriteString(w, list.String())
		return err
	})
}

// writeInterface writes a row as ovs-vsctl list does.
func writeInterface(w io.Writer, r *ovsdb.Row) {
	port := "[]"
	if n := r.Int("ofport"); n != 0 {
		port = fmt.Sprint(n)
	}
	var status []string
	bfd := r.Map("bfd_status")
	for _, k := range slices.Sorted(maps.Keys(bfd)) {
		status = append(status, fmt.Sprintf("%s=%q", k, bfd[k]))
	}
	fmt.Fprintf(w, "_uuid               : %s\nbfd_status          : {%s}\nmac_in_use          : %q\nname                : %q\nofport              : %s\n\n",
		r.UUID(), strings.Join(status, ", "), r.Str("mac_in_use"), r.Str("name"), port)
}

// maxConf is the largest database of a host that is read, in bytes.
const maxConf = 256 << 20

// memory is a file in memory.
type memory struct {
	bytes.Buffer
}

// Write adds to its end.
func (m *memory) Write(p []byte) (int, error) {
	if m.Len()+len(p) > maxConf {
		return 0, fmt.Errorf("the database has more than %d bytes", maxConf)
	}
	return m.Buffer.Write(p)
}

// Seek goes to the beginning: no other place is asked for.
func (m *memory) Seek(int64, int) (int64, error) { return 0, nil }

// versions are those of OpenFlow that ovs-ofctl may speak; it takes the newest that the bridge has.
const versions = "OpenFlow10,OpenFlow13,OpenFlow14,OpenFlow15"

// flows hands over what a bridge does to packets.
func (c *collection) flows(ctx context.Context, br string) {
	c.file(FlowsFile(br), func(w *sink) error { return c.ofctl(ctx, w, "dump-flows", br) })
	c.refs(ctx, br)
	c.appctl(ctx, "fdb/show", br)
}

// The commands of ovs-ofctl that dump what flows may refer to.
const (
	DumpGroups = "dump-groups"
	DumpMeters = "dump-meters"
	DumpTLVs   = "dump-tlv-map"
)

// refs hands over what a bridge's flows may refer to.
func (c *collection) refs(ctx context.Context, br string) {
	for _, command := range []string{DumpGroups, DumpMeters, DumpTLVs} {
		c.file(BridgeFile(command, br), func(w *sink) error { return c.ofctl(ctx, w, command, br) })
	}
}

// flowCount returns the number of a bridge's flows; -1 if it is unknown.
func (c *collection) flowCount(ctx context.Context, br string) int64 {
	n, err := c.count(ctx, br)
	if err != nil {
		return -1
	}
	return n
}

// programTime bounds one run of ovs-ofctl, beside the request's own deadline.
const programTime = 2 * time.Minute

// ofctl runs a command of ovs-ofctl that reads a bridge, of the flows with a match where one is
// given.
func (c *collection) ofctl(ctx context.Context, w io.Writer, command, br string, match ...string) error {
	if !filepath.IsLocal(br) || filepath.Base(br) != br {
		return fmt.Errorf("%q is no name of a bridge", br)
	}
	program, err := findProgram("ovs-ofctl")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, programTime)
	defer cancel()
	words := append([]string{"-O", versions, command, "unix:" + filepath.Join(c.s.opt.RunDir, br+".mgmt")}, match...)
	cmd := exec.CommandContext(ctx, program, words...)
	var said tail
	cmd.Stdout, cmd.Stderr = w, &said
	cmd.Env = append(os.Environ(), "OVS_RUNDIR="+c.s.opt.RunDir)
	cmd.WaitDelay = waitDelay
	if err := cmd.Run(); err != nil {
		if s := said.last(); s != "" && ctx.Err() == nil {
			return errors.New(s)
		}
		return fmt.Errorf("ovs-ofctl: %w", err)
	}
	return nil
}

// findProgram finds a program in PATH, or where Open vSwitch is installed.
func findProgram(name string) (string, error) {
	path, err := exec.LookPath(name)
	for _, dir := range []string{"/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin"} {
		if err != nil {
			if found, ferr := exec.LookPath(filepath.Join(dir, name)); ferr == nil {
				return found, nil
			}
		}
	}
	return path, err
}

// everyEntry selects the entries of all zones.
var everyEntry = ctnetlink.Filter{}

// writeEntries writes entries as EntriesFile has them.
func writeEntries(w *sink, all iter.Seq2[ctstate.Entry, error]) error {
	for e, err := range all {
		if errors.Is(err, ctnetlink.ErrInterrupted) {
			w.lacks = err.Error()
			return nil
		}
		if err != nil {
			return err
		}
		if err := w.line(e.Zone, &e); err != nil {
			return err
		}
	}
	return nil
}

// line writes a zone, and something of it as JSON.
func (w *sink) line(zone uint16, of any) error {
	text, err := json.Marshal(of)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%d %s\n", zone, text)
	return err
}

// kernel hands over the kernel's release and, where a datapath is the kernel's, its settings.
func (c *collection) kernel(ctx context.Context) {
	c.file("uname -a", func(w *sink) error {
		_, err := fmt.Fprintf(w, "Linux %s %s\n", firstWord(c.info.Hostname), kernelRelease())
		return err
	})
	if !slices.ContainsFunc(c.datapaths(), func(dp string) bool { return strings.HasPrefix(dp, "system@") }) {
		return
	}
	c.file("sysctl -a", func(w *sink) error {
		c.s.mu.Lock()
		t, err := c.s.kernelTable(ctx)
		c.s.mu.Unlock()
		if err != nil {
			return err
		}
		all, err := t.Sysctls()
		if err != nil {
			return err
		}
		for _, name := range slices.Sorted(maps.Keys(all)) {
			fmt.Fprintf(w, "%s = %s\n", name, all[name])
		}
		return nil
	})
}

// firstWord returns a name as one word.
func firstWord(s string) string {
	if f := strings.Fields(s); len(f) > 0 {
		return f[0]
	}
	return "(none)"
}
