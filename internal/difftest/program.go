package main

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
)

// op is one conntrack action of a program; its NAT depends on the IP version.
type op struct {
	clear bool
	set   bool // sets the packet's destination address instead
	act   ctstate.Action
	nat6  *ctstate.NAT // act.NAT for IPv6
	// pause recirculates after the action, so that its result can be read.
	pause bool
}

// action returns the op's action for a packet.
func (o *op) action(v6 bool) ctstate.Action {
	a := o.act
	if v6 {
		a.NAT = o.nat6
	}
	return a
}

// program is a sequence of conntrack actions that the bridge runs on a packet.
type program struct {
	zone uint16
	ops  []op
	one  bool // all actions are in one zone
}

func (p *program) String() string {
	var b strings.Builder
	for i := range p.ops {
		if i > 0 {
			b.WriteString(" ")
		}
		b.WriteString(p.ops[i].text(false, 0))
		if n := p.ops[i].nat6; n != nil && n.MinAddr.IsValid() {
			b.WriteString("/" + natText(n))
		}
	}
	return b.String()
}

// text returns the op in OpenFlow syntax; table 0 means no recirculation.
func (o *op) text(v6 bool, table int) string {
	switch {
	case o.clear:
		return "ct_clear"
	case o.set && v6:
		return fmt.Sprintf("set_field:%s->ipv6_dst", setAddr(v6))
	case o.set:
		return fmt.Sprintf("set_field:%s->ip_dst", setAddr(v6))
	}
	a := o.action(v6)
	parts := []string{fmt.Sprintf("zone=%d", a.Zone)}
	if a.Commit {
		parts = append(parts, "commit")
	}
	if a.Force {
		parts = append(parts, "force")
	}
	if a.NAT != nil {
		parts = append(parts, natText(a.NAT))
	}
	var exec []string
	if a.MarkMask != 0 {
		exec = append(exec, fmt.Sprintf("set_field:%#x/%#x->ct_mark", a.Mark, a.MarkMask))
	}
	if !a.LabelMask.IsZero() {
		exec = append(exec, fmt.Sprintf("set_field:%v/%v->ct_label", a.Label, a.LabelMask))
	}
	if exec != nil {
		parts = append(parts, "exec("+strings.Join(exec, ",")+")")
	}
	if table != 0 {
		parts = append(parts, fmt.Sprintf("table=%d", table))
	}
	return "ct(" + strings.Join(parts, ",") + ")"
}

// setAddr returns the address that a set action writes.
func setAddr(v6 bool) netip.Addr {
	if v6 {
		return netip.MustParseAddr("fd00:0:1::77")
	}
	return netip.MustParseAddr("20.0.0.77")
}

func natText(n *ctstate.NAT) string {
	kind := "dst"
	switch {
	case n.Src:
		kind = "src"
	case !n.Dst:
		return "nat"
	}
	if !n.MinAddr.IsValid() {
		return "nat(" + kind + ")"
	}
	host := func(a netip.Addr) string {
		if a.Is6() {
			return "[" + a.String() + "]"
		}
		return a.String()
	}
	to := host(n.MinAddr)
	if n.MaxAddr.IsValid() && n.MaxAddr != n.MinAddr {
		to += "-" + host(n.MaxAddr)
	}
	if n.MinPort != 0 {
		to += fmt.Sprintf(":%d", n.MinPort)
		if n.MaxPort > n.MinPort {
			to += fmt.Sprintf("-%d", n.MaxPort)
		}
	}
	for name, set := range map[string]bool{",persistent": n.Persistent, ",hash": n.Hash, ",random": n.Random} {
		if set {
			to += name
		}
	}
	return "nat(" + kind + "=" + to + ")"
}

