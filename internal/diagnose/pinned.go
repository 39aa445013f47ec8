package diagnose

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/inventory"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/nbrow"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// course is where a request goes: what decides whether two requests fare alike. Ports that NAT
// picks are left out.
type course struct {
	verdict, chassis, port, src, dst string
}

func courseOf(b *report.Branch) course {
	return course{b.Verdict.String(), b.End.Chassis, b.End.Port, b.Header.IPSrc, endpoint(b.Header.IPDst, b.Header.L4Dst)}
}

// pin is a request that a live entry sends another way than a new connection would go.
type pin struct {
	of *report.Report // the session or the trace of which the request is
	by []used
	// fresh are the ends of a new connection's request.
	fresh []*report.Branch
	// also is true if a new connection may go the same way.
	also bool
}

// pinned compares the requests of both sessions; nil where no live entry decides, or both go the
// same way.
func (j *judge) pinned() *pin {
	r := j.Live
	if j.Standing != nil {
		r = j.Standing
	}
	if r == nil || j.New == nil || len(r.Packets) == 0 || len(j.New.Packets) == 0 {
		return nil
	}
	p := r.Packets[0]
	b := j.followed(r, p)
	if b == nil || b.Verdict == engine.Unknown { // where it goes is not known
		return nil
	}
	out := &pin{of: r, by: entries(p, b), fresh: ownBranches(j.New.Packets[0])}
	if len(out.by) == 0 || len(out.fresh) == 0 {
		return nil
	}
	same := func(o *report.Branch) bool { return courseOf(o) == courseOf(b) }
	out.also = slices.ContainsFunc(out.fresh, same)
	if out.also && len(out.fresh) == 1 {
		return nil
	}
	return out
}

// asNew is the answer for a new connection.
func (j *judge) asNew(ctx context.Context, p *pin) *report.WhyAsNew {
	var how string
	switch {
	case j.unsettled():
		how = "which entries this connection has is not known; one without any "
	case p != nil:
		how = fmt.Sprintf("this connection is pinned by the entry in %s%s; a new one ", p.by[0].title(), expires(", which expires in %d s", p.by[0].ct.Entry))
	default:
		return nil
	}
	out := &report.WhyAsNew{}
	out.Reaches, out.Answered = j.outcome(j.New)
	var ends []string
	for _, b := range ownBranches(j.New.Packets[0]) {
		text := fmt.Sprintf("%s %s", endpoint(b.Header.IPDst, b.Header.L4Dst), strings.TrimSpace("at "+b.End.Port+" on "+b.End.Chassis))
		if b.End.Port == "" {
			text = fmt.Sprintf("%s on %s", b.Verdict, b.End.Chassis)
		}
		if !slices.Contains(ends, text) {
			ends = append(ends, text)
		}
	}
	out.Text = how + "would go to " + strings.Join(firstOf(ends, 3), ", or ")
	if isFalse(out.Reaches) || isFalse(out.Answered) {
		out.Text = how + "would not get through"
		if causes := j.causes(ctx, j.New); len(causes) > 0 {
			out.Text += ": " + causes[0].Text
		}
	}
	return out
}

// outlived returns the cause of a request that a live entry sends where today's configuration would
// not.
func (j *judge) outlived(ctx context.Context, p *pin) (report.Finding, bool) {
	if p == nil || p.also {
		return report.Finding{}, false
	}
	f := report.Finding{Severity: report.SeverityWarning, Certainty: report.ConfidenceExact}
	reaches, answered := j.outcome(p.of)
	fresh, freshAnswered := j.outcome(j.New)
	switch {
	case p.by[0].ct.Direction == report.DirectionReply:
		// An answer should pass by its entry, unless the direction that it answers no longer passes.
		if !isTrue(reaches) || !isFalse(answered) || !isFalse(fresh) {
			return f, false
		}
	case isTrue(answered), p.of == j.Standing && isTrue(reaches):
	case isTrue(freshAnswered), isFalse(reaches) && isTrue(fresh):
		f.Severity = report.SeverityError
	default:
		return f, false // neither goes through: the entry is not the reason
	}
	u := p.by[0]
	for _, other := range p.by {
		if translates(other.ct.Entry) {
			u = other
			break
		}
	}
	e := u.ct.Entry
	f.Where = map[string]string{"chassis": u.chassis, "zone": fmt.Sprint(u.ct.Zone), "packet": p.of.Packets[0].Label}
	if u.ct.ZoneName != "" {
		f.Where["zone_name"] = u.ct.ZoneName
	}
	f.Evidence = append(f.Evidence, u.title()+": "+entryText(e)+", answers from "+sourceOf(e.Reply))
	if p.by[0].ct.Direction == report.DirectionReply {
		f.Code = report.CodePolicyOutlived
		f.Text = fmt.Sprintf("the entry in %s passes the answers of a connection that today's rules do not allow any more", u.title())
	} else {
		j.stale(ctx, &f, u)
	}
	for _, other := range p.by {
		f.Mend = append(f.Mend, flush(other.chassis, other.ct.Zone, other.ct.Entry.Original))
	}
	return f, f.Code != ""
}

