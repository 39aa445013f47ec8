package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ctdpif"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// ways holds the alternatives chosen for the actions of a walk.
type ways struct {
	index, options []int
	at             int
}

// pick returns the alternative of a result for this walk.
func (y *ways) pick(r ctstate.Result) ctstate.Result {
	n := len(r.Alternatives)
	if n == 0 {
		return r
	}
	if y.at == len(y.index) {
		y.index, y.options = append(y.index, 0), append(y.options, n)
	}
	y.at++
	return r.Alternatives[min(y.index[y.at-1], n-1)].Result
}

// next prepares the next walk, and returns false after the last one.
func (y *ways) next() bool {
	y.at = 0
	for i := len(y.index) - 1; i >= 0; i-- {
		if y.index[i]+1 < y.options[i] {
			y.index, y.options = y.index[:i+1], y.options[:i+1]
			y.index[i]++
			return true
		}
	}
	return false
}

// readBack replaces the model's state by what the datapath's table and settings show, as in a
// trace. It returns errNext if the table is ambiguous because two connections share a direction.
func (d *ovsDiffer) readBack() error {
	if d.limits != nil { // other settings do not change during a scenario
		d.model.(*ctdpif.Tracker).Reset()
	}
	d.tbl.Reset()
	m, seen := ctstate.NewMemTable(), map[owned]bool{}
	ctx, cancel := bounded()
	defer cancel()
	for e, err := range d.tbl.All(ctx, nil) {
		if err != nil {
			return fmt.Errorf("%w: %w", errGone, err)
		}
		orig, reply := owned{e.Zone, e.Orig}, owned{e.Zone, e.Reply}
		if seen[orig] || seen[reply] {
			return errNext
		}
		seen[orig], seen[reply] = true, true
		m.Insert(e)
	}
	d.o = ctstate.NewOverlay(m)
	return nil
}

// compareRead is compareStep for a model that only reads: one of its alternatives must agree with
// the datapath.
func (d *ovsDiffer) compareRead(pk *packet, n int) (w *walk, diffs []string, err error) {
	prog, pre := &d.programs[n], d.o
	defer func() { d.o, d.way = pre, nil }()
	each := func(adopt func(*ctstate.Result, *ctstate.Packet) error, visit func(*walk) (bool, error)) error {
		d.way = &ways{}
		for more := true; more; more = d.way.next() {
			d.o = pre.Fork()
			w, err := d.walk(d.o, *pk, prog, adopt)
			if err != nil {
				return err
			}
			if done, err := visit(w); done || err != nil {
				return err
			}
		}
		return nil
	}
	dropped := false
	if err := each(nil, func(w *walk) (bool, error) { dropped = w.dropped; return false, nil }); err != nil {
		if errors.Is(err, errNext) {
			err = errSkip
		}
		return nil, nil, err
	}
	d.tbl.Reset()
	d.history = append(d.history, fmt.Sprintf("%s | %s", pk.text, prog))
	line := &d.history[len(d.history)-1]
	got, err := d.exchange(pk, n, dropped)
	if err != nil {
		return nil, nil, err
	}
	tried := 0
	err = each(d.adopt, func(one *walk) (bool, error) {
		tried++
		if one.assumed {
			return true, errNext
		}
		these, err := d.compareAllOf(one, got)
		*line += fmt.Sprintf(" -> model %s", strings.Join(one.why, ", "))
		if w = one; len(these) == 0 || err != nil {
			diffs = nil
			return true, err
		}
		diffs = append(append(diffs, fmt.Sprintf("as %v:", d.way.index)), these...)
		return false, nil
	})
	d.kinds[fmt.Sprintf("read back, alternative %d agreed", tried)]++
	return w, diffs, err
}

// drawLimits draws the limits of a scenario's table, mostly none.
func drawLimits(rnd *rand.Rand) []string {
	if rnd.IntN(3) != 0 {
		return nil
	}
	var out []string
	if rnd.IntN(2) == 0 {
		out = append(out, fmt.Sprintf("dpctl/ct-set-maxconns %d", rnd.IntN(8)))
	}
	if rnd.IntN(2) == 0 {
		out = append(out, fmt.Sprintf("dpctl/ct-set-limits zone=%d,limit=%d", zones[rnd.IntN(len(zones))], rnd.IntN(5)))
	}
	if rnd.IntN(2) == 0 {
		out = append(out, fmt.Sprintf("dpctl/ct-set-limits default=%d", 1+rnd.IntN(5)))
	}
	return out
}

// setLimits sets exactly the scenario's limits in the datapath.
func (d *ovsDiffer) setLimits() error {
	var all []string
	for _, z := range zones {
		all = append(all, fmt.Sprint(z))
	}
	d.v.call("dpctl/ct-del-limits", "zone="+strings.Join(all, ",")) // fails if there is no limit
	for _, text := range append([]string{"dpctl/ct-set-maxconns 3000000", "dpctl/ct-set-limits default=4294967295"}, d.limits...) {
		method, arg, _ := strings.Cut(text, " ")
		if err := d.v.call(method, arg); err != nil {
			return err
		}
	}
	return nil
}

// askAll makes the model read all settings and counts while the table is empty; the model then
// counts its own entries.
func (d *ovsDiffer) askAll() error {
	ctx, cancel := bounded()
	defer cancel()
	t, err := ctstate.ParseTuple("udp 10.0.0.1:1>10.0.0.2:2")
	for _, z := range zones {
		if err == nil {
			_, err = d.model.Do(ctx, ctstate.NewMemTable(), ctstate.Conn{}, ctstate.Packet{IP: true, Tuple: t}, ctstate.Action{Zone: z, Commit: true})
		}
	}
	return broken(err)
}

// policies returns the timeouts of the vswitch's zones, which it reads from the database once.
func (v *vswitch) policies(ctx context.Context) (_ map[uint16]map[string]uint32, err error) {
	if v.timeouts == nil {
		v.timeouts, err = v.readPolicies(ctx)
	}
	return v.timeouts, err
}

func (v *vswitch) readPolicies(ctx context.Context) (map[uint16]map[string]uint32, error) {
	db, err := ovn.DialOVS(ctx, ovsdb.Options{Remotes: "unix:" + v.dir + "/db.sock"})
	if err != nil {
		return nil, err
	}
	defer db.Close()
	return db.TimeoutPolicies(ctx, "dummy")
}

// setPolicy gives a zone a timeout policy. Since Open vSwitch 3.3 a policy that comes with the
// zone's row is not applied, and one that replaces another is (vswitchd/bridge.c:
// ct_zones_reconfigure).
func (v *vswitch) setPolicy(db string, zone uint16) error {
	policy := []string{"udp_first=70", "udp_single=95", "udp_multiple=170", "icmp_first=48", "icmp_reply=75",
		"tcp_syn_sent=35", "tcp_syn_recv=55", "tcp_established=5000", "tcp_fin_wait=400", "tcp_time_wait=90", "tcp_close=110"}
	for n := 1; n <= len(policy); n += len(policy) - 1 {
		add := []string{"--db=" + db, "--timeout=60", "--may-exist", "add-zone-tp", "dummy", fmt.Sprintf("zone=%d", zone)}
		if err := v.run("", "ovs-vsctl", append(add, policy[:n]...)...); err != nil {
			return err
		}
	}
	return nil
}
