package campaign

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/probe"
)

// Change is a change of the configuration whose effect on live connections is predicted, and then
// seen. The commands are those of ovn-nbctl.
type Change struct {
	What            string
	Setup, Teardown []string // before the connections are made, and after all
	Flows           []Flow   // connections that the change is about, beside those of every change
	Pairs           []Flow   // new connections that are asked too; each is from a port
	Apply, Undo     []string
	Ask             []string // flags of what-if that name the change; nil: --nb-run of each of Apply
	ByFile          bool     // asked by a file of the changed database (--nb-file)
}

// ChangeKind draws changes of one kind.
type ChangeKind struct {
	Name string
	Draw func(d *draw) Change
}

// WhatIfScore counts the results of changes.
type WhatIfScore struct {
	Changes, Connections int
	Right                int // predicted as it was then seen, or of Undetermined
	Undetermined         int // said to depend on a hash of Open vSwitch's, whatever was then seen
	Unjudged             int // a daemon ended meanwhile
	Wrong                int // predicted to die, or not determined, and went on; or not compared
	Missed               int // predicted to go on, and died
	Died                 int // of all
}

// add adds the results of one change, without the number of changes.
func (s *WhatIfScore) add(of WhatIfScore) {
	s.Connections += of.Connections
	s.Right += of.Right
	s.Wrong += of.Wrong
	s.Missed += of.Missed
	s.Undetermined += of.Undetermined
	s.Unjudged += of.Unjudged
	s.Died += of.Died
}

// judge counts a connection of which the tool has said a fate. It reports whether there is nothing
// to tell of it: what was said is what happened.
func (s *WhatIfScore) judge(fate, text string, died bool) bool {
	s.Connections++
	if died {
		s.Died++
	}
	switch said := fate == "dies" || fate == "moves"; {
	case said == died && fate != "unknown":
		s.Right++
		return true
	case fate == "unknown" && strings.Contains(text, undecided):
		// What a hash of Open vSwitch's decides cannot be known before: to say so is right.
		s.Right++
		s.Undetermined++
	case died && fate == "goes-on":
		s.Missed++
	default:
		s.Wrong++
	}
	return false
}

// undecided is in the reason of what a hash decides.
const undecided = "undetermined choice"

// standing are the flows of which connections live during every change.
var standing = []Flow{
	{From: "sw0-p1", To: "sw1-p2", Proto: "tcp", Dport: 8080},
	{From: "sw0-p1", To: "sw1-p2", Proto: "tcp", Dport: 8080}, // it differs in its source port only
	{From: "sw0-p3", To: "sw1-p3", Proto: "icmp"},
	{From: "sw0-p1", To: "30.0.0.10", Proto: "tcp", Dport: 80},
	{From: "sw0-p2", To: "30.0.0.10", Proto: "udp", Dport: 53},
	{From: "sw0-p3", To: "30.0.0.11", Proto: "tcp", Dport: 80},
	{From: "sw0-p1", To: "sw2-p1", Proto: "tcp", Dport: 8080},
	{From: "sw0-p2", To: "sw2-p2", Proto: "udp", Dport: 53},
	{From: "sw3-p3", To: "ext1", Proto: "tcp", Dport: 80},
	{From: "sw3-p3", To: "ext1", Proto: "udp", Dport: 123},
	{From: "ext1", To: "172.16.0.10", Proto: "tcp", Dport: 22},
	{From: "ext1", To: "172.16.0.10", Proto: "tcp", Dport: 22},
	{From: "ext1", To: "172.16.0.11", Proto: "tcp", Dport: 22},
	{From: "ext1", To: "172.16.0.50", Proto: "tcp", Dport: 80},
	{From: "sw4-p2", To: "ext3", Proto: "tcp", Dport: 443},
	{From: "ext3", To: "172.17.0.30", Proto: "udp", Dport: 4500},
	{From: "ext3", To: "172.17.0.50", Proto: "tcp", Dport: 80},
	{From: "sw4-p1", To: "30.0.0.20", Proto: "tcp", Dport: 80},
}

