package probe

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab"
)

// Recording is a capture of a session's packets by tcpdump, which the tool then reads.
type Recording struct {
	Interface string   // in the client's namespace: "e0", or "any" for a Linux cooked capture
	At        string   // the port where it is made instead: the server's
	Args      []string // further flags of the tool
	NB        []string // changes between the capture and the tool's run
	// Differs is the label of the packet at which the capture and the prediction then differ, with a
	// part of the reason; empty: they agree. Numbers of frames are no such part: a guest may send others.
	Differs, Says string
	// Tunnel says that the first packet passes a tunnel of its chassis, where it is captured too.
	Tunnel bool
}

// recorded are running captures, and their files.
type recorded struct {
	dir  string
	cmds []*exec.Cmd
}

// record starts the captures of a session from a client.
func (r *Runner) record(ctx context.Context, client string, c Recording) (*recorded, error) {
	dir, err := os.MkdirTemp("", "ctlab-pcap")
	if err != nil {
		return nil, err
	}
	rec := &recorded{dir: dir}
	if err := rec.start(ctx, "port.pcap", "ip", "netns", "exec", cmp.Or(c.At, client), "tcpdump", "-i", c.Interface); err != nil {
		return rec, err
	}
	if c.Tunnel {
		v, err := r.Lab.Topo.VIF(client)
		if err != nil {
			return rec, err
		}
		return rec, rec.start(ctx, "tunnel.pcap", "tcpdump", "-i", lab.UnderlayLeg(v.Chassis))
	}
	return rec, nil
}

// start runs tcpdump until it has written the header of its file: it then captures.
func (c *recorded) start(ctx context.Context, file string, argv ...string) error {
	path := filepath.Join(c.dir, file)
	cmd := exec.CommandContext(ctx, argv[0], append(argv[1:], "-Z", "root", "--immediate-mode", "-U", "-w", path)...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		return err
	}
	c.cmds = append(c.cmds, cmd)
	for range 400 {
		if fi, err := os.Stat(path); err == nil && fi.Size() >= 24 {
			return nil
		} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		time.Sleep(tick)
	}
	return fmt.Errorf("%s does not capture", strings.Join(argv, " "))
}

// stop ends the captures.
func (c *recorded) stop() error {
	time.Sleep(10 * tick) // until tcpdump has written what it has read
	var errs []error
	for _, cmd := range c.cmds {
		errs = append(errs, cmd.Process.Signal(os.Interrupt), cmd.Wait())
	}
	c.cmds = nil
	return errors.Join(errs...)
}

// close removes the files of captures.
func (c *recorded) close() {
	if c == nil {
		return
	}
	c.stop() //nolint:errcheck // ended before, unless the case has failed
	os.RemoveAll(c.dir)
}

// reread runs the tool on the captures of a session, and returns the differences to what really
// happened.
func (r *Runner) reread(ctx context.Context, c Case, rec *recorded, played []playedPacket) (out []string, took time.Duration, err error) {
	if err := rec.stop(); err != nil {
		return nil, 0, err
	}
	first := played[0].packet
	run := func(command, capture, from string) (*Prediction, error) {
		pred, err := r.Predict(ctx, command, Packet{From: from, Capture: capture}, slices.Concat(c.Args, c.Recording.Args)...)
		if pred != nil {
			took += pred.Took
		}
		return pred, err
	}
	port := filepath.Join(rec.dir, "port.pcap")
	if err := r.Flush(); err != nil {
		return nil, 0, err
	}
	if c.Recording.At == "" { // the frame is the packet that was sent
		pred, err := run("trace", port, first.From)
		if err != nil {
			return nil, took, fmt.Errorf("trace --pcap: %w", err)
		}
		_, diff := Compare(pred.Report.Packets[0].of(first), played[0].real)
		for _, d := range diff {
			out = append(out, "trace --pcap: "+d)
		}
	}
	if c.Recording.Tunnel {
		out = append(out, r.tunnelled(run, filepath.Join(rec.dir, "tunnel.pcap"), played[0])...)
	}
	if len(c.Recording.NB) > 0 {
		if err := r.change(ctx, c.Recording.NB); err != nil {
			return out, took, err
		}
	}
	pred, err := run("session", port, first.From)
	if err != nil {
		return out, took, fmt.Errorf("session --pcap: %w", err)
	}
	return append(out, c.Recording.missing(pred, played)...), took, nil
}

// maxTunnelFrames bounds the frames of a tunnel in which the packet is searched: health checks
// between chassis are there too.
const maxTunnelFrames = 40

// tunnelled compares the trace of a packet in its tunnel with where it really ended.
func (r *Runner) tunnelled(run func(command, capture, from string) (*Prediction, error), file string, sent playedPacket) []string {
	var last error
	for n := 1; n <= maxTunnelFrames; n++ {
		pred, err := run("trace", fmt.Sprintf("%s:%d", file, n), "")
		if err != nil {
			if last = err; pred != nil && strings.Contains(pred.Stderr, "there is no frame") {
				break
			}
			continue
		}
		p := pred.Report.Packets[0]
		if p.Header["l4_src"] != fmt.Sprint(sent.packet.Sport) {
			continue
		}
		var got []string
		for _, b := range p.Branches {
			got = append(got, "port "+b.End.Port)
		}
		if want := sent.real.Ends[0].End; strings.Join(got, ", ") != want {
			return []string{fmt.Sprintf("trace --pcap of the tunnel's frame %d: it ends at %s, really at %s", n, strings.Join(got, ", "), want)}
		}
		return nil
	}
	return []string{fmt.Sprintf("trace --pcap: no frame of the tunnel has the packet (%v)", last)}
}

// missing compares a replay with what is expected of it.
func (c *Recording) missing(pred *Prediction, played []playedPacket) []string {
	var out []string
	differs := ""
	for i, p := range pred.Report.Packets {
		if p.Differs != "" {
			differs = p.Label + ": " + p.Differs
		}
		if i < len(played) && c.Differs == "" && p.Frame == 0 {
			out = append(out, fmt.Sprintf("session --pcap: %s has no frame", p.Label))
		}
	}
	switch {
	case c.Differs == "" && (differs != "" || pred.Status != 0 || len(pred.Report.Packets) != len(played)):
		out = append(out, fmt.Sprintf("session --pcap: exit status %d, %d packets of %d, differs at %q", pred.Status, len(pred.Report.Packets), len(played), differs))
	case c.Differs != "" && (pred.Status != 1 || !(strings.HasPrefix(differs, c.Differs+": ") && strings.Contains(differs, c.Says))):
		out = append(out, fmt.Sprintf("session --pcap: exit status %d, differs at %q, not %q", pred.Status, differs, c.Differs+": "+c.Says))
	}
	return out
}

// asFlags returns the tool's arguments for a packet: a frame of a capture, bytes, or an expression.
func (r *Runner) asFlags(p Packet) ([]string, error) {
	switch {
	case p.Capture != "" && p.From == "":
		return []string{"--pcap", p.Capture}, nil
	case p.Capture != "":
		return []string{"--from", r.inport(p), "--pcap", p.Capture}, nil
	case p.Hex || p.Raw != nil:
		frame, err := p.given()
		if err != nil {
			return nil, err
		}
		return []string{"--from", r.inport(p), "--packet", hex.EncodeToString(frame)}, nil
	}
	return []string{p.Microflow(r.inport(p))}, nil
}
