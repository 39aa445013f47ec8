package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/creack/pty"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/unixctl"
)

// The limits of a what-if about one chassis.
const (
	whatIfTimes       = 1.5         // of the time of its daemons alone
	whatIfConnections = time.Second // that whatIfLive connections may add
	whatIfLive        = 1000
)

// change is the change that is asked about: it forbids what the pair and the first island's
// connections do.
var change = []string{"acl-add", "sw0-1", "to-lport", "2000", "tcp.dst==80", "drop"}

// spent is what something takes by the clock, and of the processors. own is the part of the clock in
// which no daemon computes flows: entries are read, packets traced, and states compared.
type spent struct{ clock, processor, own time.Duration }

// keep updates s to the shorter times of a measurement that has not failed.
func (s *spent) keep(now spent, err error) (spent, error) {
	if err != nil {
		return now, err
	}
	for _, t := range []struct {
		best *time.Duration
		now  time.Duration
	}{{&s.clock, now.clock}, {&s.processor, now.processor}, {&s.own, now.own}} {
		if *t.best == 0 || t.now < *t.best {
			*t.best = t.now
		}
	}
	return now, nil
}

// whatIf measures a what-if about one chassis against what it cannot do without: databases,
// ovn-northd, Open vSwitch and ovn-controller that start on a copy of the Northbound database; and
// what live connections add. All are measured in turn, so that load on the machine affects all.
func (d *deployment) whatIf(ctx context.Context, s settings) (met bool, err error) {
	if err := d.plugAll(ctx, d.islands); err != nil {
		return false, err
	}
	if err := d.settle(ctx, "sync"); err != nil {
		return false, err
	}
	each := whatIfLive/d.islands + 1
	n := each * d.islands
	var alone, pair, one, all spent
	asks := []func() (spent, error){
		func() (spent, error) {
			return pair.keep(d.ask(ctx, s.tool, `"fate": "dies"`, change, "--no-connections"))
		},
		func() (spent, error) {
			return one.keep(d.live(ctx, s.tool, each, fmt.Sprintf(`"dies": %d`, each), change))
		},
		func() (spent, error) {
			return all.keep(d.live(ctx, s.tool, each, fmt.Sprintf(`"goes_on": %d`, n), d.everywhere()))
		},
	}
	for i := range s.runs {
		say("what-if run %d of %d", i+1, s.runs)
		if _, err := alone.keep(d.again(ctx)); err != nil {
			return false, err
		}
		// What runs first after the daemons finds colder databases: the order changes.
		for k := range asks {
			if _, err := asks[(i+k)%len(asks)](); err != nil {
				return false, err
			}
		}
	}
	fmt.Printf("what-if: %.1f s (processor %.1f s); with %d live connections %.1f s (%.1f s); ovn-northd and ovn-controller alone %.1f s (%.1f s)\n", pair.clock.Seconds(), pair.processor.Seconds(),
		n, one.clock.Seconds(), one.processor.Seconds(), alone.clock.Seconds(), alone.processor.Seconds())
	fmt.Printf("what-if against its daemons by processor time: %.2f; of its own work: %.2f s, with live connections %.2f s, and where each meets what has changed %.2f s\n",
		pair.processor.Seconds()/alone.processor.Seconds(), pair.own.Seconds(), one.own.Seconds(), all.own.Seconds())
	met = ratio("what-if-vs-its-daemons", pair.clock.Seconds()/alone.clock.Seconds(), "<=", whatIfTimes)
	// The time of the daemons is the same with and without, and differs by more than that from run to run.
	return ratio("what-if-1000-connections-1s", (one.own-pair.own).Seconds()/whatIfConnections.Seconds(), "<=", 1) && met, nil
}

// everywhere is a change that every live connection meets, and that none is affected by.
func (d *deployment) everywhere() (words []string) {
	for i := range d.islands {
		words = append(words, "--", "acl-add", fmt.Sprintf("sw%d-1", i), "to-lport", "2000", "tcp.dst==81", "drop")
	}
	return words[1:]
}

