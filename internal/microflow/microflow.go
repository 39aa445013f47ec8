package microflow

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow"
)

// Set says which parts of a packet were given; the others may be filled in.
type Set uint32

// The parts of a packet.
const (
	HasEthSrc Set = 1 << iota
	HasEthDst
	HasEthType
	HasVLAN
	HasSrc // IP source, or ARP's sender
	HasDst // IP destination, or ARP's target
	HasProto
	HasTTL
	HasTOS
	HasFrag
	HasLabel
	HasSrcPort
	HasDstPort
	HasTCPFlags
	HasICMPType
	HasICMPCode
	HasICMPID
	HasARPOp
	HasARPSHA
	HasARPTHA
	HasNDTarget
	HasNDSLL
	HasNDTLL
	// HasAll stands for a packet taken from bytes: nothing is left to fill in.
	HasAll Set = 1<<iota - 1
)

// Has reports whether all of these parts were given.
func (s Set) Has(part Set) bool { return s&part == part }

// Value is what a microflow says of a field: Value where Mask is 1, or the string of outport.
type Value struct {
	Value, Mask openflow.U128
	Text        string
}

// Microflow is one packet as described, and what else the description says.
type Microflow struct {
	Packet packet.Packet
	InPort string // logical port, or for an OpenFlow flow its in_port; empty when not given
	Given  Set
	// CTState is ct_state as given (bits as openflow.ParseCTState's), with its mask.
	CTState, CTMask uint32
	// Other has what is not of the packet, by OVN's name: ct_mark, ct_label, xxreg0, xreg4, flags, outport, pkt.mark.
	Other map[string]Value
	// Text is what was read; faults found later quote it.
	Text string
	// Where tells where in Text a part was given.
	Where map[Set]int

	// Within tells of a tunnel's packet that it is one, and what it carries; empty for any other.
	Within string

	partly map[Set]cube // parts of which some bits were said, and which Given counts as given
}

// Open reports that a part was not given, or only some of its bits: what suits those may be filled in.
func (mf *Microflow) Open(part Set) bool {
	_, partly := mf.partly[part]
	return partly || !mf.Given.Has(part)
}

// Unused lists what was said that is not of a packet as it enters, by name: a packet comes without registers, and what
// conntrack says of it is looked up. Values of zero are as it comes.
func (mf *Microflow) Unused() []string {
	var out []string
	if mf.CTState&mf.CTMask != 0 {
		out = append(out, "ct_state="+openflow.FormatCTState(mf.CTState&mf.CTMask))
	}
	for _, name := range slices.Sorted(maps.Keys(mf.Other)) {
		switch v := mf.Other[name]; {
		case v.Text == "" && v.Value == (openflow.U128{}):
		case len(registers(name, v.Value)) > 0:
			out = append(out, registers(name, v.Value)...)
		default:
			out = append(out, name)
		}
	}
	return out
}

// Unsaid lists what of the packet ofproto/trace cannot be given, and which is followed as if it
// were not there: flow text has no words for it. ICMP's id and quoted packet are not among that:
// conntrack's part is played here.
func (mf *Microflow) Unsaid() []string {
	return slices.DeleteFunc(mf.Packet.Unsayable(), func(what string) bool {
		return what == packet.UnsayableID || what == packet.UnsayableInner
	})
}

// registers names the 32-bit registers that a wider one of an expression is made of, those that are not zero.
func registers(name string, v openflow.U128) []string {
	first, parts := map[string]int{"xxreg0": 0, "xxreg1": 4, "xreg4": 8}[name], []uint64{v.Hi >> 32, v.Hi, v.Lo >> 32, v.Lo}
	switch {
	case name == "xreg4":
		parts = parts[2:]
	case name != "xxreg0" && name != "xxreg1":
		return nil
	}
	var out []string
	for i, p := range parts {
		if uint32(p) != 0 {
			out = append(out, fmt.Sprintf("reg%d", first+i))
		}
	}
	return out
}

// Options tells Parse what it cannot know.
type Options struct {
	Symbols Symbols
	// Resident decides is_chassis_resident; nil means yes, as in ovn-trace.
	Resident func(port string) bool
	// Family is 4 or 6 where the caller knows it from elsewhere (--to): it settles what is ambiguous for want of ip4 or
	// ip6, and nothing else.
	Family int
}

