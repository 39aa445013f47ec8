package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/creack/pty"
	"github.com/gopacket/gopacket/pcapgo"
	"golang.org/x/sys/unix"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/probe"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/nodens"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// verifier runs checks in the lab.
type verifier struct {
	*lab.Lab
	failed int
}

// cmdInsideVerify captures packets that machines send, and verifies predictions, one of which
// is out of date when the packet is sent.
func cmdInsideVerify(ctx context.Context, args []string) error {
	l, err := lab.Attach(base(), os.Stderr)
	if err != nil {
		return err
	}
	v := &verifier{Lab: l}
	for _, c := range []struct {
		name string
		run  func(context.Context) error
	}{
		{"capture", v.capture}, {"capture at a nested container", v.captureNested}, {"capture out", v.captureOut},
		{"ports without an interface", v.noInterface}, {"verify", v.verify}, {"verify a rejection", v.verifyReject},
		{"an outdated prediction", v.verifyOutdated},
	} {
		began := time.Now()
		err := c.run(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		outcome := "ok"
		if err != nil {
			outcome = "FAILED: " + err.Error()
			v.failed++
		}
		fmt.Printf("verify: %s: %s (%.1f s)\n", c.name, outcome, time.Since(began).Seconds())
	}
	if v.failed > 0 {
		return fmt.Errorf("verify: %d checks failed", v.failed)
	}
	return nil
}

// sending sends a frame from a machine every 200 ms until stop is called: a capture does not say
// when it has begun.
func (v *verifier) sending(machine string, frame []byte, every time.Duration) (stop func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- nodens.OfPath("/run/netns/" + machine).Do(func() error {
			fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				return err
			}
			defer unix.Close(fd)
			ifr, err := unix.NewIfreq("e0")
			if err == nil {
				err = unix.IoctlIfreq(fd, unix.SIOCGIFINDEX, ifr)
			}
			for err == nil && ctx.Err() == nil {
				err = unix.Sendto(fd, frame, 0, &unix.SockaddrLinklayer{Ifindex: int(ifr.Uint32())})
				time.Sleep(every)
			}
			return err
		})
	}()
	return func() error {
		cancel()
		return <-done
	}
}

// segment returns the first packet of a connection from a machine to an address by a router.
func (v *verifier) segment(from, dst string, dport int) (probe.Packet, error) {
	vif, err := v.Topo.VIF(from)
	if err != nil {
		return probe.Packet{}, err
	}
	return probe.Packet{From: from, EthSrc: vif.MAC, EthDst: vif.Gateway, Proto: "tcp", Src: vif.IP(false), Dst: dst, Sport: 40777, Dport: dport, Flags: "syn"}, nil
}

// captured captures at a port while a machine sends a frame.
func (v *verifier) captured(ctx context.Context, machine string, frame []byte, args ...string) (*report.CaptureReport, error) {
	stop := v.sending(machine, frame, 200*time.Millisecond)
	var out report.CaptureReport
	status, err := ask(ctx, v.Lab, &out, "capture", append([]string{"--timeout", "30s"}, args...)...)
	if serr := stop(); err == nil {
		err = serr
	}
	if err == nil && status != 0 {
		err = fmt.Errorf("exit status %d: %+v", status, out)
	}
	return &out, err
}

// capture captures what a machine sends, and reads the saved file.
func (v *verifier) capture(ctx context.Context) error {
	p, err := v.segment("sw0-p1", "30.0.0.10", 80)
	if err != nil {
		return err
	}
	frame, err := p.Bytes()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "labctl-verify-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "sw0-p1.pcapng")
	out, err := v.captured(ctx, "sw0-p1", frame, "-n", "2", "-w", file, "sw0-p1", "tcp dst port 80 and host 30.0.0.10 and not arp")
	if err != nil {
		return err
	}
	if len(out.Frames) != 2 || out.At.Chassis != "hv1" {
		return fmt.Errorf("%d frames on %s", len(out.Frames), out.At.Chassis)
	}
	for _, f := range out.Frames {
		if f.Direction != report.FrameIn || f.Trace == nil || !f.Trace.Delivered("sw1-p2") || f.Header.IPDst != "30.0.0.10" {
			return fmt.Errorf("frame %d: %+v", f.Number, f)
		}
	}
	r, err := os.Open(file)
	if err != nil {
		return err
	}
	defer r.Close()
	ng, err := pcapgo.NewNgReader(r, pcapgo.DefaultNgReaderOptions)
	if err != nil {
		return err
	}
	for range 2 {
		data, _, opt, err := ng.ReadPacketDataWithOptions()
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		if !bytes.Equal(data, frame) || len(opt.Comments) != 1 || opt.Comments[0] != "ovn-ct-trace: delivered at sw1-p2 on hv3" {
			return fmt.Errorf("%s: %x with comments %q", file, data, opt.Comments)
		}
	}
	return nil
}

