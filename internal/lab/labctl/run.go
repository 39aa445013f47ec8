package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/guest"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/probe"
)

// session is an instance with a running topology and the programs of this checkout.
type session struct {
	cfg  guest.Config
	in   *guest.Instance
	ours bool // started by this session, which ends it unless it is kept
}

// open finds the kept instance or boots one, copies the programs into it and starts the topology.
// With CT_TRACE_LAB_KEEP=1 a booted instance is kept for the next run.
func open(ctx context.Context) (*session, error) {
	cfg, err := config()
	if err != nil {
		return nil, err
	}
	return openAs(ctx, cfg)
}

// openAs is open for a configuration, by whose name the instance is found.
func openAs(ctx context.Context, cfg guest.Config) (_ *session, err error) {
	s := &session{cfg: cfg}
	keep := os.Getenv("CT_TRACE_LAB_KEEP") == "1"
	s.in, err = guest.Find(ctx, cfg)
	switch {
	case err == nil:
		fmt.Fprintf(cfg.Progress, "lab: using the kept instance (%s)\n", s.in.Mode)
	case errors.Is(err, guest.ErrNotRunning):
		if s.in, err = guest.Start(ctx, cfg, keep); err != nil {
			return nil, err
		}
		s.ours = !keep
	default:
		return nil, err
	}
	if err := s.prepare(ctx); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// remoteBin is the folder of the copied programs in the instance.
const remoteBin = "/run/ctlab-bin"

func (s *session) prepare(ctx context.Context) error {
	bin := filepath.Join(s.cfg.Checkout, "bin")
	script := "set -e; mkdir -p " + remoteBin + "\n"
	for _, name := range []string{"labctl", "ovn-ct-trace"} {
		src := filepath.Join(bin, name)
		if name == "labctl" {
			src = s.cfg.Labctl
		}
		if _, err := os.Stat(src); err != nil {
			continue // the tool may not be built: the lab comes up without it
		}
		if err := guest.CopyFile(src, filepath.Join(s.cfg.Share(), "bin", name)); err != nil {
			return err
		}
		// Copy the programs into memory: the share is not cached.
		script += fmt.Sprintf("cp %q %s/%s.new && mv %s/%s.new %s/%s\n", filepath.Join(s.cfg.Share(), "bin", name), remoteBin, name, remoteBin, name, remoteBin, name)
	}
	if err := s.run(ctx, nil, "/bin/sh", "-c", script); err != nil {
		return fmt.Errorf("copying the programs: %w", err)
	}
	return s.run(ctx, nil, remoteBin+"/labctl", "lab-up")
}

// run runs a step of a session in the instance; what it prints is progress.
func (s *session) run(ctx context.Context, stdin io.Reader, argv ...string) error {
	return s.in.Run(ctx, guest.Command{Argv: argv, Dir: s.cfg.Checkout, Env: passEnv(), Stdin: stdin, Stdout: s.cfg.Progress, Stderr: s.cfg.Progress})
}

// result runs a command in the instance whose output is the session's.
func (s *session) result(ctx context.Context, argv ...string) error {
	return s.in.Run(ctx, guest.Command{Argv: argv, Dir: s.cfg.Checkout, Env: passEnv(), Stdout: os.Stdout, Stderr: s.cfg.Progress})
}

// passEnv returns the environment variables that control a run.
func passEnv() []string {
	env := []string{"PATH=" + remoteBin + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	for _, k := range []string{"CT_TRACE_OVS_PREFIX", datapathVar, topologyVar, "CT_TRACE_LIVE", "TERM"} {
		if v, ok := os.LookupEnv(k); ok {
			env = append(env, k+"="+v)
		}
	}
	return env
}

// close ends what open booted: first the lab, by the ids of its processes, then the instance.
func (s *session) close() {
	if !s.ours {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	s.run(ctx, nil, remoteBin+"/labctl", "lab-down")
	if err := s.in.Stop(); err != nil {
		fmt.Fprintf(os.Stderr, "lab: %v\n", err)
	}
}

// silenceLimit is the maximum time without output: longer than one case may take.
const silenceLimit = probe.Longest + time.Minute

// watched is a writer that ends a context when nothing is written for a time.
type watched struct {
	w     io.Writer
	timer *time.Timer
	limit time.Duration
}

func (w *watched) Write(b []byte) (int, error) {
	w.timer.Reset(w.limit)
	return w.w.Write(b)
}

// watch returns a context that ends when nothing was written to the writer for limit; stop ends the
// watch.
func watch(ctx context.Context, w io.Writer, limit time.Duration) (_ context.Context, _ io.Writer, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	t := time.AfterFunc(limit, func() { cancel(fmt.Errorf("no output for %v", limit)) })
	return ctx, &watched{w, t, limit}, func() {
		t.Stop()
		cancel(context.Canceled)
	}
}

func cmdOracle(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("oracle", flag.ContinueOnError)
	pattern := fs.String("case", "", "cases to run, by name (regular expression)")
	results := fs.String("results", "", "write all results to this file, as JSON")
	each := fs.Int("each", 0, "maximum number of cases of a feature, not counting those that need a newer release; 0: all")
	feature := fs.String("feature", "", "cases to run, by feature (regular expression)")
	newer := fs.Bool("newer", false, "also run all cases that need a newer release than the oldest supported one")
	random := fs.Int("random", 0, "number of random cases to run instead of the listed ones")
	seed := fs.Uint64("seed", 1, "seed of the random cases")
	labs := fs.Int("labs", 1, "number of labs that share the cases and run at the same time; more than one: a kept lab is not used")
	reality := fs.Bool("reality", false, "do not predict: print the reality")
	offline := fs.Bool("offline", false, "also predict from archives")
	archives := fs.String("archives", "", "kinds of archives for -offline (regular expression): sosreport, bundle, must-gather")
	once := fs.Bool("once", false, "each case is asked of every kind of archive, but not each packet")
	if err := fs.Parse(args); err != nil {
		return &guest.ExitError{Code: 2}
	}
	began := time.Now()
	cfg, err := config()
	if err != nil {
		return err
	}
	argv := []string{remoteBin + "/labctl", "cases", "-case", *pattern, "-feature", *feature, fmt.Sprintf("-newer=%t", *newer), fmt.Sprintf("-each=%d", *each),
		fmt.Sprintf("-random=%d", *random), fmt.Sprintf("-seed=%d", *seed)}
	if *offline {
		argv = append(argv, "-offline", filepath.Join(cfg.Checkout, "scripts", "sosdump.sh"), "-gathered", filepath.Join(cfg.Checkout, "scripts", "mustgatherdump.sh"),
			"-archives", *archives, fmt.Sprintf("-once=%t", *once))
	}
	if !*reality {
		if _, err := os.Stat(filepath.Join(cfg.Checkout, "bin", "ovn-ct-trace")); err != nil {
			return errors.New("the tool is not built: make build")
		}
		argv = append(argv, "-tool", builtTool)
	}
	var run *probe.Run
	if *labs > 1 {
		os.Unsetenv("CT_TRACE_LAB_KEEP")
		run, err = oracleParts(ctx, *labs, func(ctx context.Context, p part, out io.Writer) (*probe.Run, error) {
			cfg := cfg
			cfg.Name, cfg.Progress = fmt.Sprintf("%s-part%d", cfg.Name, p.k), out
			return oracleIn(ctx, cfg, append(slices.Clone(argv), "-part", p.String()), out)
		})
	} else {
		run, err = oracleIn(ctx, cfg, argv, os.Stdout)
	}
	if *labs > 1 && run != nil {
		if s := probe.ArchivedSummary(run.Results); s != "" {
			fmt.Println(s)
		}
	}
	if *results != "" && run != nil {
		if werr := run.Write(*results); werr != nil && err == nil {
			err = werr
		}
	}
	fmt.Fprintf(os.Stderr, "oracle: %.0f s with the lab's start\n", time.Since(began).Seconds())
	return err
}

// oracleIn runs cases in the lab of a configuration, and returns their results. They may be there
// also with an error.
func oracleIn(ctx context.Context, cfg guest.Config, argv []string, out io.Writer) (*probe.Run, error) {
	s, err := openAs(ctx, cfg)
	if err != nil {
		return nil, err
	}
	defer s.close()
	remote := filepath.Join(s.cfg.Share(), "results.json")
	if err := os.Remove(remote); err != nil && !errors.Is(err, fs.ErrNotExist) { // of an earlier run
		return nil, err
	}
	wctx, watched, stop := watch(ctx, out, silenceLimit)
	defer stop()
	err = s.in.Run(wctx, guest.Command{Argv: append(argv, "-results", remote), Dir: s.cfg.Checkout, Env: passEnv(), Stdout: watched, Stderr: out})
	if wctx.Err() != nil && ctx.Err() == nil {
		err = fmt.Errorf("the lab hangs: %w", context.Cause(wctx))
	}
	run, rerr := probe.ReadRun(remote)
	if rerr != nil && err == nil {
		err = rerr
	}
	return run, err
}

func cmdShell(ctx context.Context, args []string) error {
	s, err := open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	if len(args) == 0 {
		args = []string{remoteBin + "/labctl", "inside-shell"}
	}
	st, err := os.Stdin.Stat()
	tty := err == nil && st.Mode()&os.ModeCharDevice != 0
	return s.in.Run(ctx, guest.Command{Argv: args, Dir: s.cfg.Checkout, Env: passEnv(), TTY: tty, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr})
}
