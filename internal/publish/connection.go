package publish

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/connection"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/gather"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/inventory"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/nbrow"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// Listed makes the report of what was read of the chassis, without the connections.
func Listed(res *gather.Result) *report.ConnectionsReport {
	out := &report.ConnectionsReport{Schema: report.Schema, Connections: []*report.Connection{}, Chassis: []report.ListedChassis{}, Warnings: []string{}}
	for _, c := range res.Chassis {
		l := report.ListedChassis{Chassis: c.Name, Entries: c.Listed.Count, Cut: c.Listed.Cut, HeldMS: c.Listed.Held.Milliseconds()}
		if c.Err != nil {
			l.Error = c.Err.Error()
			out.Warnings = append(out.Warnings, fmt.Sprintf("entries of chassis %s are missing: %v", c.Name, c.Err))
		}
		if c.Listed.Cut {
			out.Warnings = append(out.Warnings, fmt.Sprintf("chassis %s has more entries than the limit: of these connections legs may be missing, and others are not shown", c.Name))
		}
		if c.Listed.Changed {
			out.Warnings = append(out.Warnings, fmt.Sprintf("the table of chassis %s changed while it was read: entries may be missing", c.Name))
		}
		if n := c.Listed.Unreadable; n > 0 {
			out.Warnings = append(out.Warnings, fmt.Sprintf("%d entries of chassis %s could not be read", n, c.Name))
		}
		if why := c.Listed.Lacks; why != "" {
			out.Warnings = append(out.Warnings, fmt.Sprintf("entries of chassis %s may be missing: %s", c.Name, why))
		}
		out.Chassis = append(out.Chassis, l)
	}
	if res.Given > len(res.Chassis) {
		out.AskedOf = res.Given
	}
	if n := res.Unfinished; n > 0 {
		out.Warnings = append(out.Warnings, UnfinishedText(n))
	}
	return out
}

// UnfinishedText says that legs of n connections may be missing (gather.Result.Unfinished).
func UnfinishedText(n int) string {
	return fmt.Sprintf("legs of %d connections may be missing: their translations lead on further than entries are followed", n)
}

// Inventories returns the inventory of a chassis' zone; nil where there is none: then rules and
// owners stay unnamed.
type Inventories func(chassis string) *inventory.Inventory

// Connection makes the report of one connection.
func Connection(c *connection.Connection, of Inventories) *report.Connection {
	first, last := c.Orig(), c.Translated()
	out := &report.Connection{
		Proto: packet.ProtoName(first.Proto), Original: *Tuple(first), Translated: *Tuple(last),
		States: c.States(), Client: ownerName(c, of, first.Src.Addr()), Server: ownerName(c, of, last.Dst.Addr()), Legs: []report.Leg{},
	}
	for i := range c.Legs {
		out.Legs = append(out.Legs, leg(&c.Legs[i], of(c.Legs[i].Chassis)))
	}
	return out
}

// Ends names the owners of a connection's ends, as Connection does.
func Ends(c *connection.Connection, of Inventories) (client, server string) {
	return ownerName(c, of, c.Orig().Src.Addr()), ownerName(c, of, c.Translated().Dst.Addr())
}

// ownerName names the first two owners of an address, and how many more there are; empty if there
// is none. The zones of the legs know different addresses: those of the first that knows this one
// count.
func ownerName(c *connection.Connection, of Inventories, ip netip.Addr) string {
	var names []string
	for i := range c.Legs {
		inv := of(c.Legs[i].Chassis)
		if inv == nil || len(names) > 0 {
			continue
		}
		for _, o := range inv.Owners(ip) {
			names = append(names, o.String())
		}
	}
	if len(names) > 2 {
		names = append(names[:2], fmt.Sprintf("%d more", len(names)-2))
	}
	return strings.Join(names, ", ")
}

func leg(r *connection.Record, inv *inventory.Inventory) report.Leg {
	e := &r.Entry
	out := report.Leg{
		Chassis: r.Chassis, Zone: e.Zone, ZoneName: r.ZoneName, Entry: *entry(e), State: connection.StateOf(e), NAT: connection.NATOf(e),
	}
	_, router := routerOf(r.ZoneName, inv)
	out.Marks = connection.Marks(e, router)
	if e.Created > 0 {
		age := max(0, time.Now().Unix()-e.Created)
		out.Age = &age
	}
	if inv == nil || out.NAT == "" {
		return out
	}
	var words []string
	for _, rule := range rules(r, inv) {
		if out.NB == nil {
			out.NB = ruleRow(rule)
		}
		words = append(words, ruleText(rule))
	}
	out.Rule = strings.Join(words, "; ")
	return out
}

// routerOf returns the router whose zone has the name. Without an inventory a switch's zone, which
// has a name of the same form, is taken for a router's.
func routerOf(zone string, inv *inventory.Inventory) (name string, ok bool) {
	if inv != nil {
		if o, known := inv.Zone(zone); known && o.Router == nil {
			return "", false
		}
	}
	for _, use := range []string{"_dnat", "_snat"} {
		if name, ok = strings.CutSuffix(zone, use); ok {
			return name, true
		}
	}
	return "", false
}

