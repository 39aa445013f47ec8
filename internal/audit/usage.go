package audit

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/inventory"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/nbrow"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// pool is the source ports that NAT can choose from for connections to one destination.
type pool struct {
	router   *inventory.Router
	chassis  string
	zone     uint16
	address  netip.Addr
	proto    uint8
	to       netip.AddrPort
	low, top uint16
}

// size is the number of ports, or of ICMP identifiers.
func (p *pool) size() int { return int(p.top) - int(p.low) + 1 }

func (p *pool) destination() string {
	if isICMP(p.proto) {
		return p.to.Addr().String()
	}
	return p.to.String()
}

func isICMP(proto uint8) bool { return proto == 1 || proto == 58 }

// usage counts the entries of source NAT.
type usage struct {
	pools map[pool]int
	rules map[rule]*inventory.NAT
}

type rule struct {
	router   *inventory.Router
	from, to netip.Addr
}

func newUsage() *usage { return &usage{pools: map[pool]int{}, rules: map[rule]*inventory.NAT{}} }

// ruleOf returns the NAT rule behind the entry's source NAT, or nil; it looks once for each pair of
// addresses.
func (u *usage) ruleOf(inv *inventory.Inventory, l *leg) *inventory.NAT {
	k := rule{l.owner.Router, l.Entry.Orig.Src.Addr(), l.after.Src.Addr()}
	n, ok := u.rules[k]
	if !ok {
		if r := inv.Source(l.ZoneName, k.from, k.to, l.after.Dst.Addr()); r.Holds {
			n = r.NAT
		}
		u.rules[k] = n
	}
	return n
}

// add counts an entry, and reports what its port collides with.
//
// snat-hits-vip: the port that source NAT chose is that of a VIP of the same router on the same
// address and protocol. snat-port-clash: NAT chose another port than the client's, although the
// rule allows that: another connection to the same destination has it.
func (u *usage) add(a *auditor, l *leg) {
	r, orig := l.owner.Router, &l.Entry.Orig
	if r == nil || l.portless() || !l.snat() && l.after.ICMPID == orig.ICMPID || !ctstate.HasPorts(orig.Proto) && !isICMP(orig.Proto) {
		return
	}
	p := pool{router: r, chassis: l.Chassis, zone: l.Entry.Zone, address: l.after.Src.Addr(), proto: orig.Proto, to: l.after.Dst}
	n := u.ruleOf(a.inv, l)
	p.low, p.top = portsOf(n, orig)
	u.pools[p]++
	if isICMP(orig.Proto) {
		return
	}
	a.hitsVIP(l)
	was, is := orig.Src.Port(), l.after.Src.Port()
	if was != is && was >= p.low && was <= p.top {
		i, isNew := a.issue(fmt.Sprint(r.UUID, p.address, l.Chassis), report.CodeSNATPortClash)
		if isNew {
			i.Severity, i.Where = report.SeverityInfo, l.where()
			i.NB = nbrow.NAT(n)
			i.text = func(n int) string {
				return fmt.Sprintf("NAT address %s of router %s: %s another source port than the client's, which another connection has", p.address, r.Name, entries(n, "has", "have"))
			}
		}
		if i.count++; i.count <= maxExamples {
			i.listed++
			i.evidence("%s", l.evidence())
		}
	}
}

func (a *auditor) hitsVIP(l *leg) {
	for _, v := range a.inv.VIPs(l.after.Src.Addr()) {
		if v.Addr != l.after.Src || v.Balancer.Protocol != l.Entry.Orig.Proto || !v.Balancer.OnRouter(l.owner.Router) || l.ends() {
			continue
		}
		a.entry(fmt.Sprint(v.Balancer.UUID, v.Text, l.Chassis), report.SeverityWarning, report.CodeSNATHitsVIP, l, func(i *issue) {
			i.NB = nbrow.VIP(v)
			i.text = func(n int) string {
				return fmt.Sprintf("%s the source to %s, which is a VIP of load balancer %s: an answer may be taken for a new connection to it", entries(n, "translates", "translate"), v.Text, v.Balancer.Title())
			}
			i.Hint = "give the NAT rule an external_port_range without the VIP's port"
		})
	}
}

