package ctjournal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ctnetlink"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/nodens"
)

// The kill test starts this test binary again as a run or as a clean-up that kills itself at its
// n-th step. These environment variables say what to do.
const (
	envRole = "CTJOURNAL_TEST_ROLE" // run, clean
	envNS   = "CTJOURNAL_TEST_NS"
	envDir  = "CTJOURNAL_TEST_DIR"
	envStep = "CTJOURNAL_TEST_STEP" // killed at this step, counted from 1; 0: never
)

func TestMain(m *testing.M) {
	role := os.Getenv(envRole)
	if role == "" {
		os.Exit(m.Run())
	}
	at, err := strconv.Atoi(os.Getenv(envStep))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	steps := 0
	hook := func(s Step) {
		if steps++; steps == at {
			fmt.Println(s)
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {} // the signal is on its way
		}
	}
	if err := child(role, nodens.OfPath(os.Getenv(envNS)), os.Getenv(envDir), hook); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func child(role string, ns nodens.NetNS, dir string, hook func(Step)) error {
	ctx := context.Background()
	if role == "clean" {
		_, kept, err := (&Cleaner{Dir: dir, Hook: hook}).Clean(ctx)
		if err == nil && len(kept) > 0 {
			err = fmt.Errorf("kept: %+v", kept)
		}
		return err
	}
	tbl, err := ctnetlink.Open(ctx, ns)
	if err != nil {
		return err
	}
	c, err := NewFor(tbl, Options{Dir: dir, Timeout: time.Hour, Hook: hook})
	if err != nil {
		return err
	}
	udp := udpEntry()
	for _, e := range []ctstate.Entry{natEntry(), udp} {
		if _, err := c.Commit(ctx, e); err != nil {
			return err
		}
	}
	up := natEntry()
	up.Status |= ctstate.SeenReply
	up.TCP = &ctstate.TCPInfo{State: 2}
	if _, err := c.Update(ctx, up); err != nil {
		return err
	}
	return c.Close(ctx)
}

// start runs this binary in a role and returns the step at which it was killed.
func start(t *testing.T, role string, ns nodens.NetNS, dir string, step int) (killedAt string) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), envRole+"="+role, envNS+"="+ns.Path(), envDir+"="+dir, envStep+"="+strconv.Itoa(step))
	var out, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &stderr
	err = cmd.Run()
	var ee *exec.ExitError
	if errors.As(err, &ee) && ee.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL {
		return strings.TrimSpace(out.String())
	}
	if err != nil {
		t.Fatalf("%s, step %d: %v\n%s", role, step, err, stderr.String())
	}
	return ""
}

// identity holds the parts of an entry that a clean-up must not change; timeouts and counters
// depend on the traffic.
type identity struct {
	zone        uint16
	id          uint32
	orig, reply ctstate.Tuple
	status      ctstate.Status
	mark        uint32
	label       ctstate.Label
	tcp         ctstate.TCPState
	flags       [2]uint8
}

func table(t *testing.T, tbl *ctnetlink.Table) map[place]identity {
	t.Helper()
	out := map[place]identity{}
	for e, err := range tbl.All(t.Context(), ctnetlink.Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		i := identity{zone: e.Zone, id: e.ID, orig: e.Orig, reply: e.Reply, status: e.Status, mark: e.Mark, label: e.Label}
		if e.TCP != nil {
			const passing = 0x10 | 0x20 // DATA_UNACKNOWLEDGED, MAXACK_SET: change with every packet
			i.tcp, i.flags = e.TCP.State, [2]uint8{e.TCP.FlagsOrig &^ passing, e.TCP.FlagsReply &^ passing}
		}
		out[place{e.Zone, e.Orig}] = i
	}
	return out
}

func compareTables(t *testing.T, when string, before, after map[place]identity) {
	t.Helper()
	for p, b := range before {
		a, ok := after[p]
		switch {
		case !ok:
			t.Errorf("%s: lost %v", when, p)
		case a != b:
			t.Errorf("%s: changed\n was %+v\n  is %+v", when, b, a)
		}
	}
	for p, a := range after {
		if _, ok := before[p]; !ok {
			t.Errorf("%s: left behind %+v", when, a)
		}
	}
}

