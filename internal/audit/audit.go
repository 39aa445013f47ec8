// Package audit holds the live conntrack entries against the NAT rules, load balancers, gateways,
// routes and addresses of the databases. It is pure. A finding is something that no working
// deployment shows: entries that end by themselves, such as those of closing TCP connections, are
// not held against anything.
package audit

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/connection"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/inventory"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// Input is what is compared.
type Input struct {
	Inventory   *inventory.Inventory
	Learned     *inventory.Learned // nil: not read
	Connections []connection.Connection
	Former      []connection.Record // entries of zones that OVN does not have now, not those of zone 0
	Chassis     []Chassis
	// Address restricts the findings about the configuration to one address. The connections must be
	// restricted by the caller. Invalid: no restriction.
	Address netip.Addr
}

// Chassis is what is known of a chassis whose entries were read.
type Chassis struct {
	Name       string
	Bridge     string                   // the integration bridge
	Zones      map[uint16]string        // owner by zone
	Shared     map[uint16][]SharedOwner // owners of the zones that have several
	Count, Max uint64                   // entries of all zones, and the table's limit; 0: unknown
	Limits     map[uint16]ctstate.ZoneLimit
	Together   *ctstate.ZoneLimit // of node.Conntrack
	// Partial is true if entries may be missing: the reading was cut short, or failed.
	Partial bool
}

// SharedOwner is one of several owners of a zone.
type SharedOwner struct {
	Key  string // as ovn-controller wrote it; before 23.09, a router's has its UUID
	Name string // the router by its name
}

// Result is what was found.
type Result struct {
	Findings []report.Finding // errors first, then by code
	Usage    []report.NATUsage
}

// Connection compares the entries of one connection with the configuration. The input's own
// connections do not count.
func Connection(in *Input, c *connection.Connection) []report.Finding {
	a := newAuditor(in)
	for i := range c.Legs {
		leg := newLeg(a.inv, &c.Legs[i])
		a.translation(c, &leg)
		a.marks(&leg)
	}
	a.contradiction(c)
	a.vanished(c)
	return a.findings()
}

func newAuditor(in *Input) *auditor {
	a := &auditor{Input: in, inv: in.Inventory, byKey: map[string]*issue{}, chassis: map[string]*Chassis{}}
	for i := range in.Chassis {
		a.chassis[in.Chassis[i].Name] = &in.Chassis[i]
	}
	return a
}

// Audit compares the entries with the configuration.
func Audit(in *Input) *Result {
	a := newAuditor(in)
	usage := newUsage()
	zones := newZones()
	for i := range in.Connections {
		c := &in.Connections[i]
		for j := range c.Legs {
			leg := newLeg(a.inv, &c.Legs[j])
			a.translation(c, &leg)
			a.marks(&leg)
			usage.add(a, &leg)
			zones.add(&leg)
		}
		zones.connection(c)
		a.contradiction(c)
		a.vanished(c)
	}
	a.former()
	zones.report(a)
	rows := usage.report(a)
	a.balancers()
	a.natRules()
	a.routes()
	a.addresses()
	a.learned()
	a.tables()
	return &Result{Findings: a.findings(), Usage: rows}
}

// auditor is one run of Audit.
type auditor struct {
	*Input
	inv     *inventory.Inventory
	way     *Way // restricts the findings about the configuration and about limits; nil: no restriction
	chassis map[string]*Chassis
	issues  []*issue
	byKey   map[string]*issue
}

// maxExamples is the maximum number of entries that a finding lists, as evidence and to be mended.
const maxExamples = 3

// issue is a finding with the entries that show it.
type issue struct {
	report.Finding
	text   func(entries int) string
	count  int // entries
	listed int // of them, in Evidence
}

// about begins a finding about the configuration, unless it concerns none of the addresses asked
// for. It returns nil then, and if the same finding was made before.
func (a *auditor) about(key string, sev report.Severity, code report.Code, text string, addrs ...netip.Addr) *issue {
	if !a.asked(addrs...) {
		return nil
	}
	if i, isNew := a.issue(key, code); isNew {
		i.Severity, i.Text = sev, text
		return i
	}
	return nil
}

// asked reports whether one of these addresses is among those asked about.
func (a *auditor) asked(addrs ...netip.Addr) bool {
	if a.way != nil {
		return slices.ContainsFunc(addrs, a.way.Has)
	}
	return !a.Address.IsValid() || slices.Contains(addrs, a.Address)
}

// within returns the addresses that are asked about in a network, else its first address.
func (a *auditor) within(p netip.Prefix) []netip.Addr {
	switch {
	case a.way != nil:
		return inside(a.way.addrs, p)
	case a.Address.IsValid() && p.IsValid() && p.Contains(a.Address):
		return []netip.Addr{a.Address}
	}
	return []netip.Addr{p.Addr()}
}

// meets reports whether a switch or router is among those asked about.
func (a *auditor) meets(datapath string) bool { return a.way == nil || a.way.datapaths[datapath] }

// meetsRow reports whether a row of the Northbound database is among those asked about.
func (a *auditor) meetsRow(uuid string) bool { return a.way == nil || a.way.rows[uuid] }

// meetsZone reports whether a zone of a chassis is among those asked about.
func (a *auditor) meetsZone(chassis string, zone uint16) bool {
	if a.way == nil {
		return true
	}
	_, ok := a.way.zones[Place{chassis, zone}]
	return ok
}

// issue returns the issue with a code and key; isNew is true if it was not made before.
func (a *auditor) issue(key string, code report.Code) (i *issue, isNew bool) {
	full := string(code) + " " + key
	if i := a.byKey[full]; i != nil {
		return i, false
	}
	i = &issue{}
	i.Code = code
	a.byKey[full] = i
	a.issues = append(a.issues, i)
	return i, true
}

// entry adds an entry to the finding with the code and key. fill is called for the first one.
func (a *auditor) entry(key string, sev report.Severity, code report.Code, leg *leg, fill func(*issue)) {
	i, isNew := a.issue(key, code)
	if isNew {
		i.Severity, i.Where = sev, leg.where()
		fill(i)
	}
	if i.count++; i.count <= maxExamples {
		i.listed++
		i.Evidence = append(i.Evidence, leg.evidence())
		i.Mend = append(i.Mend, leg.flush())
	}
}

// evidence adds a line of evidence.
func (i *issue) evidence(format string, args ...any) {
	i.Evidence = append(i.Evidence, fmt.Sprintf(format, args...))
}

// findings returns the findings, the worst first.
func (a *auditor) findings() []report.Finding {
	out := make([]report.Finding, 0, len(a.issues))
	for _, i := range a.issues {
		if i.text != nil {
			i.Text = i.text(i.count)
		}
		if more := i.count - i.listed; more > 0 && i.listed > 0 {
			i.evidence("and %d more like these", more)
		}
		out = append(out, i.Finding)
	}
	rank := func(s report.Severity) int {
		return slices.Index([]report.Severity{report.SeverityError, report.SeverityWarning, report.SeverityInfo}, s)
	}
	slices.SortStableFunc(out, func(x, y report.Finding) int {
		return cmp.Or(cmp.Compare(rank(x.Severity), rank(y.Severity)), strings.Compare(string(x.Code), string(y.Code)), strings.Compare(x.Text, y.Text))
	})
	return out
}

// entries returns a number of entries with the verb for it: "an entry translates", "3 entries
// translate".
func entries(n int, one, many string) string {
	if n == 1 {
		return "an entry " + one
	}
	return fmt.Sprintf("%d entries %s", n, many)
}