// WhatIf draws changes, lets the tool predict each, makes it, and compares. It takes the kinds in
// turn.
func (r *Runner) WhatIf(ctx context.Context, kinds []ChangeKind, changes int, seed uint64) (WhatIfScore, error) {
	score := WhatIfScore{}
	order := rand.New(rand.NewPCG(seed, 1<<33))
	var turn []int
	for n := range changes {
		if ctx.Err() != nil {
			return score, ctx.Err()
		}
		if len(turn) == 0 {
			turn = order.Perm(len(kinds))
		}
		kind := kinds[turn[0]]
		turn = turn[1:]
		d := &draw{rand.New(rand.NewPCG(seed, uint64(n)+1)), r.Lab.Topo, n}
		c := kind.Draw(d)
		began := time.Now()
		got, lines, err := r.predicted(ctx, c)
		if err != nil {
			return score, fmt.Errorf("change %d (%s: %s): %w", n+1, kind.Name, c.What, err)
		}
		score.Changes++
		score.add(got)
		fmt.Fprintf(r.Out, "whatif: %3d/%d %-18s right %2d wrong %d missed %d, %2d died %5.1f s  %s\n", n+1, changes, kind.Name, got.Right, got.Wrong, got.Missed, got.Died,
			time.Since(began).Seconds(), c.What)
		for _, l := range lines {
			fmt.Fprintf(r.Out, "        %s\n", l)
		}
	}
	return score, nil
}

// talk is a live connection and its next packets: the client's, and the server's.
type talk struct {
	flow   Flow
	next   [2]probe.Packet
	before [2]string // where they arrive
}

// predicted makes the connections, asks, makes the change, and compares.
func (r *Runner) predicted(ctx context.Context, c Change) (score WhatIfScore, lines []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, instanceTimeout)
	defer cancel()
	defer func() {
		cctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
		defer cancel()
		r.dirty = true
		err = errors.Join(err, r.change(cctx, c.Teardown, true), r.Probe.Flush())
	}()
	r.dirty = true
	if err := errors.Join(r.Lab.Revive(ctx), r.Probe.Flush()); err != nil {
		return score, nil, err
	}
	if err := r.change(ctx, c.Setup, true); err != nil {
		return score, nil, err
	}
	flags, remove, err := r.flags(ctx, &c)
	if err != nil {
		return score, nil, err
	}
	defer remove()
	if err := r.teach(ctx, c.Pairs); err != nil {
		return score, nil, err
	}
	talks, err := r.talks(ctx, slices.Concat(standing, c.Flows))
	if err != nil {
		return score, nil, err
	}
	fresh, pairs, forget, err := r.newConns(ctx, c.Pairs)
	defer forget()
	if err != nil {
		return score, nil, err
	}
	quiet := r.goOn(ctx, talks)
	answer, err := r.askWhatIf(ctx, slices.Concat(flags, pairs))
	if err == nil {
		r.dirty = true
		err = r.change(ctx, c.Apply, true)
	}
	quiet()
	if answer == nil {
		return score, nil, err
	}
	if err == nil {
		score, lines, err = r.compareTalks(ctx, talks, answer)
	}
	if err == nil && score.Unjudged == 0 {
		asked, more, nerr := r.compareNew(ctx, fresh, answer)
		score.add(asked)
		lines, err = append(lines, more...), nerr
	}
	cctx, stop := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer stop()
	r.dirty = true
	return score, lines, errors.Join(err, r.change(cctx, c.Undo, true))
}

// goOnPause is the time between two packets of a connection: the userspace datapath forgets an
// answered echo request after 30 s (lib/conntrack-tp.c: ICMP_REPLY).
const goOnPause = 4 * time.Second

// emit sends the next packets of both ends of connections, and does not wait for what becomes of
// them.
func (r *Runner) emit(talks []*talk) {
	for _, t := range talks {
		for _, p := range t.next {
			_ = r.Probe.Emit(p) // one that is lost does no harm: more follow
		}
	}
}

// goOn lets both ends of connections go on sending, until quiet is called.
func (r *Runner) goOn(ctx context.Context, talks []*talk) (quiet func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			r.emit(talks)
			select {
			case <-ctx.Done():
				return
			case <-time.After(goOnPause):
			}
		}
	}()
	return func() {
		cancel()
		<-done
		time.Sleep(300 * time.Millisecond) // until the last of them have arrived
	}
}