// Parse reads an OVN expression that describes one packet (expr_parse_microflow).
func Parse(in string, o Options) (Microflow, error) {
	syms := newSymtab()
	p := parser{lex: lexer{in: in}, syms: syms, names: o.Symbols}
	e := p.whole()
	if p.err != nil {
		return Microflow{}, p.err
	}
	a := syms.annotate(e, true)
	n := &normalizer{resident: o.Resident}
	alts, err := n.clauses(a)
	if err == nil && o.Family != 0 && ambiguousSymbol(alts) != nil && ambiguousSymbol(alts).name == "eth.type" {
		family := syms.expansion(fmt.Sprintf("ip%d", o.Family), len(in), nil)
		if narrowed, err2 := n.clauses(combine(kAnd, a, family)); err2 == nil && len(narrowed) > 0 {
			alts = narrowed
		}
	}
	if err != nil {
		return Microflow{}, &SyntaxError{In: in, Msg: "Constraints are ambiguous: " + short(a) + ".",
			Hint: "too many alternatives to be one packet"}
	}
	if len(alts) == 0 {
		return Microflow{}, contradiction(in, a, o)
	}
	if sym := ambiguousSymbol(alts); sym != nil {
		return Microflow{}, ambiguity(in, a, sym)
	}
	return build(in, a, alts[0])
}

// ambiguousSymbol is the field that the alternatives leave open, or nil when they are one packet.
func ambiguousSymbol(alts []clause) *symbol {
	if len(alts) == 0 {
		return nil
	}
	syms := slices.SortedFunc(maps.Keys(alts[0]), func(a, b *symbol) int { return strings.Compare(a.name, b.name) })
	for _, sym := range syms {
		if len(alts[0][sym]) > 1 {
			return sym
		}
	}
	for _, alt := range alts[1:] {
		for _, sym := range syms {
			if !slices.Equal(alts[0][sym], alt[sym]) {
				return sym
			}
		}
		for sym := range alt {
			return sym
		}
	}
	return nil
}

// short prints an expression, but not without end.
func short(e *Expr) string {
	const limit = 300
	s := e.String()
	if len(s) > limit {
		s = s[:limit] + "..."
	}
	return s
}

// ambiguity marks the first place that speaks of the open field.
func ambiguity(in string, a *Expr, sym *symbol) error {
	e := &SyntaxError{In: in, Off: len(in), Msg: "Constraints are ambiguous: " + short(a) + "."}
	if at := a.about(sym); at != nil {
		e.Off = at.off
	}
	e.Hint = "a packet has one value of " + sym.name
	if sym.name == "eth.type" {
		e.Hint = "say which, such as ip4 or ip6"
	}
	return e
}

// about is the first comparison with a field, those within an alternative before others.
func (e *Expr) about(sym *symbol) *Expr {
	var first *Expr
	var walk func(e *Expr, inOr bool) *Expr
	walk = func(e *Expr, inOr bool) *Expr {
		if e.kind == kCmp && e.sym == sym {
			if inOr || e.op != opEQ {
				return e
			}
			if first == nil {
				first = e
			}
		}
		for _, s := range e.sub {
			if found := walk(s, inOr || e.kind == kOr); found != nil {
				return found
			}
		}
		return nil
	}
	if found := walk(e, false); found != nil {
		return found
	}
	return first
}

// contradiction marks the first operand that leaves nothing of those before it.
func contradiction(in string, a *Expr, o Options) error {
	e := &SyntaxError{In: in, Off: a.off, Msg: "Constraints are contradictory."}
	if a.kind != kAnd {
		return e
	}
	byOff := slices.Clone(a.sub)
	slices.SortStableFunc(byOff, func(a, b *Expr) int { return a.off - b.off })
	for i := range byOff {
		n := &normalizer{resident: o.Resident}
		alts, err := n.all(byOff[:i+1])
		if err != nil {
			return e
		}
		if len(alts) > 0 {
			continue
		}
		e.Off = byOff[i].off
		if alts, err := n.clauses(byOff[i]); err == nil && len(alts) == 0 {
			e.Hint = byOff[i].String() + " never holds"
			return e
		}
		for j := range i {
			if alts, err := n.all([]*Expr{byOff[j], byOff[i]}); err == nil && len(alts) == 0 {
				e.Hint = fmt.Sprintf("%s and %s cannot both hold", byOff[j], byOff[i])
				break
			}
		}
		return e
	}
	return e
}

// addresses are the parts of which a description may say some bits and leave the others to be filled in.
const addresses = HasEthSrc | HasEthDst | HasSrc | HasDst

// builder moves a clause into a packet.
type builder struct {
	mf    Microflow
	c     clause
	a     *Expr
	err   error
	byStr map[string]*symbol
}

func build(in string, a *Expr, c clause) (Microflow, error) {
	b := builder{c: c, a: a, byStr: map[string]*symbol{}}
	b.mf.Text, b.mf.Where, b.mf.Other = in, map[Set]int{}, map[string]Value{}
	b.mf.partly = map[Set]cube{}
	for sym := range c {
		b.byStr[sym.name] = sym
	}
	b.packet()
	b.rest()
	if b.err != nil {
		return Microflow{}, b.err
	}
	return b.mf, nil
}