// live asks while connections are open, n of each island. They are made only now: packets without
// sequence numbers leave entries that live for half a minute.
func (d *deployment) live(ctx context.Context, tool string, n int, want string, words []string) (spent, error) {
	say("%d connections of each of %d islands", n, d.islands)
	if err := d.talk(ctx, n); err != nil {
		return spent{}, err
	}
	return d.ask(ctx, tool, want, words)
}

// ask runs the tool, with its daemons, on a change and a pair.
func (d *deployment) ask(ctx context.Context, tool, want string, words []string, flags ...string) (t spent, err error) {
	args := append([]string{"what-if", "--sb", d.SB, "--nb", d.NB, "--ovs-rundir", d.Dir, "--timeout", "20m", "-o", "json",
		"--nb-run", strings.Join(words, " "), "--from", from, "--to", to + ":80/tcp"}, flags...)
	terminal, slave, err := pty.Open() // only there it says what it is doing
	if err != nil {
		return t, err
	}
	defer terminal.Close()
	cmd := exec.CommandContext(ctx, tool, args...)
	cmd.Env = d.Env()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, slave
	start := time.Now()
	if err := cmd.Start(); err != nil {
		slave.Close()
		return t, err
	}
	slave.Close()
	steps := make(chan progress)
	go func() { steps <- follow(terminal) }()
	err = cmd.Wait()
	t = spent{clock: time.Since(start), processor: processor(cmd)}
	said := <-steps
	t.own = said.took("reading ", "tracing ", "asking ", "preparing ", "comparing ")
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 1 { // there is a difference
		err = nil
	}
	say("  %s: %.1f s, of which reading and tracing %.2f s", strings.Join(args[len(args)-1:], " "), t.clock.Seconds(), t.own.Seconds())
	return t, check("ovn-ct-trace what-if", out.String()+said.String(), err, want)
}

// progress is what the tool said it was doing, and when.
type progress []step

type step struct {
	text string
	at   time.Time
}

// mark begins each step on the terminal.
const mark = "\r\x1b[K"

// follow reads the steps that are written on a terminal until the writer has closed it.
func follow(terminal io.Reader) (p progress) {
	buf, rest := make([]byte, 4096), ""
	for {
		n, err := terminal.Read(buf)
		now := time.Now()
		words := strings.Split(rest+string(buf[:n]), mark)
		if len(p) > 0 {
			p[len(p)-1].text = words[0] // which may have been cut between two reads
		}
		for _, text := range words[1:] {
			p = append(p, step{text, now})
		}
		rest = words[len(words)-1]
		if err != nil { // EIO: nobody has the other end any more
			return p
		}
	}
}

// String returns the steps, one a line.
func (p progress) String() string {
	var b strings.Builder
	for _, s := range p {
		fmt.Fprintln(&b, s.text)
	}
	return b.String()
}

// took returns how long the steps took of which the text begins with one of the words. The last step
// is empty.
func (p progress) took(words ...string) (sum time.Duration) {
	for i := range max(0, len(p)-1) {
		if slices.ContainsFunc(words, func(word string) bool { return strings.HasPrefix(p[i].text, word) }) {
			sum += p[i+1].at.Sub(p[i].at)
		}
	}
	return sum
}

// processor returns the processor time of a process that has ended and of those that it has waited
// for.
func processor(cmd *exec.Cmd) time.Duration {
	if cmd.ProcessState == nil {
		return 0
	}
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
}