// talks makes a connection of each flow. Those that no chassis has an entry of are no live
// connections, and are left out.
func (r *Runner) talks(ctx context.Context, flows []Flow) ([]*talk, error) {
	var out []*talk
	for _, f := range flows {
		var t *talk
		for range 3 { // an answer may come too late for the probe
			whole, sent, err := r.works(ctx, f)
			if err != nil {
				return nil, err
			}
			if !whole {
				continue
			}
			t = &talk{flow: f}
			t.next[0], t.next[1] = sent[0].Packet, sent[1].Packet
			t.before = [2]string{arrivals(sent[0].Real), arrivals(sent[1].Real)}
			if f.Proto == "tcp" {
				t.next[0], t.next[1].Flags = sent[2].Packet, "ack"
				t.next[1].Seq++
			}
			break
		}
		if t == nil {
			continue // the set-up does not let it through: it never lives
		}
		out = append(out, t)
		r.emit(out) // so that none of them ends before all are made
	}
	entries, err := r.Probe.Entries()
	if err != nil {
		return nil, err
	}
	out = slices.DeleteFunc(out, func(t *talk) bool {
		p := t.next[0]
		for _, list := range entries {
			for _, e := range list {
				if e.Orig.Src.String() == p.Src && e.Orig.Dst.String() == p.Dst && (p.Sport == 0 || int(e.Orig.Sport) == p.Sport && int(e.Orig.Dport) == p.Dport) {
					return false
				}
			}
		}
		return true
	})
	return out, nil
}

// crashTime is how long a daemon that fails an assertion takes to end: Open vSwitch 3.1 fails one
// (lib/conntrack.c: conn_update_state) on some packets whose translation has gone.
const crashTime = 700 * time.Millisecond

// speakTries is how often a packet that does not arrive is sent: on a busy machine the probe may
// miss one.
const speakTries = 2

// speak sends the next packets of a connection and returns where they arrive, and as what; empty
// where they do not.
func (r *Runner) speak(ctx context.Context, t *talk) (out [2]string, err error) {
	for i, p := range t.next {
		for range speakTries {
			real, err := r.Probe.SendOne(ctx, p)
			if err != nil {
				return out, err
			}
			if out[i] = arrivals(real); out[i] != "" {
				break
			}
		}
	}
	return out, nil
}

// arrivals returns where a packet arrived and with which addresses. The chassis by which it leaves
// for the physical network makes no difference to who receives it.
func arrivals(real *probe.Reality) string {
	var out []string
	for _, e := range real.Ends {
		end := e.End
		if strings.HasPrefix(end, "external ") {
			end = "external"
		}
		h := e.Frame.Header
		text := fmt.Sprintf("%s %s:%s > %s:%s", end, h["ip_src"], h["l4_src"], h["ip_dst"], h["l4_dst"])
		if !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// compareTalks sends the next packets with the change made, and compares with the prediction.
func (r *Runner) compareTalks(ctx context.Context, talks []*talk, a *WhatIfAnswer) (score WhatIfScore, lines []string, err error) {
	if n := a.unseen(len(talks)); n > 0 {
		score.Wrong += n
		lines = append(lines, fmt.Sprintf("%d of %d live connections were not compared; %d were left out as closed", n, len(talks), a.Counts.Closing))
	}
	if a.offline != "" {
		score.Wrong++
		lines = append(lines, "from archives: "+a.offline)
	}
	if len(a.Gateways) > 0 {
		lines = append(lines, fmt.Sprintf("gateways: %+v", a.Gateways))
	}
	for i, t := range talks {
		after, err := r.speak(ctx, t)
		r.emit(talks[i+1:]) // so that none of them ends meanwhile
		var dead []string
		if err != nil || after != t.before {
			time.Sleep(crashTime)
			dead = r.Lab.Dead()
		}
		if len(dead) == 0 && err != nil {
			return score, lines, err
		}
		if len(dead) > 0 {
			// The entries of that chassis are gone with the daemon.
			score.Unjudged += len(talks) - i
			lines = append(lines, fmt.Sprintf("%s and later ones are not judged: %s", t.flow, strings.Join(dead, "; ")))
			return score, lines, r.Lab.Revive(ctx)
		}
		fate, text := a.fate(t)
		if fate == "dies" || fate == "moves" {
			text = cmp.Or(text, fate)
		}
		if score.judge(fate, text, after != t.before) {
			continue
		}
		lines = append(lines, fmt.Sprintf("%s (%s:%d): said %s %s", t.flow, t.next[0].Src, t.next[0].Sport, fate, text),
			fmt.Sprintf("  the client's packet arrived at %q, then at %q; the server's at %q, then at %q", t.before[0], after[0], t.before[1], after[1]))
	}
	if len(a.Warnings) > 0 && len(lines) > 0 {
		lines = append(lines, "warnings: "+strings.Join(a.Warnings, "; "))
	}
	return score, lines, nil
}

// ChangeKinds returns the kinds of change.
func ChangeKinds() []ChangeKind { return changeKinds }
