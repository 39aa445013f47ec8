package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ctdpif"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/syntax"
)

// ovsDiffer compares a model with a running Open vSwitch.
type ovsDiffer struct {
	tally
	kernel   bool
	perZone  int // number of random programs for each zone
	model    ctstate.Tracker
	v        *vswitch
	table    kernelTable
	tbl      *ctdpif.Table
	programs []program
	o        *ctstate.Overlay
	gen      *generator
	history  []string
	sent     []sent
	loose    bool // neither side checks sequence numbers in this scenario
	reading  bool // the model knows only what the datapath's table shows (userspace)
	way      *ways
	limits   []string // settings of this scenario (userspace)
	crashes  int
	// sctpLeftOut counts the connections of SCTP that this Open vSwitch is too old for.
	sctpLeftOut int
	as          *ctstate.Release // release to model, if not the running one
}

// A scenario is short enough that no entry expires in it, even on a slow machine.
const (
	ovsScenario    = 80
	ovsMaxScenario = 8 * time.Second
)

// errNext ends a scenario whose further steps cannot be compared. errSkip skips one step.
var (
	errNext = errors.New("next scenario")
	errSkip = errors.New("skip")
)

func (d *ovsDiffer) run(ctx context.Context, steps int) error {
	rnd := rand.New(rand.NewPCG(d.seed, 0))
	// Never unlocked: the thread ends with its goroutine, and with it the thread's namespace and the
	// daemons that it started.
	runtime.LockOSThread()
	if d.kernel {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("new network namespace: %w", err)
		}
		if err := d.table.open(); err != nil {
			return err
		}
	}
	d.programs = makePrograms(rnd, d.perZone)
	defer func() {
		if d.v != nil {
			d.v.stop()
		}
		if d.sctpLeftOut > 0 {
			fmt.Fprintf(d.out, "difftest: left out: %d connections of SCTP, because Open vSwitch %v ignores its ports (3.2 does not)\n",
				d.sctpLeftOut, d.v.release)
		}
	}()
	if err := d.start(); err != nil {
		return err
	}
	for n := 0; d.steps < steps; n++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := d.scenario(rnd, n, steps); err != nil {
			return err
		}
	}
	return nil
}

// sctpPorts reports whether connections have SCTP's ports ("conntrack: Extract l4 information for
// SCTP"). Without them a translated one is entered with ports that no packet has: what 3.1 then
// finds depends on what it has translated before.
func sctpPorts(r ctstate.Release) bool { return r.AtLeast(3, 2) }

// start starts Open vSwitch and adds the programs.
func (d *ovsDiffer) start() (err error) {
	if d.v, err = newVswitch(d.kernel); err != nil {
		return err
	}
	d.tbl = ctdpif.New(ctdpif.Socket{Path: d.v.ctl.Path}, "")
	return d.v.flows(flowText(d.programs))
}

func (d *ovsDiffer) scenario(rnd *rand.Rand, n, steps int) error {
	if !d.kernel {
		d.limits, d.reading = drawLimits(rnd), n%4 >= 2
	}
	switch err := d.setUp(n%2 == 0); {
	case errors.Is(err, errGone):
		return d.crashed()
	case err != nil:
		return err
	}
	d.o = ctstate.NewOverlay(nil)
	d.gen = &generator{rnd: rnd, specs: []natSpec{{}}, owner: make(map[owned]*flow), loose: d.loose, user: !d.kernel,
		sctp: !d.kernel && sctpPorts(d.v.release)}
	defer func() { d.sctpLeftOut += d.gen.leftOut }()
	d.history, d.sent = d.history[:0], d.sent[:0]
	began := time.Now()
	for range ovsScenario {
		if d.steps >= steps || time.Since(began) > ovsMaxScenario {
			return nil
		}
		switch err := d.step(rnd); {
		case errors.Is(err, errNext):
			return nil
		case errors.Is(err, errGone):
			return d.crashed()
		case err != nil:
			return err
		}
	}
	return nil
}

// maxCrashes is how often ovs-vswitchd may crash or hang: packets can trigger assertions of OVS
// 3.1, and spoil the table of OVS 3.5, so that a dump or a flush of it meets freed connections.
const maxCrashes = 20

func (d *ovsDiffer) crashed() error {
	d.crashes++
	d.kinds["ovs-vswitchd crashed"]++
	fmt.Fprintf(d.out, "ovs-vswitchd crashed: %s\n", d.v.crash())
	for _, line := range d.history[max(0, len(d.history)-4):] {
		fmt.Fprintln(d.out, "    ", line)
	}
	d.v.stop()
	if d.crashes > maxCrashes {
		return errGone
	}
	return d.start()
}

// setUp empties the table and enables or disables sequence checks, in datapath and model.
func (d *ovsDiffer) setUp(loose bool) error {
	d.loose = loose
	if !d.kernel {
		u := &ctstate.Userspace{Release: d.v.release, Timeouts: ctstate.DefaultUserTimeouts(), NoSeqCheck: loose}
		if d.as != nil {
			u.Release = *d.as
		}
		d.model = ctdpif.NewTracker(d.v.ctl, "", u, d.v.policies)
		if err := d.setLimits(); err != nil {
			return err
		}
		method := "dpctl/ct-enable-tcp-seq-chk"
		if loose {
			method = "dpctl/ct-disable-tcp-seq-chk"
		}
		if err := d.v.call(method); err != nil {
			return err
		}
		if err := d.v.call("dpctl/flush-conntrack"); err != nil {
			return err
		}
		return d.askAll()
	}
	k := ctstate.NewKernel(release())
	k.Sysctl.TCPBeLiberal, k.Sysctl.TCPIgnoreInvalidRST = loose, loose
	d.model = k
	value := map[bool]string{false: "0", true: "1"}[loose]
	for _, name := range []string{"nf_conntrack_tcp_be_liberal", "nf_conntrack_tcp_ignore_invalid_rst"} {
		if err := os.WriteFile("/proc/sys/net/netfilter/"+name, []byte(value), 0); err != nil {
			return err
		}
	}
	return d.table.flush()
}