// get takes what is said of a field.
func (b *builder) get(name string, part Set) (cube, bool) {
	sym := b.byStr[name]
	if sym == nil {
		return cube{}, false
	}
	delete(b.byStr, name)
	if part != 0 {
		b.mf.Given |= part
		if at := b.a.about(sym); at != nil {
			b.mf.Where[part] = at.off
		}
		if c := b.c[sym][0]; addresses.Has(part) && c.mask != ones(0, sym.width) {
			b.mf.partly[part] = c
		}
	}
	return b.c[sym][0], true
}

func num[T ~uint8 | ~uint16 | ~uint32](b *builder, name string, part Set, to *T) {
	if c, ok := b.get(name, part); ok {
		*to = T(c.val.lo)
	}
}

func (b *builder) mac(name string, part Set, to *packet.MAC) {
	if c, ok := b.get(name, part); ok {
		v := c.val.bytes()
		copy(to[:], v[10:])
	}
}

func (b *builder) addr4(name string, part Set, to *netip.Addr) {
	if c, ok := b.get(name, part); ok {
		v := c.val.bytes()
		*to = netip.AddrFrom4([4]byte(v[12:]))
	}
}

func (b *builder) addr6(name string, part Set, to *netip.Addr) {
	if c, ok := b.get(name, part); ok {
		*to = netip.AddrFrom16(c.val.bytes())
	}
}

func (b *builder) packet() {
	p := &b.mf.Packet
	b.mac("eth.src", HasEthSrc, &p.EthSrc)
	b.mac("eth.dst", HasEthDst, &p.EthDst)
	num(b, "eth.type", HasEthType, &p.EthType)
	if c, ok := b.get("vlan.tci", HasVLAN); ok && c.val.bit(12) {
		tci := uint16(c.val.lo)
		p.VLANs = []packet.VLAN{{TPID: packet.EthVLAN, VID: tci & 0xfff, PCP: uint8(tci >> 13)}}
	}
	b.ip(p)
	for _, arp := range []string{"arp", "rarp"} {
		num(b, arp+".op", HasARPOp, &p.ARPOp)
		b.addr4(arp+".spa", HasSrc, &p.Src)
		b.addr4(arp+".tpa", HasDst, &p.Dst)
		b.mac(arp+".sha", HasARPSHA, &p.ARPSHA)
		b.mac(arp+".tha", HasARPTHA, &p.ARPTHA)
	}
	b.addr6("nd.target", HasNDTarget, &p.NDTarget)
	b.mac("nd.sll", HasNDSLL, &p.NDSLL)
	b.mac("nd.tll", HasNDTLL, &p.NDTLL)
}

func (b *builder) ip(p *packet.Packet) {
	num(b, "ip.proto", HasProto, &p.Proto)
	num(b, "ip.ttl", HasTTL, &p.TTL)
	var dscp, ecn, frag uint8
	num(b, "ip.dscp", HasTOS, &dscp)
	num(b, "ip.ecn", HasTOS, &ecn)
	p.TOS = dscp<<2 | ecn
	num(b, "ip.frag", HasFrag, &frag)
	switch {
	case frag&2 != 0: // later; without the other bit no packet, and later is what was asked for
		p.Frag = packet.FragLater
	case frag != 0:
		p.Frag = packet.FragFirst
	}
	b.addr4("ip4.src", HasSrc, &p.Src)
	b.addr4("ip4.dst", HasDst, &p.Dst)
	b.addr6("ip6.src", HasSrc, &p.Src)
	b.addr6("ip6.dst", HasDst, &p.Dst)
	num(b, "ip6.label", HasLabel, &p.Label)
	for _, proto := range []string{"tcp", "udp", "sctp"} {
		num(b, proto+".src", HasSrcPort, &p.SrcPort)
		num(b, proto+".dst", HasDstPort, &p.DstPort)
	}
	num(b, "tcp.flags", HasTCPFlags, &p.TCPFlags)
	for _, icmp := range []string{"icmp4", "icmp6"} {
		num(b, icmp+".type", HasICMPType, &p.ICMPType)
		num(b, icmp+".code", HasICMPCode, &p.ICMPCode)
	}
}

// rest keeps what is not of the packet.
func (b *builder) rest() {
	if c, ok := b.get("inport", 0); ok {
		b.mf.InPort = c.str
	}
	if c, ok := b.get("ct_state", 0); ok {
		b.mf.CTState, b.mf.CTMask = uint32(c.val.lo), uint32(c.mask.lo)
	}
	for name, sym := range b.byStr {
		c := b.c[sym][0]
		b.mf.Other[name] = Value{
			Value: openflow.U128{Hi: c.val.hi, Lo: c.val.lo},
			Mask:  openflow.U128{Hi: c.mask.hi, Lo: c.mask.lo},
			Text:  c.str,
		}
	}
}