// captureNested captures at a container's port: its frames have its tag on its parent's interface.
func (v *verifier) captureNested(ctx context.Context) error {
	c, err := v.Topo.VIF("sw6-c1")
	if err != nil {
		return err
	}
	peer, err := v.Topo.VIF("sw6-c2")
	if err != nil {
		return err
	}
	p := probe.Packet{EthSrc: c.MAC, EthDst: peer.MAC, Proto: "tcp", Src: c.IP(false), Dst: peer.IP(false), Sport: 40777, Dport: 80, Flags: "syn", VLAN: c.Tag}
	frame, err := p.Bytes()
	if err != nil {
		return err
	}
	out, err := v.captured(ctx, c.Parent, frame, "sw6-c1", "tcp port 80")
	if err != nil {
		return err
	}
	if f := out.Frames[0]; f.Header.VLAN != nil || !f.Trace.Delivered("sw6-c2") || !strings.Contains(f.Data, fmt.Sprintf("8100%04x", c.Tag)) {
		return fmt.Errorf("%+v", f)
	}
	// At the parent's own port the container's frames are another's.
	stop := v.sending(c.Parent, frame, 100*time.Millisecond)
	status, err := ask(ctx, v.Lab, nil, "capture", "--timeout", "3s", c.Parent)
	if serr := stop(); err == nil {
		err = serr
	}
	if err == nil && status != 4 {
		err = fmt.Errorf("at the parent's port: exit status %d, want 4: no packet of its own came", status)
	}
	return err
}

// captureOut captures what OVN delivers.
func (v *verifier) captureOut(ctx context.Context) error {
	p, err := v.segment("sw0-p1", "20.0.0.4", 8080)
	if err != nil {
		return err
	}
	frame, err := p.Bytes()
	if err != nil {
		return err
	}
	out, err := v.captured(ctx, "sw0-p1", frame, "--direction", "out", "sw1-p2", "tcp port 8080 and src host 10.0.0.3")
	if err != nil {
		return err
	}
	if f := out.Frames[0]; f.Direction != report.FrameOut || f.Trace != nil || f.Header.IPTTL == nil || *f.Header.IPTTL != 63 || out.At.Chassis != "hv3" {
		return fmt.Errorf("%+v", f)
	}
	return nil
}

// noInterface checks that ports without an interface are refused at once.
func (v *verifier) noInterface(ctx context.Context) error {
	for _, port := range []string{"ln-public", "sw0-lr0", "lr0-sw0"} {
		if status, err := ask(ctx, v.Lab, nil, "capture", port); err != nil || status != 2 {
			return fmt.Errorf("%s: exit status %d, %v; want 2", port, status, err)
		}
	}
	if status, err := ask(ctx, v.Lab, nil, "verify", "--yes", "--from", "sw6-c1", "--to", "sw6-c2:80/tcp"); err != nil || status != 2 {
		return fmt.Errorf("verify from a nested container: exit status %d, %v; want 2", status, err)
	}
	return nil
}

// verified runs verify, and checks whether it agrees and how often the packet was seen.
func (v *verifier) verified(ctx context.Context, agrees bool, verdict engine.Verdict, seen int, args ...string) error {
	var out report.VerifyReport
	status, err := ask(ctx, v.Lab, &out, "verify", append([]string{"--yes"}, args...)...)
	what := strings.Join(args, " ")
	switch want := map[bool]int{true: 0, false: 1}[agrees]; {
	case err != nil:
		return err
	case status != want || out.Agrees == nil || *out.Agrees != agrees:
		return fmt.Errorf("%s: exit status %d, want %d: %q", what, status, want, out.Why)
	case out.Prediction.Verdict != verdict || len(out.Seen) != seen:
		return fmt.Errorf("%s: %v, seen %d times, want %v, %d times", what, out.Prediction.Verdict, len(out.Seen), verdict, seen)
	}
	committed := false
	for _, h := range out.Prediction.Hops {
		for _, s := range h.Segments {
			for _, c := range s.CT {
				committed = committed || c.Committed != nil
			}
		}
	}
	if v.Topo.Datapath != lab.Userspace && agrees && committed && verdict == engine.Delivered && len(out.Entries) == 0 {
		return fmt.Errorf("%s: no conntrack entry was compared", what)
	}
	return nil
}