// step sends one packet through one program and compares.
func (d *ovsDiffer) step(rnd *rand.Rand) error {
	if d.reading {
		if err := d.readBack(); err != nil {
			return err
		}
	}
	pk := d.gen.next(d.lookup)
	var fit []int
	for i := range d.programs {
		p := &d.programs[i]
		if p.zone == pk.f.zone && (p.one || d.loose || pk.p.Tuple.Proto != ctstate.ProtoTCP) {
			fit = append(fit, i)
		}
	}
	n := fit[rnd.IntN(len(fit))]
	if d.unfit(&pk, &d.programs[n]) {
		return nil
	}
	return d.one(&pk, n)
}

// unfit reports whether the packet must be skipped because the generator could not follow its
// flow's sequence numbers.
func (d *ovsDiffer) unfit(pk *packet, p *program) bool {
	if d.loose || pk.p.Tuple.Proto != ctstate.ProtoTCP {
		return false
	}
	return slices.ContainsFunc(p.ops, func(o op) bool { return o.act.Force || o.set }) || !d.kernel && d.beforePeer(pk)
}

// beforePeer reports whether a packet has no acknowledgement and the other side has not sent: the
// userspace datapath assumes that it acknowledges zero, which may be far from the other side's
// numbers.
func (d *ovsDiffer) beforePeer(pk *packet) bool {
	e := d.lookup(pk.f.zone, pk.p.Tuple)
	if e == nil || e.UserTCP == nil || pk.tcp.flags&ack != 0 {
		return false
	}
	me, peer := e.UserTCP.Orig, e.UserTCP.Reply
	if !pk.fromClient {
		me, peer = peer, me
	}
	return peer < ctstate.UserTCPSynSent && (pk.tcp.flags&syn == 0 || me > ctstate.UserTCPSynSent)
}

// lookup gives the model's entry.
func (d *ovsDiffer) lookup(zone uint16, t ctstate.Tuple) *ctstate.Entry {
	e, err := d.o.Lookup(context.Background(), zone, t)
	if err != nil {
		return nil
	}
	return &e
}

// real returns the datapath's entry.
func (d *ovsDiffer) real(zone uint16, t ctstate.Tuple) (ctstate.Entry, bool, error) {
	var e ctstate.Entry
	var err error
	if d.kernel {
		e, err = d.table.get(zone, t)
	} else {
		ctx, cancel := bounded()
		defer cancel()
		e, err = d.tbl.Lookup(ctx, zone, t)
	}
	if errors.Is(err, ctstate.ErrNotFound) {
		return e, false, nil
	}
	var text *syntax.Error
	if err != nil && !d.kernel && !errors.As(err, &text) {
		return e, false, fmt.Errorf("%w: %w", errGone, err) // its socket does not answer
	}
	return e, err == nil, err
}

// sent is one step of the scenario, for replay.
type sent struct {
	pk      packet
	program int
}

// one compares one packet.
func (d *ovsDiffer) one(pk *packet, n int) error {
	d.sent = append(d.sent, sent{*pk, n})
	w, diffs, err := d.compareStep(pk, n)
	if errors.Is(err, errNext) {
		d.kinds["answer not comparable"]++
	}
	if errors.Is(err, errSkip) {
		d.sent = d.sent[:len(d.sent)-1]
		return nil
	}
	if err != nil {
		return err
	}
	prog := &d.programs[n]
	d.steps++
	d.countStep(pk, w, prog)
	if w.first.Committed != nil && w.first.Hit == nil {
		d.gen.owner[owned{pk.f.zone, w.first.Committed.Orig}] = pk.f
	}
	pk.sent(w.before, &w.first)
	if len(diffs) == 0 {
		if w.stale {
			return errNext
		}
		return nil
	}
	if d.kernel && len(prog.ops) > 1 {
		for range prog.ops { // each replay has one upcall less
			if diffs, err = d.replay(); err != nil {
				return err
			}
			if len(diffs) == 0 {
				d.kinds["answer agreed when nothing took an upcall"]++
				return errNext
			}
		}
	}
	d.report(pk, prog, diffs)
	return errNext
}

// replay repeats the scenario, whose flows are in the datapath now, and returns the differences at
// the last step. A packet with an upcall between two actions loses its conntrack entry
// (ovs_ct_find_existing).
func (d *ovsDiffer) replay() (diffs []string, err error) {
	if err := d.setUp(d.loose); err != nil {
		return nil, err
	}
	d.o = ctstate.NewOverlay(nil)
	for i := range d.sent {
		pk := d.sent[i].pk
		if _, diffs, err = d.compareStep(&pk, d.sent[i].program); err != nil {
			return nil, err
		}
	}
	return diffs, nil
}