// again measures the daemons that compute the chassis from the Northbound database, once from
// nothing and once more after the change.
func (d *deployment) again(ctx context.Context) (t spent, err error) {
	dir, err := os.MkdirTemp("", "eb")
	if err != nil {
		return t, err
	}
	defer os.RemoveAll(dir)
	nb, err := os.ReadFile(filepath.Join(d.Dir, "nb.db"))
	if err != nil {
		return t, err
	}
	if err := os.WriteFile(filepath.Join(dir, "nb.db"), nb, 0o600); err != nil {
		return t, err
	}
	began := time.Now()
	e, err := start(ctx, dir, "dummy")
	if err != nil {
		return t, err
	}
	defer e.Stop()
	if err := e.plugAll(ctx, d.islands); err != nil {
		return t, err
	}
	// Only then ovn-controller: that of OVN 23.03.1 ends by a segmentation fault, sometimes, where
	// ovn-northd fills the Southbound database while it starts, and nothing waits for the chassis
	// any more.
	if _, err := e.NBCtl(ctx, "sync"); err != nil {
		return t, err
	}
	if err := e.control(ctx); err != nil {
		return t, err
	}
	for _, words := range [][]string{{"sync"}, change} {
		if err := e.settle(ctx, words...); err != nil {
			return t, fmt.Errorf("%w; ovn-controller: %s", err, e.said("controller"))
		}
	}
	t.clock = time.Since(began)
	e.Stop()
	t.processor = e.Spent
	say("  the daemons alone: %.1f s", t.clock.Seconds())
	return t, nil
}

// said returns the end of a daemon's messages.
func (d *deployment) said(name string) string {
	b, _ := os.ReadFile(filepath.Join(d.Dir, name+".out"))
	return string(b[max(0, len(b)-1000):])
}

// settle runs a command of ovn-nbctl and returns when the chassis has done what it asks for.
func (d *deployment) settle(ctx context.Context, words ...string) error {
	argv := append([]string{"--db=" + d.NB, "--no-leader-only", "--wait=hv", "--timeout=600"}, words...)
	_, err := d.Run(ctx, "", "ovn-nbctl", argv...)
	return err
}

// talk makes n connections from one switch of each island to another: packets that ports receive.
// Those of the run before are removed: of an expired connection Open vSwitch before 3.3 keeps a key
// for some seconds, and aborts if packets meet it (conn_update_state). A port's queue is independent
// of another's: every client sends before a server answers.
func (d *deployment) talk(ctx context.Context, n int) error {
	ctl := &unixctl.Client{Path: d.ctl()}
	defer ctl.Close()
	if _, err := ctl.Call(ctx, "dpctl/flush-conntrack"); err != nil {
		return err
	}
	for _, flags := range []string{"syn", "syn|ack", "ack"} {
		for i := range d.islands {
			client, server := fmt.Sprintf("10.%d.0.10", i%250), fmt.Sprintf("10.%d.1.10", i%250)
			from := 0
			if flags == "syn|ack" {
				client, server, from = server, client, 1
			}
			gate := fmt.Sprintf("0a:00:%02x:%02x:%02x:01", i>>8, i&255, from)
			for k := range n {
				sport, dport := 20000+7*k, 80
				if from == 1 {
					sport, dport = dport, sport
				}
				packet := fmt.Sprintf("in_port(1),eth(src=%s,dst=%s),eth_type(0x0800),ipv4(src=%s,dst=%s,proto=6,tos=0,ttl=64,frag=no),tcp(src=%d,dst=%d),tcp_flags(%s)",
					mac(i, from, 0), gate, client, server, sport, dport, flags)
				if _, err := ctl.Call(ctx, "netdev-dummy/receive", fmt.Sprintf("sw%d-%d-p0", i, from), packet); err != nil {
					return err
				}
			}
		}
	}
	want, have := 2*n*d.islands, 0 // each is in the zones of both ports
	for range 20 {
		table, err := ctl.Call(ctx, "dpctl/dump-conntrack")
		if err != nil {
			return err
		}
		if have = strings.Count(table, "(state=ESTABLISHED)"); have == want {
			return nil
		}
		time.Sleep(50 * time.Millisecond) // the last packets are in a queue
	}
	return fmt.Errorf("%d entries are of established connections, and not %d: what they cost a what-if is not measured", have, want)
}