// TestKill kills a run at every step, and the clean-up after it at every one of its steps. It
// compares the table with its former content, entry by entry, while TCP and UDP connections send
// traffic.
func TestKill(t *testing.T) {
	ns, tbl := ctTable(t, true)
	traffic := startTraffic(t, ns)
	// Entries that no packet refreshes, with tuples next to ours.
	for i := range 20 {
		if err := tbl.Create(t.Context(), ctnetlink.Spec{Zone: uint16(6 + i%3), Timeout: 3600, Mark: uint32(i),
			Orig: tup(6, fmt.Sprintf("10.0.0.1:%d", 2000+i), "30.0.0.1:80"), TCP: &ctstate.TCPInfo{State: 3}}); err != nil {
			t.Fatal(err)
		}
	}
	traffic.settle(t, tbl)
	before := table(t, tbl)
	if len(before) < 20+traffic.tcp+traffic.udp {
		t.Fatalf("only %d entries", len(before))
	}

	seen := map[string]bool{}
	for step := 1; ; step++ {
		dir := t.TempDir()
		at := start(t, "run", ns, dir, step)
		if at == "" {
			compareTables(t, "after a whole run", before, table(t, tbl))
			break
		}
		seen[at] = true
		when := fmt.Sprintf("run killed at step %d (%s)", step, at)
		// Kill Clean at each step in turn, until one clean-up completes.
		for cstep := 1; ; cstep++ {
			cat := start(t, "clean", ns, dir, cstep)
			if cat == "" {
				break
			}
			seen["clean: "+cat] = true
		}
		compareTables(t, when, before, table(t, tbl))
		if f := files(t, dir); len(f) != 0 {
			t.Errorf("%s: journals left: %v", when, f)
		}
	}
	for _, s := range []Step{StepFile, StepHeader, StepIntent, StepCreated, StepRead, StepID, StepUpdated, StepRenewed,
		StepFound, StepDeleted, StepGone, StepUnlinked} {
		if !seen[string(s)] {
			t.Errorf("no run was killed at %q", s)
		}
	}
	for _, s := range []Step{StepLocked, StepFound, StepDeleted, StepGone, StepUnlinked} {
		if !seen["clean: "+string(s)] {
			t.Errorf("no clean-up was killed at %q", s)
		}
	}
	if n := traffic.stop(t); n == 0 {
		t.Error("no traffic passed")
	} else {
		t.Logf("%d messages echoed meanwhile, over %d TCP and %d UDP connections", n, traffic.tcp, traffic.udp)
	}
}

// TestTwoRunsAndCleaners runs committers and clean-ups at the same time.
func TestTwoRunsAndCleaners(t *testing.T) {
	_, tbl := ctTable(t, false)
	dir := t.TempDir()
	errs := make(chan error)
	const runs, each = 4, 30
	for r := range runs {
		go func() {
			errs <- func() error {
				for i := range each {
					c, err := NewFor(tbl, Options{Dir: dir})
					if err != nil {
						return err
					}
					e := udpEntry()
					e.Zone = uint16(r + 1)
					if _, err := c.Commit(t.Context(), e); err != nil {
						return fmt.Errorf("run %d.%d: %w", r, i, err)
					}
					if _, err := tbl.Lookup(t.Context(), e.Zone, e.Orig); err != nil {
						return fmt.Errorf("run %d.%d: cleaned away: %w", r, i, err)
					}
					if err := c.Close(t.Context()); err != nil {
						return err
					}
				}
				return nil
			}()
		}()
	}
	stop := make(chan struct{})
	cleaned := make(chan error)
	go func() {
		for {
			select {
			case <-stop:
				cleaned <- nil
				return
			default:
			}
			if removed, _, err := Clean(t.Context(), dir, nil); err != nil || len(removed) > 0 {
				cleaned <- fmt.Errorf("removed %+v: %w", removed, err)
				return
			}
			if _, err := List(dir); err != nil {
				cleaned <- err
				return
			}
		}
	}()
	for range runs {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	close(stop)
	if err := <-cleaned; err != nil {
		t.Error(err)
	}
	if len(table(t, tbl)) != 0 || len(files(t, dir)) != 0 {
		t.Errorf("left: %v %v", table(t, tbl), files(t, dir))
	}
}