// fixedPrograms returns the programs with a single action of each kind, which are used besides the
// random ones.
func fixedPrograms(zone uint16) []program {
	one := func(ops ...op) program { return program{zone: zone, ops: ops, one: true} }
	ct := func(commit bool, n *ctstate.NAT) op {
		return op{act: ctstate.Action{Zone: zone, Commit: commit, NAT: n}, nat6: n, pause: true}
	}
	to := func(src bool) op {
		v4, v6 := netip.MustParseAddr("20.0.0.9"), netip.MustParseAddr("fd00:0:1::9")
		o := ct(true, &ctstate.NAT{Src: src, Dst: !src, MinAddr: v4, MaxAddr: v4})
		o.nat6 = &ctstate.NAT{Src: src, Dst: !src, MinAddr: v6, MaxAddr: v6}
		return o
	}
	zero := ct(true, &ctstate.NAT{Src: true, MinAddr: netip.IPv4Unspecified(), MaxAddr: netip.IPv4Unspecified()})
	zero.nat6 = &ctstate.NAT{Src: true, MinAddr: netip.IPv6Unspecified(), MaxAddr: netip.IPv6Unspecified()}
	force := ct(true, nil)
	force.act.Force = true
	return []program{
		one(ct(false, nil)), one(ct(true, nil)), one(ct(false, &ctstate.NAT{})), one(ct(true, &ctstate.NAT{})),
		one(to(true)), one(to(false)), one(zero), one(ct(true, &ctstate.NAT{Src: true})), one(force),
		one(ct(false, &ctstate.NAT{}), to(false)), one(ct(false, &ctstate.NAT{}), to(true)),
		one(ct(false, &ctstate.NAT{}), ct(true, nil), ct(false, &ctstate.NAT{})),
		one(to(false), op{clear: true}, ct(false, nil)),
		one(ct(false, nil), op{set: true}, ct(true, nil)), one(ct(false, &ctstate.NAT{}), op{set: true}, to(true)), one(ct(true, nil), op{set: true}, to(false)),
	}
}

// makePrograms draws the programs of a run, separate ones for each zone.
func makePrograms(rnd *rand.Rand, perZone int) []program {
	specs := makeSpecs(rnd)
	var all []program
	for _, z := range zones {
		all = append(all, fixedPrograms(z)...)
		for range perZone {
			all = append(all, randomProgram(rnd, z, specs))
		}
	}
	return all
}

func randomProgram(rnd *rand.Rand, zone uint16, specs []natSpec) program {
	p := program{zone: zone, one: true}
	for i := range 1 + rnd.IntN(3) {
		z := zone
		if i > 0 && rnd.IntN(3) == 0 {
			z = zones[rnd.IntN(len(zones))]
		}
		p.one = p.one && z == zone
		if i > 0 && rnd.IntN(8) == 0 {
			p.ops[len(p.ops)-1].pause = true // ofproto omits a ct_clear if it knows of no ct before it
			p.ops = append(p.ops, op{clear: true})
		}
		if i > 0 && rnd.IntN(8) == 0 {
			// Ofproto omits an action that it considers without effect.
			p.ops[len(p.ops)-1].pause = p.ops[len(p.ops)-1].pause || !p.ops[len(p.ops)-1].clear
			p.ops = append(p.ops, op{set: true})
		}
		o := op{act: ctstate.Action{Zone: z, Commit: rnd.IntN(2) == 0}, pause: rnd.IntN(4) != 0}
		drawNAT(rnd, &o, specs)
		if o.act.Commit {
			o.act.Force = rnd.IntN(6) == 0
			if rnd.IntN(3) == 0 {
				o.act.Mark, o.act.MarkMask = rnd.Uint32(), rnd.Uint32()
				o.act.Mark &= o.act.MarkMask
			}
			if rnd.IntN(3) == 0 {
				m := ctstate.Label{Hi: rnd.Uint64(), Lo: rnd.Uint64()}
				o.act.Label, o.act.LabelMask = ctstate.Label{Hi: rnd.Uint64() & m.Hi, Lo: rnd.Uint64() & m.Lo}, m
			}
		}
		p.ops = append(p.ops, o)
	}
	p.ops[len(p.ops)-1].pause = true
	return p
}

func drawNAT(rnd *rand.Rand, o *op, specs []natSpec) {
	switch n := rnd.IntN(8); {
	case n < 2:
	case n < 4 || !o.act.Commit:
		o.act.NAT = &ctstate.NAT{}
		o.nat6 = o.act.NAT
	case n < 5:
		o.act.NAT = &ctstate.NAT{Src: true}
		if rnd.IntN(3) == 0 {
			o.act.NAT = &ctstate.NAT{Dst: true}
		}
		o.nat6 = o.act.NAT
	default: // one of each family, both of one kind
		a := &specs[2*rnd.IntN(len(specs)/2)]
		b := &specs[2*rnd.IntN(len(specs)/2)+1]
		v6 := b.nat
		v6.Src, v6.Dst = a.nat.Src, a.nat.Dst
		o.act.NAT, o.nat6 = &a.nat, &v6
	}
}