// portsOf returns the lowest and the highest port that a connection can get: those of the rule's
// external_port_range, or else, as both datapaths do, those of the port's class
// (nf_nat_l4proto_unique_tuple, nat_get_unique_tuple). For ICMP they are identifiers.
func portsOf(n *inventory.NAT, orig *ctstate.Tuple) (low, top uint16) {
	if n != nil && n.PortRange != "" {
		if low, top, ok := parseRange(n.PortRange); ok {
			return low, top
		}
	}
	switch port := orig.Src.Port(); {
	case isICMP(orig.Proto):
		return 0, 65535
	case port < 512:
		return 1, 511
	case port < 1024:
		return 600, 1023
	}
	return 1024, 65535
}

// parseRange reads LOW-HIGH, or one port.
func parseRange(text string) (low, top uint16, ok bool) {
	a, b, several := strings.Cut(text, "-")
	if !several {
		b = a
	}
	l, err1 := strconv.ParseUint(strings.TrimSpace(a), 10, 16)
	t, err2 := strconv.ParseUint(strings.TrimSpace(b), 10, 16)
	return uint16(l), uint16(t), err1 == nil && err2 == nil && l <= t
}

// maxUsage is the maximum number of rows of the table.
const maxUsage = 100

// report returns the table, the fullest first, and reports pools that are full or nearly so.
//
// snat-exhausted: of the ports that NAT can choose from for one destination, at least four fifths
// are in use (warning), or all (error). The kernel tries 128 ports at a time and may give up before
// the last is taken.
func (u *usage) report(a *auditor) []report.NATUsage {
	pools := make([]pool, 0, len(u.pools))
	for p := range u.pools {
		pools = append(pools, p)
	}
	share := func(p *pool) float64 { return float64(u.pools[*p]) / float64(p.size()) }
	slices.SortFunc(pools, func(x, y pool) int {
		return cmp.Or(cmp.Compare(share(&y), share(&x)), strings.Compare(x.router.Name, y.router.Name), x.address.Compare(y.address),
			cmp.Compare(x.proto, y.proto), x.to.Compare(y.to), strings.Compare(x.chassis, y.chassis), cmp.Compare(x.low, y.low), cmp.Compare(x.zone, y.zone))
	})
	var rows []report.NATUsage
	for i := range pools {
		p := &pools[i]
		used := u.pools[*p]
		row := report.NATUsage{Address: p.address.String(), Router: p.router.Name, Chassis: p.chassis,
			Proto: ctstate.ProtoName(p.proto), Destination: p.destination(), Used: used, Of: p.size()}
		if len(rows) < maxUsage {
			rows = append(rows, row)
		}
		if row.NearlyFull() {
			u.exhausted(a, p, &row)
		}
	}
	return rows
}

func (u *usage) exhausted(a *auditor, p *pool, row *report.NATUsage) {
	i, isNew := a.issue(fmt.Sprint(*p), report.CodeSNATExhausted)
	if !isNew {
		return
	}
	i.Severity = report.SeverityWarning
	tail := "a new connection may fail"
	if row.Full() {
		i.Severity, tail = report.SeverityError, "a new connection fails"
	}
	what := "ports"
	if isICMP(p.proto) {
		what = "identifiers"
	}
	i.Text = fmt.Sprintf("NAT address %s of router %s: %d of %d %s towards %s %s are in use: %s", p.address, p.router.Name, row.Used, row.Of, what,
		ctstate.ProtoName(p.proto), p.destination(), tail)
	i.Where = map[string]string{"chassis": p.chassis, "zone": strconv.Itoa(int(p.zone)), "address": p.address.String(), "router": p.router.Name}
	i.evidence("%s %d to %d; entries of closing connections count too", what, p.low, p.top)
	for _, n := range a.inv.NATByExternal(p.address) {
		if n.Router == p.router && n.IsSource() {
			i.evidence("rule: %s", nbrow.NATText(n))
			if i.NB == nil {
				i.NB = nbrow.NAT(n)
			}
			if n.PortRange != "" {
				i.Mend = append(i.Mend, fmt.Sprintf("ovn-nbctl set nat %s external_port_range=1024-65535", n.UUID))
			}
		}
	}
	i.Hint = "translate some of the clients to another address, or allow more ports"
}
