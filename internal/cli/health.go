package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/audit"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// checkup is a chassis' counters at two times, and its clock's difference from this machine's.
type checkup struct {
	before, after *node.Health
	skew          time.Duration // positive: the chassis is ahead; 0 when within the duration of the request
}

// examineNode reads a node's counters twice, and calls rest before it waits in between; nil for a
// node of an older version, which does not know the request.
func examineNode(ctx context.Context, n node.Node, interval time.Duration, rest func()) (*checkup, error) {
	e, ok := n.(node.Examiner)
	if !ok {
		return nil, nil
	}
	var c checkup
	var err error
	asked := time.Now()
	if c.before, err = e.Health(ctx); errors.Is(err, errors.ErrUnsupported) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	c.skew = skew(asked, time.Now(), c.before.Time)
	rest()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(interval):
	}
	if c.after, err = e.Health(ctx); err != nil {
		return nil, err
	}
	return &c, nil
}

// skew returns the difference of a clock that showed there between asked and answered; 0 when it
// was between them.
func skew(asked, answered, there time.Time) time.Duration {
	switch {
	case there.Before(asked):
		return there.Sub(asked)
	case there.After(answered):
		return there.Sub(answered)
	}
	return 0
}

// summary returns the counters for the line of a chassis in doctor's answer.
func (c *checkup) summary() string {
	var b strings.Builder
	for _, d := range c.after.Datapaths {
		fmt.Fprintf(&b, "; %s: %d hits, %d misses, %d lost upcalls, %d masks", d.Name, d.Hit, d.Missed, d.Lost, d.Masks)
	}
	if ct := c.after.Conntrack; ct.Max > 0 {
		fmt.Fprintf(&b, "; %d of %d connections", ct.Count, ct.Max)
	}
	if len(c.after.Datapaths) > 0 && len(c.after.Unknown) == 0 { // the kernel's conntrack: its settings decide which packets are invalid
		fmt.Fprintf(&b, "; nf_conntrack_tcp_be_liberal %s, nf_conntrack_tcp_loose %s", onOff(c.after.Conntrack.TCPBeLiberal), onOff(c.after.Conntrack.TCPLoose))
	}
	if why := c.after.ZonesUnknown; why != "" {
		b.WriteString("; its zones were not compared with ovn-controller's: " + why)
	}
	return b.String()
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

// zones returns the zones that the bridge and ovn-controller number differently, in both readings:
// in one, the zone may just have been made.
func (c *checkup) zones() (out []string) {
	number := func(z *uint16) string {
		if z == nil {
			return "unknown"
		}
		return strconv.Itoa(int(*z))
	}
	text := func(z node.ZoneDifference) string {
		return fmt.Sprintf("%s is %s on the bridge and %s to ovn-controller", z.Name, number(z.Bridge), number(z.Controller))
	}
	before := map[string]bool{}
	for _, z := range c.before.Zones {
		before[text(z)] = true
	}
	for _, z := range c.after.Zones {
		if before[text(z)] {
			out = append(out, text(z))
		}
	}
	return out
}

// maxListed is the maximum number of items of a list in a sentence.
const maxListed = 5

// list joins items, of which it names the first maxListed.
func list(items []string) string {
	if n := len(items) - maxListed; n > 0 {
		items = append(slices.Clone(items[:maxListed]), fmt.Sprintf("%d more", n))
	}
	return strings.Join(items, ", ")
}

// rise returns by how much a counter of conntrack rose between the two readings. It is 0 where that
// is unknown: part of a reading failed, or the counter began anew.
func (c *checkup) rise(before, after uint64) uint64 {
	if len(c.before.Unknown)+len(c.after.Unknown) > 0 || after < before {
		return 0
	}
	return after - before
}

// The bounds of doctor's findings.
const (
	maxSkew = 2 * time.Second // between the clocks of this machine and a chassis
)

// health adds findings from the counters of a chassis. Losses that do not rise during the check are
// only information: the counters begin when the datapath is created.
func (f *findings) health(c *checkup, where map[string]string) {
	for _, d := range c.after.Datapaths {
		if d.Lost == 0 {
			continue
		}
		sev, when := report.SeverityInfo, "none of them while doctor looked"
		if i := slices.IndexFunc(c.before.Datapaths, func(b node.DatapathStats) bool { return b.Name == d.Name }); i >= 0 && d.Lost > c.before.Datapaths[i].Lost {
			sev, when = report.SeverityWarning, fmt.Sprintf("%d of them while doctor looked", d.Lost-c.before.Datapaths[i].Lost)
		}
		f.say(sev, report.CodeUpcallsLost, fmt.Sprintf("datapath %s has dropped %d packets whose upcalls did not reach ovs-vswitchd, %s: no trace shows that", d.Name, d.Lost, when),
			"see ovs-appctl dpctl/show, and coverage/show for handler threads that are too slow", where)
	}
	ct, was := c.after.Conntrack, c.before.Conntrack
	dropped, early := c.rise(was.Drop, ct.Drop), c.rise(was.EarlyDrop, ct.EarlyDrop)
	switch {
	case audit.NearlyFull(ct.Count, ct.Max), dropped+early > 0:
		f.say(report.SeverityWarning, report.CodeTableFull, fmt.Sprintf("conntrack has %d of %d connections; while doctor looked it dropped %d packets for want of an entry and removed %d entries early",
			ct.Count, ct.Max, dropped, early), "raise net.netfilter.nf_conntrack_max (kernel) or dpctl/ct-set-maxconns (userspace), or find who opens them", where)
	case ct.Drop+ct.EarlyDrop > 0:
		f.say(report.SeverityInfo, report.CodeTableFull, fmt.Sprintf("conntrack has dropped %d packets for want of an entry and removed %d entries early, none of them while doctor looked",
			ct.Drop, ct.EarlyDrop), "", where)
	}
	if n := c.rise(was.Invalid, ct.Invalid); n > 0 && !ct.TCPBeLiberal {
		*f = append(*f, report.Finding{Severity: report.SeverityInfo, Code: report.CodeOutOfWindow, Certainty: report.ConfidencePossible, Where: where,
			Text: fmt.Sprintf("conntrack found %d packets invalid while doctor looked: TCP packets out of window are, as nf_conntrack_tcp_be_liberal is off", n),
			Hint: "look for a way that only one direction takes; sysctl net.netfilter.nf_conntrack_tcp_be_liberal=1 lets such packets pass as valid"})
	}
	if names := c.zones(); len(names) > 0 {
		f.say(report.SeverityWarning, report.CodeZonesDiffer, fmt.Sprintf("the integration bridge and ovn-controller number %d conntrack zones differently, so that entries are named wrongly: %s",
			len(names), list(names)), "nothing but ovn-controller may set ct-zone-* there; it takes them over when it is restarted", where)
	}
	if c.skew.Abs() > maxSkew {
		f.say(report.SeverityWarning, report.CodeClockSkew, fmt.Sprintf("the chassis' clock differs by %s from this machine's: ages and times of entries are off by as much", c.skew.Round(time.Millisecond)),
			"let both follow one time server", where)
	}
	for _, u := range c.after.Unknown {
		f.say(report.SeverityInfo, report.CodeCountersUnreadable, u, "", where)
	}
}
