package audit

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/connection"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// zones counts what is only of interest in numbers.
type zones struct {
	count map[zoneKey]*zoneCount
	half  map[netip.AddrPort]*halfOpen // by where the client's packets go in the end
}

type zoneKey struct {
	chassis string
	zone    uint16
}

type zoneCount struct {
	name, owner      string
	total, unreplied int
}

type halfOpen struct {
	count   int
	example string
}

func newZones() *zones {
	return &zones{count: map[zoneKey]*zoneCount{}, half: map[netip.AddrPort]*halfOpen{}}
}

func (z *zones) add(l *leg) {
	k := zoneKey{l.Chassis, l.Entry.Zone}
	c := z.count[k]
	if c == nil {
		c = &zoneCount{name: l.zone(), owner: l.ZoneName}
		z.count[k] = c
	}
	c.total++
	if answered, known := connection.Answered(&l.Entry); known && !answered {
		c.unreplied++
	}
}

// connection counts a connection whose TCP handshake nobody has answered, in any zone.
func (z *zones) connection(c *connection.Connection) {
	for i := range c.Legs {
		e := &c.Legs[i].Entry
		if answered, known := connection.Answered(e); e.Orig.Proto != protoTCP || answered || !known || !unfinished(e) {
			return
		}
	}
	last := newLegAlone(&c.Legs[len(c.Legs)-1])
	h := z.half[last.after.Dst]
	if h == nil {
		h = &halfOpen{example: last.evidence()}
		z.half[last.after.Dst] = h
	}
	h.count++
}

const protoTCP = 6

// The bounds of what is a warning.
const (
	manyHalfOpen = 50   // connections to one server
	stormFrom    = 1000 // entries of a zone
	stormShare   = 0.8  // of them, unanswered
)

// report reports what was counted.
//
// half-open: nobody has answered TCP connections to an address and port for at least five seconds;
// a warning from 50 connections on. unreplied-storm: a zone has at least 1000 entries, and four
// fifths of them have seen no answer.
func (z *zones) report(a *auditor) {
	for _, to := range slices.SortedFunc(maps.Keys(z.half), netip.AddrPort.Compare) {
		h := z.half[to]
		i, _ := a.issue(to.String(), report.CodeHalfOpen)
		i.Severity = report.SeverityInfo
		if h.count >= manyHalfOpen {
			i.Severity = report.SeverityWarning
		}
		i.Text = fmt.Sprintf("nobody answers at tcp %s: %d connections wait for an answer", to, h.count)
		if h.count == 1 {
			i.Text = fmt.Sprintf("nobody answers at tcp %s: a connection waits for an answer", to)
		}
		i.Where = map[string]string{"address": to.Addr().String(), "port": strconv.Itoa(int(to.Port()))}
		i.evidence("%s", h.example)
		for _, o := range a.inv.Owners(to.Addr()) {
			i.evidence("%s is %s", to.Addr(), o)
		}
	}
	keys := slices.SortedFunc(maps.Keys(z.count), func(x, y zoneKey) int {
		return cmp.Or(strings.Compare(x.chassis, y.chassis), cmp.Compare(x.zone, y.zone))
	})
	for _, k := range keys {
		c := z.count[k]
		if c.total < stormFrom || float64(c.unreplied) < stormShare*float64(c.total) {
			continue
		}
		i, _ := a.issue(fmt.Sprint(k), report.CodeUnrepliedStorm)
		i.Severity = report.SeverityWarning
		i.Text = fmt.Sprintf("%s of %s: %d of %d entries have seen no answer", c.name, k.chassis, c.unreplied, c.total)
		i.Where = map[string]string{"chassis": k.chassis, "zone": strconv.Itoa(int(k.zone)), "zone_name": c.owner}
		i.Mend = []string{fmt.Sprintf("ovs-appctl dpctl/flush-conntrack zone=%d", k.zone)}
		i.Hint = "find who opens them before removing all entries of the zone, which interrupts its connections"
	}
}

// newLegAlone returns the leg without the owner of its zone.
func newLegAlone(r *connection.Record) leg {
	return leg{Record: r, after: connection.After(&r.Entry)}
}
