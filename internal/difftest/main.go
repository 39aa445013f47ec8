// Command difftest compares the kernel model of package ctstate with the running kernel. In a new
// network namespace it sends random packets through conntrack and NAT, computes the same step with
// the model, and compares state, forwarded packet and entry after every packet. It needs root.
//
// It uses nftables instead of the openvswitch module, over the same nf_conntrack and nf_nat.
// docs/conntrack.md describes the limits of that.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
)

func main() {
	steps := flag.Int("steps", 50000, "packets to send")
	seed := flag.Uint64("seed", uint64(time.Now().UnixNano()), "seed of the generator")
	stats := flag.Bool("stats", false, "print how often each kind of result was compared")
	show := flag.Int("show", 10, "disagreements to print in full")
	datapath := flag.String("datapath", "nft", "datapath to compare with: nft, userspace or ovs-kernel")
	programs := flag.Int("programs", 40, "random programs of actions in each zone (userspace and ovs-kernel)")
	flag.Parse()
	t := tally{seed: *seed, show: *show, out: os.Stdout, kinds: make(map[string]int)}
	var r runner
	switch *datapath {
	case "nft":
		r = &differ{tally: t}
	case "userspace", "ovs-kernel":
		r = &ovsDiffer{tally: t, kernel: *datapath == "ovs-kernel", perZone: *programs}
	default:
		fmt.Fprintf(os.Stderr, "difftest: -datapath %s: want nft, userspace or ovs-kernel\n", *datapath)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := compareAll(ctx, r, *steps, *stats, os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// runner is one comparison.
type runner interface {
	run(ctx context.Context, steps int) error
	counted() *tally
}

// tally holds the counts of a comparison.
type tally struct {
	seed  uint64
	show  int
	out   io.Writer
	steps int
	wrong int
	kinds map[string]int
}

func (t *tally) counted() *tally { return t }

// compareAll runs the comparison and returns the exit status.
func compareAll(ctx context.Context, r runner, steps int, stats bool, stdout, stderr io.Writer) int {
	done := make(chan error)
	// Its thread is in another namespace and ends with the goroutine.
	go func() { done <- r.run(ctx, steps) }()
	err := <-done
	if err != nil {
		fmt.Fprintln(stderr, "difftest:", err)
	}
	t := r.counted()
	if stats {
		for _, k := range slices.Sorted(maps.Keys(t.kinds)) {
			fmt.Fprintf(stdout, "%8d %s\n", t.kinds[k], k)
		}
	}
	fmt.Fprintf(stdout, "difftest: steps=%d disagreements=%d seed=%d\n", t.steps, t.wrong, t.seed)
	if err != nil || t.wrong > 0 {
		return 1
	}
	return 0
}

// scenario is the number of packets until the table is emptied, few enough that nothing expires.
const scenario = 150

// differ is one run.
type differ struct {
	tally
	k       *ctstate.Kernel
	o       *ctstate.Overlay
	h       *host
	began   time.Time // of the scenario
	gen     *generator
	history []string
}

func (d *differ) run(ctx context.Context, steps int) error {
	rnd := rand.New(rand.NewPCG(d.seed, 0))
	specs := makeSpecs(rnd)
	h, err := newHost(specs)
	if err != nil {
		return err
	}
	d.h, d.k = h, ctstate.NewKernel(release())
	for d.steps < steps {
		if err := ctx.Err(); err != nil {
			return err
		}
		d.o = ctstate.NewOverlay(nil)
		d.gen = &generator{rnd: rnd, specs: specs, owner: make(map[owned]*flow)}
		d.history = d.history[:0]
		if err := h.flush(); err != nil {
			return err
		}
		d.began = time.Now()
		for range min(scenario, steps-d.steps) {
			if d.late() {
				break
			}
			if err := d.step(); err != nil {
				return err
			}
		}
	}
	return d.streams(specs, rnd)
}

// maxScenario is the maximum duration of a scenario, so that no UDP connection becomes a stream:
// the model knows that time only to the second.
const maxScenario = 1500 * time.Millisecond

// late reports whether the machine was too slow: entries may have aged, so that a comparison has no
// meaning.
func (d *differ) late() bool { return d.o.Now == nil && time.Since(d.began) > maxScenario }

// release returns the release of the running kernel.
func release() ctstate.Release {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ctstate.Release{}
	}
	r, err := ctstate.ParseRelease(unix.ByteSliceToString(u.Release[:]))
	if err != nil {
		return ctstate.Release{}
	}
	return r
}

// lookup returns the model's entry.
func (d *differ) lookup(zone uint16, t ctstate.Tuple) *ctstate.Entry {
	e, err := d.o.Lookup(context.Background(), zone, t)
	if err != nil {
		return nil
	}
	return &e
}

// step sends one random packet and compares. After a disagreement the model copies the kernel's
// state.
func (d *differ) step() error { return d.one(d.gen.next(d.lookup)) }

// streams waits until UDP connections are old enough to be streams, which does not happen in random
// scenarios.
func (d *differ) streams(specs []natSpec, rnd *rand.Rand) error {
	clock := func() int64 { return time.Now().Unix() }
	d.o, d.k.Now = ctstate.NewOverlay(nil), clock
	d.o.Now = clock
	d.gen = &generator{rnd: rnd, specs: specs, owner: make(map[owned]*flow)}
	d.history = d.history[:0]
	if err := d.h.flush(); err != nil {
		return err
	}
	var flows []*flow
	for i, text := range []string{"udp 10.0.0.1:1000>10.1.0.1:53", "udp [fd00::1]:1000>[fd00::2]:53", "udp 10.0.0.2:1000>10.1.0.1:53"} {
		t, err := ctstate.ParseTuple(text)
		if err != nil {
			return err
		}
		flows = append(flows, &flow{id: i + 1, zone: zones[0], orig: t})
	}
	send := func(f *flow, reply bool) error {
		t := f.orig
		if reply {
			t, _ = t.Invert()
		}
		return d.one(packet{f: f, p: ctstate.Packet{IP: true, Tuple: t}, text: fmt.Sprintf("flow %d zone %d: %v", f.id, f.zone, t)})
	}
	for _, wait := range []time.Duration{0, 3200 * time.Millisecond} {
		time.Sleep(wait)
		for i, f := range flows {
			if err := send(f, false); err != nil {
				return err
			}
			if i == 2 { // the third flow is not answered
				continue
			}
			if err := send(f, true); err != nil {
				return err
			}
		}
	}
	return nil
}

// one compares one packet.
func (d *differ) one(pk packet) error {
	f := pk.f
	if d.skip(&pk) {
		return nil
	}
	before := d.lookup(f.zone, pk.p.Tuple)
	act := ctstate.Action{Zone: f.zone, Commit: true, NAT: d.gen.nat(f)}
	r, err := d.k.Do(context.Background(), d.o, ctstate.Conn{}, pk.p, act)
	if err != nil {
		return fmt.Errorf("model: %w", err)
	}
	if act.NAT.Dst && r.Dropped && r.Conn.Entry.Status&ctstate.DstNAT == 0 {
		return nil // OVS adds no source binding here and drops the packet; nftables always adds one
	}
	d.steps++
	if r.Committed != nil && r.Hit == nil {
		d.gen.owner[owned{f.zone, r.Committed.Orig}] = f
	}
	came, err := d.h.send(f.zone, wire(&pk.p, pk.tcp, f.spec))
	if err != nil {
		return err
	}
	d.history = append(d.history, fmt.Sprintf("%s -> model %v %v", pk.text, r.Conn.State, r.Why))
	key := pk.p.Tuple
	if pk.p.Inner != nil {
		if inv, ok := pk.p.Inner.Invert(); ok {
			key = inv
		}
	}
	kernel, err := d.h.get(f.zone, key)
	if err != nil && !errors.Is(err, ctstate.ErrNotFound) {
		return err
	}
	gone := err != nil
	d.count(&pk, &r)
	if came == nil && gone && r.Certainty == ctstate.Undetermined && r.Deleted != nil && r.Deleted.Orig != pk.p.Tuple {
		d.kinds["answer eviction refused"]++ // the model said that the kernel may evict or drop
		return nil
	}
	d.o.Apply(r)
	d.bothBound(&r)
	if r.Certainty == ctstate.Undetermined && !gone {
		d.adopt(&pk, &r, kernel)
	}
	diffs := d.compareOutput(&pk, &r, came)
	diffs = append(diffs, d.compareEntry(f.zone, key, kernel, gone)...)
	if len(diffs) > 0 && d.late() {
		d.kinds["answer discarded, too late"]++
		d.steps--
		return nil
	}
	if len(diffs) > 0 {
		d.report(&pk, diffs)
		d.resync(f.zone, key, kernel, gone)
	}
	pk.sent(before, &r)
	return nil
}

// count counts the kind of result that a step compared.
func (d *differ) count(pk *packet, r *ctstate.Result) {
	d.kinds["proto "+ctstate.ProtoName(pk.p.Tuple.Proto)]++
	d.kinds["state "+r.Conn.State.String()]++
	d.kinds[fmt.Sprintf("certainty %d", r.Certainty)]++
	for name, is := range map[string]bool{
		"dropped": r.Dropped, "deleted": r.Deleted != nil, "new entry": r.Committed != nil && r.Hit == nil,
		"translated": r.NATed, "quoting": pk.p.Inner != nil, "IPv6": pk.p.Tuple.IsIPv6(),
		"range": len(r.Ranges) > 0, "reopened": r.Deleted != nil && r.Committed != nil && r.Hit == nil,
		"new by hash of IPv6": r.Certainty == ctstate.Predicted && pk.p.Tuple.IsIPv6() && r.Hit == nil,
		"new by hash of IPv4": r.Certainty == ctstate.Predicted && !pk.p.Tuple.IsIPv6() && r.Hit == nil,
	} {
		if is {
			d.kinds["answer "+name]++
		}
	}
	if pk.p.Tuple.Proto == ctstate.ProtoTCP && r.Conn.Entry.TCP != nil {
		d.kinds["TCP state "+r.Conn.Entry.TCP.State.String()]++
	}
}

// skip reports whether a step must be skipped because nftables differs from OVS by design: it first
// adds a null destination binding to every connection, which changes an ICMP id if the reply tuple
// is taken.
func (d *differ) skip(pk *packet) bool {
	t := pk.p.Tuple
	if t.Proto != ctstate.ProtoICMP && t.Proto != ctstate.ProtoICMPv6 || d.lookup(pk.f.zone, t) != nil {
		return false
	}
	inv, ok := t.Invert()
	return ok && d.gen.nat(pk.f).Src && d.lookup(pk.f.zone, inv) != nil
}

// bothBound sets both NAT_DONE bits in the result, because nftables adds both bindings to every
// connection, and OVS one.
func (d *differ) bothBound(r *ctstate.Result) {
	if r.Committed == nil || r.Hit != nil {
		return
	}
	e := d.lookup(r.Committed.Zone, r.Committed.Orig)
	if e == nil {
		return
	}
	e.Status |= ctstate.SrcNATDone | ctstate.DstNATDone
	d.o.Put(*e)
}

// adopt copies an unpredictable port from the kernel to the model, if it is in the model's range.
func (d *differ) adopt(pk *packet, r *ctstate.Result, kernel ctstate.Entry) {
	if len(r.Ranges) == 0 || r.Committed == nil || kernel.Orig != r.Committed.Orig {
		return
	}
	got, ok := kernel.Reply.Invert()
	want, ok2 := r.Committed.Reply.Invert()
	if !ok || !ok2 {
		return
	}
	inRange := func(got, want uint16) bool {
		return got == want || slices.ContainsFunc(r.Ranges, func(g ctstate.Range) bool { return g.Min <= got && got <= g.Max })
	}
	if !inRange(got.Src.Port(), want.Src.Port()) || !inRange(got.Dst.Port(), want.Dst.Port()) || !inRange(got.ICMPID, want.ICMPID) {
		return // remains a disagreement
	}
	e := *d.lookup(r.Committed.Zone, r.Committed.Orig)
	e.Reply = kernel.Reply
	e.Status = e.Status&^(ctstate.SrcNAT|ctstate.DstNAT) | kernel.Status&(ctstate.SrcNAT|ctstate.DstNAT)
	d.o.Apply(ctstate.Result{Deleted: r.Committed})
	d.o.Put(e)
	r.Committed = &e
	out := pk.p
	out.Tuple = got
	if got.Proto == ctstate.ProtoICMPv6 && got.ICMPType > 129 {
		out.Tuple.ICMPID = pk.p.Tuple.ICMPID // only the entry's id changes, not the packet's
	}
	if got.Src.Addr() != want.Src.Addr() || got.Dst.Addr() != want.Dst.Addr() {
		return // the predicted address is wrong: compareOutput reports it
	}
	r.Packet = out
}

// resync copies the kernel's entry to the model's table, so that a disagreement is reported once.
func (d *differ) resync(zone uint16, key ctstate.Tuple, kernel ctstate.Entry, gone bool) {
	if e := d.lookup(zone, key); e != nil {
		d.o.Apply(ctstate.Result{Deleted: e})
		if e.TCP != nil && kernel.TCP != nil {
			kernel.TCP.Last = e.TCP.Last
		}
	}
	if !gone {
		if e := d.lookup(zone, kernel.Orig); e != nil {
			d.o.Apply(ctstate.Result{Deleted: e})
		}
		kernel.Source = ctstate.FromNone
		d.o.Put(kernel)
	}
}

func (d *differ) report(pk *packet, diffs []string) {
	d.wrong++
	if d.wrong > d.show {
		return
	}
	fmt.Fprintf(d.out, "disagreement %d at step %d, nat %s:\n", d.wrong, d.steps, d.natText(pk.f))
	for _, line := range diffs {
		fmt.Fprintln(d.out, "  ", line)
	}
	fmt.Fprintln(d.out, "  the packets of this flow and of its tuple:")
	prefix := fmt.Sprintf("flow %d ", pk.f.id)
	for _, line := range d.history {
		if strings.HasPrefix(line, prefix) || strings.Contains(line, pk.p.Tuple.Src.String()) && strings.Contains(line, pk.p.Tuple.Dst.String()) {
			fmt.Fprintln(d.out, "    ", line)
		}
	}
}

func (d *differ) natText(f *flow) string {
	if f.spec == 0 {
		return "none"
	}
	return d.gen.specs[f.spec-1].rule()
}
