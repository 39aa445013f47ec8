package audit

import (
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/inventory"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// Way is what the packets of sessions met: the objects to which OnWay restricts its checks.
type Way struct {
	datapaths map[string]bool     // switches and routers, by name
	rows      map[string]bool     // Northbound rows whose flows they passed, by UUID
	addrs     map[netip.Addr]bool // of their headers, before and after each translation
	macs      map[string]bool     // of their headers, in lower case
	zones     map[Place]bool      // in which they were looked up: true if a live entry was found
	wanted    map[Place]bool      // in which they ask for a new entry
	sources   map[netip.Addr]bool // of the packets that open the sessions
}

// Place is a conntrack zone on a chassis.
type Place struct {
	Chassis string
	Zone    uint16
}

// WayOf returns the way of sessions' packets; a nil report has none.
func WayOf(reports ...*report.Report) *Way {
	w := &Way{datapaths: map[string]bool{}, rows: map[string]bool{}, addrs: map[netip.Addr]bool{}, macs: map[string]bool{}, zones: map[Place]bool{},
		wanted: map[Place]bool{}, sources: map[netip.Addr]bool{}}
	for _, r := range reports {
		if r == nil {
			continue
		}
		for _, p := range r.Packets {
			w.packet(p)
		}
	}
	return w
}

func (w *Way) packet(p *report.Packet) {
	w.header(p.Header)
	if p.Direction != report.DirectionReply {
		w.source(p.Header.IPSrc)
	}
	for _, b := range p.Branches {
		w.header(b.Header)
		if b.Reason != nil {
			w.address(b.Reason.Where["address"])
		}
	}
	for _, h := range p.Hops {
		for _, s := range h.Segments {
			for i := range s.Tables {
				w.table(&s.Tables[i])
			}
			for i := range s.CT {
				w.lookup(h.Chassis, p.Direction, &s.CT[i])
			}
		}
	}
}

func (w *Way) header(h report.Header) {
	for _, a := range []string{h.IPSrc, h.IPDst, h.ARPSPA, h.ARPTPA} {
		w.address(a)
	}
	for _, m := range []string{h.EthSrc, h.EthDst} {
		if m != "" {
			w.macs[strings.ToLower(m)] = true
		}
	}
}

func (w *Way) address(text string) {
	if ip, err := netip.ParseAddr(text); err == nil {
		w.addrs[ip.Unmap()] = true
	}
}

func (w *Way) source(text string) {
	if ip, err := netip.ParseAddr(text); err == nil {
		w.sources[ip.Unmap()] = true
	}
}

func (w *Way) table(t *report.Table) {
	if t.LogicalFlow != nil && t.LogicalFlow.Datapath != "" {
		w.datapaths[t.LogicalFlow.Datapath] = true
	}
	if t.NB != nil {
		w.rows[t.NB.UUID] = true
	}
}

func (w *Way) lookup(chassis string, direction report.Direction, c *report.CT) {
	at := Place{chassis, c.Zone}
	found := c.Entry != nil && (c.Found == report.FoundKernel || c.Found == report.FoundUserspace)
	w.zones[at] = w.zones[at] || found
	if c.Entry == nil && strings.HasPrefix(c.Action, "ct(commit") {
		w.wanted[at] = true // a limit may refuse it
	}
	if c.Tuple != nil {
		w.address(c.Tuple.Src)
		w.address(c.Tuple.Dst)
	}
	if n := c.NAT; n != nil {
		w.header(n.From)
		w.header(n.To)
		if direction != report.DirectionReply {
			w.source(n.From.IPSrc)
		}
	}
}

// Chassis returns the chassis in whose conntrack packets were looked up, sorted.
func (w *Way) Chassis() []string {
	set := map[string]bool{}
	for p := range w.zones {
		set[p.Chassis] = true
	}
	return slices.Sorted(maps.Keys(set))
}

// Zones returns the zones of a chassis in which packets were looked up, sorted.
func (w *Way) Zones(chassis string) []uint16 {
	var out []uint16
	for p := range w.zones {
		if p.Chassis == chassis {
			out = append(out, p.Zone)
		}
	}
	slices.Sort(out)
	return out
}

// Has reports whether a packet on the way has an address, before or after a translation.
func (w *Way) Has(ip netip.Addr) bool { return w.addrs[ip] }

// MACs returns the Ethernet addresses of the packets, in lower case, sorted.
func (w *Way) MACs() []string { return slices.Sorted(maps.Keys(w.macs)) }

// External returns the addresses to which source NAT of routers on the way translates the packets
// that open the sessions, sorted.
func (w *Way) External(inv *inventory.Inventory) []netip.Addr {
	set := map[netip.Addr]bool{}
	for name := range w.datapaths {
		r := inv.Router(name)
		if r == nil {
			continue
		}
		for _, n := range r.NATs {
			if n.IsSource() && n.External.IsValid() && (w.rows[n.UUID.String()] || w.addrs[n.External]) && len(inside(w.sources, n.Logical)) > 0 {
				set[n.External] = true
			}
		}
	}
	return slices.SortedFunc(maps.Keys(set), netip.Addr.Compare)
}

// inside returns the addresses of a set that are in a network.
func inside(set map[netip.Addr]bool, p netip.Prefix) []netip.Addr {
	var out []netip.Addr
	for ip := range set {
		if p.IsValid() && p.Contains(ip) {
			out = append(out, ip)
		}
	}
	return out
}

// nextHops adds the next hops of the routes and policies on the way to its addresses.
func (w *Way) nextHops(inv *inventory.Inventory) {
	for name := range w.datapaths {
		r := inv.Router(name)
		if r == nil {
			continue
		}
		for _, route := range r.Routes {
			if w.rows[route.UUID.String()] {
				w.address(route.NextHop)
			}
		}
		for _, p := range r.Policies {
			if w.rows[p.UUID.String()] {
				for _, hop := range p.NextHops {
					w.address(hop)
				}
			}
		}
	}
}

// OnWay runs the checks of the configuration and of the tables, restricted to what is on the way.
// Of the connections the input needs those that source NAT translates to an address of External,
// and of what was learned the rows of the FDB. Information is left out, but for clashing ports. A
// limit is an error only where the packets need a new entry there.
func OnWay(in *Input, w *Way) []report.Finding {
	a := newAuditor(in)
	a.way = w
	w.nextHops(a.inv)
	u := newUsage()
	for i := range in.Connections {
		for j := range in.Connections[i].Legs {
			l := newLeg(a.inv, &in.Connections[i].Legs[j])
			u.add(a, &l)
		}
	}
	u.report(a)
	a.routers()
	a.natRules()
	a.routes()
	a.addresses()
	a.fdb()
	a.tables()
	for _, i := range a.issues {
		if i.Severity == report.SeverityError && !w.needs(&i.Finding) {
			i.Severity = report.SeverityWarning
		}
	}
	return slices.DeleteFunc(a.findings(), func(f report.Finding) bool {
		return f.Severity == report.SeverityInfo && f.Code != report.CodeSNATPortClash
	})
}

// needs reports whether a limit concerns the packets: they ask for an entry in the zone that is
// full, or in one of the chassis whose table is, or need a port of the NAT address. Findings that
// are about no limit do.
func (w *Way) needs(f *report.Finding) bool {
	is := func(set map[Place]bool, value bool) bool {
		for p, v := range set {
			zone, some := f.Where["zone"]
			if v == value && p.Chassis == f.Where["chassis"] && (!some || zone == strconv.Itoa(int(p.Zone))) {
				return true
			}
		}
		return false
	}
	switch f.Code {
	case report.CodeZoneLimit, report.CodeTableFull:
		return is(w.wanted, true)
	case report.CodeSNATExhausted:
		return is(w.zones, false) // without a live entry
	}
	return true
}