// translates reports whether an entry translates addresses or ports.
func translates(e *report.Entry) bool {
	return e.Original.Src != e.Reply.Dst || e.Original.Dst != e.Reply.Src || portOf(e.Original.Dport) != portOf(e.Reply.Sport)
}

func portOf(p *uint16) uint16 {
	if p == nil {
		return 0
	}
	return *p
}

func sourceOf(t report.Tuple) string { return addrOf(t.Src, t.Sport) }

func addrOf(addr string, port *uint16) string {
	if port == nil {
		return addr
	}
	n := int(*port)
	return endpoint(addr, &n)
}

func addrPort(addr string, port *uint16) netip.AddrPort {
	ip, err := netip.ParseAddr(addr)
	if err != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(ip, portOf(port))
}

// stale says what an entry does that the configuration does not say any more.
func (j *judge) stale(ctx context.Context, f *report.Finding, u used) {
	e := u.ct.Entry
	vip, backend := addrOf(e.Original.Dst, e.Original.Dport), sourceOf(e.Reply)
	inv := j.inventory(ctx)
	if !translates(e) || inv == nil {
		f.Code = report.CodePolicyOutlived
		f.Text = fmt.Sprintf("the entry in %s passes what today's rules would not pass for a new connection", u.title())
		if f.Severity == report.SeverityError {
			f.Text = fmt.Sprintf("the entry in %s decides, and a new connection would get through", u.title())
		}
		return
	}
	to, from := addrPort(e.Original.Dst, e.Original.Dport), addrPort(e.Reply.Src, e.Reply.Sport)
	vips := inv.VIP(protocol(e.Original.Proto), to)
	switch {
	case len(vips) > 0:
		v := vips[0]
		f.Code, f.NB = report.CodeStaleLBBackend, nbrow.VIP(v)
		f.Text = fmt.Sprintf("the entry in %s pins %s to %s, which is no backend any more", u.title(), inventory.Owner{VIP: v}, backend)
		if b := v.Backend(from); b != nil {
			if !b.IsDown() {
				f.Code = "" // the entry is as the configuration wants it
				return
			}
			f.Text = fmt.Sprintf("the entry in %s pins %s to %s, whose health check says %s", u.title(), inventory.Owner{VIP: v}, backend, orNone(b.Status))
		}
		f.Evidence = append(f.Evidence, "backends now: "+orNone(backendsOf(v)))
	case e.Original.Dst != e.Reply.Src && len(inv.NATByExternal(to.Addr())) == 0 && !strings.HasSuffix(u.ct.ZoneName, "_dnat") && !strings.HasSuffix(u.ct.ZoneName, "_snat"):
		f.Code = report.CodeStaleLBBackend
		f.Text = fmt.Sprintf("the entry in %s sends %s to %s, and no load balancer has that VIP any more", u.title(), vip, backend)
	default:
		f.Code = report.CodeStaleNAT
		f.Text = fmt.Sprintf("the entry in %s translates %s > %s to %s > %s, as no NAT rule does for a new connection", u.title(),
			e.Original.Src, vip, e.Reply.Dst, backend)
		for _, n := range inv.NATByExternal(to.Addr()) {
			f.Evidence = append(f.Evidence, fmt.Sprintf("now: %s %s of router %s for %s", n.Type, n.External, n.Router.Name, inventory.PrefixText(n.Logical)))
		}
	}
}

func backendsOf(v *inventory.VIP) string {
	var out []string
	for _, b := range v.Backends {
		out = append(out, b.Addr.String())
	}
	return strings.Join(firstOf(out, 5), ", ")
}