func (v *verifier) verify(ctx context.Context) error {
	outside := ""
	for _, h := range v.Topo.Hosts {
		if h.Name == "ext3" {
			outside = h.IP(false)
		}
	}
	return errors.Join(
		v.verified(ctx, true, engine.Delivered, 1, "--from", "sw0-p1", "--to", "sw1-p2:80/tcp"),
		v.verified(ctx, true, engine.Delivered, 1, "--from", "sw0-p1", "--to", "30.0.0.10:80/tcp"),
		v.verified(ctx, true, engine.Delivered, 1, "--from", "sw0-p1", "--to", "30.0.0.11:80/tcp"),
		v.verified(ctx, true, engine.Delivered, 1, "--from", "sw0-p1", "--to", "sw0-p2"),
		v.verified(ctx, true, engine.Delivered, 1, "--from", "sw0-p1", "--to", "[fd00:30::10]:80/tcp"),
		v.verified(ctx, true, engine.Delivered, 1, "--from", "sw0-p1", "--to", "10.0.0.1/icmp"), // the router's answer
		v.verified(ctx, true, engine.External, 1, "--from", "sw4-p2", "--to", outside+":80/tcp"),
		v.verified(ctx, true, engine.Dropped, 0, "--from", "sw0-p1", "--to", "sw2-p1:22/tcp"),
	)
}

// changed runs a check while the Northbound database is changed.
func (v *verifier) changed(ctx context.Context, change, undo string, check func() error) error {
	if err := v.Do(ctx, change); err != nil {
		return err
	}
	err := v.Sync(ctx)
	if err == nil {
		err = check()
	}
	return errors.Join(err, v.Do(ctx, undo), v.Sync(ctx))
}

func (v *verifier) verifyReject(ctx context.Context) error {
	return v.changed(ctx, `acl-add pg2 to-lport 1010 'outport == @pg2 && tcp' reject`, `acl-del pg2 to-lport 1010 'outport == @pg2 && tcp'`, func() error {
		return v.verified(ctx, true, engine.Rejected, 1, "--from", "sw0-p1", "--to", "sw2-p2:8080/tcp")
	})
}

// verifyOutdated answers the question whether to send only after an ACL has been added that drops
// the packet: the prediction is then out of date.
func (v *verifier) verifyOutdated(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	terminal, slave, err := pty.Open()
	if err != nil {
		return err
	}
	defer terminal.Close()
	cmd := exec.CommandContext(ctx, builtTool, append([]string{"verify", "-o", "json", "--from", "sw0-p1", "--to", "sw2-p2:8080/tcp"}, reach(builtTool)...)...)
	var out bytes.Buffer
	cmd.Stdin, cmd.Stdout = slave, &out
	stderr, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	slave.Close()
	if err != nil {
		return err
	}
	asked, text, buf := false, "", make([]byte, 256)
	for !asked {
		n, err := stderr.Read(buf)
		text += string(buf[:n])
		if asked = strings.Contains(text, "Send it?"); err != nil && !asked {
			return fmt.Errorf("it did not ask: %q: %w", text, err)
		}
	}
	err = v.changed(ctx, `acl-add pg2 to-lport 1010 'outport == @pg2 && tcp' drop`, `acl-del pg2 to-lport 1010 'outport == @pg2 && tcp'`, func() error {
		if _, err := terminal.WriteString("y\n"); err != nil {
			return err
		}
		_, _ = io.Copy(io.Discard, stderr)
		_ = cmd.Wait() // the status is checked
		return nil
	})
	if err != nil {
		return err
	}
	var answer report.VerifyReport
	if err := json.Unmarshal(out.Bytes(), &answer); err != nil {
		return fmt.Errorf("%w: %q", err, out.String())
	}
	if status := cmd.ProcessState.ExitCode(); status != 1 || answer.Agrees == nil || *answer.Agrees || len(answer.Seen) > 0 ||
		len(answer.Why) == 0 || !strings.Contains(answer.Why[0], "predicted at sw2-p2 on hv3, and not seen there") {
		return fmt.Errorf("exit status %d, want 1: %q", status, answer.Why)
	}
	return nil
}