// rules returns the rules behind an entry's translation: of the destination, and of the source.
func rules(r *connection.Record, inv *inventory.Inventory) (out []inventory.Rule) {
	e := &r.Entry
	before, after := e.Orig, connection.After(e)
	if before.Dst != after.Dst {
		out = append(out, inv.Destination(r.ZoneName, before.Proto, before.Dst, after.Dst))
	}
	if before.Src != after.Src || before.ICMPID != after.ICMPID {
		out = append(out, inv.Source(r.ZoneName, before.Src.Addr(), after.Src.Addr(), after.Dst.Addr()))
	}
	return out
}

// ruleText is a rule in words.
func ruleText(r inventory.Rule) string {
	text := ""
	switch {
	case r.VIP != nil:
		text = fmt.Sprintf("load balancer %s, VIP %s", r.VIP.Balancer.Title(), r.VIP.Text)
	case r.NAT != nil:
		text = fmt.Sprintf("NAT %s %s for %s on router %s", r.NAT.Type, r.NAT.External, inventory.PrefixText(r.NAT.Logical), r.NAT.Router.Name)
	case r.Option != "" && r.Router != nil:
		text = fmt.Sprintf("options:%s of router %s", r.Option, r.Router.Name)
	case r.Option != "":
		text = "options:" + r.Option
	default:
		return "no rule translates so any more"
	}
	if !r.Holds {
		text += ", which says otherwise now: " + r.Why
	}
	return text
}

// ruleRow is the row of a rule that translates so; nil if none does.
func ruleRow(r inventory.Rule) *report.NB {
	if r.VIP != nil {
		return nbrow.VIP(r.VIP)
	}
	return nbrow.NAT(r.NAT)
}

// Counter counts connections.
type Counter struct {
	of     Inventories
	number int
	count  map[countKey]int
}

// countKey is what is counted: a kind, and a name.
type countKey struct{ kind, name string }

// NewCounter returns a counter; where there is no inventory VIPs are not counted.
func NewCounter(of Inventories) *Counter {
	return &Counter{of: of, count: map[countKey]int{}}
}

// Add counts a connection.
func (n *Counter) Add(c *connection.Connection) {
	n.number++
	n.count[countKey{"state", cmp.Or(strings.Join(c.States(), "+"), "unknown")}]++
	once := map[countKey]bool{}
	for i := range c.Legs {
		l := &c.Legs[i]
		e, inv := &l.Entry, n.of(l.Chassis)
		n.count[countKey{"zone", cmp.Or(l.ZoneName, fmt.Sprintf("zone %d", e.Zone))}]++
		if router, ok := routerOf(l.ZoneName, inv); ok {
			once[countKey{"router", router}] = true
		}
		after := connection.After(e)
		if after.Src.Addr() != e.Orig.Src.Addr() {
			once[countKey{"snat", after.Src.Addr().String()}] = true
		}
		if inv == nil || after.Dst == e.Orig.Dst {
			continue
		}
		if r := inv.Destination(l.ZoneName, e.Orig.Proto, e.Orig.Dst, after.Dst); r.VIP != nil {
			once[countKey{"vip", r.VIP.Text}] = true
			once[countKey{"backend", endText(e.Orig.Proto, after.Dst)}] = true
		}
	}
	for k := range once {
		n.count[k]++
	}
}

// Summary returns the counts, the largest first.
func (n *Counter) Summary() *report.ConnectionSummary {
	of := func(kind string) []report.Count {
		out := []report.Count{}
		for k, count := range n.count {
			if k.kind == kind {
				out = append(out, report.Count{Name: k.name, Count: count})
			}
		}
		slices.SortFunc(out, func(a, b report.Count) int {
			return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Name, b.Name))
		})
		return out
	}
	return &report.ConnectionSummary{
		Connections: n.number, States: of("state"), Zones: of("zone"), Routers: of("router"), VIPs: of("vip"),
		Backends: of("backend"), SNAT: of("snat"),
	}
}

// endText is an address, with the port where the protocol has ports.
func endText(proto uint8, a netip.AddrPort) string {
	if ctstate.HasPorts(proto) {
		return a.String()
	}
	return a.Addr().String()
}

// ConnectionChange makes the report of a change.
func ConnectionChange(c *gather.Change, of Inventories) *report.ConnectionChange {
	out := &report.ConnectionChange{Schema: report.Schema, Time: c.Time.UTC(), Events: []report.EntryEvent{}, Lost: c.Lost}
	if c.Connection != nil {
		out.Connection = Connection(c.Connection, of)
	}
	for _, e := range c.Events {
		out.Events = append(out.Events, report.EntryEvent{
			Event: string(e.Kind), Time: e.Time.UTC(), Chassis: e.Record.Chassis, Zone: e.Record.Entry.Zone, ZoneName: e.Record.ZoneName,
		})
	}
	return out
}
