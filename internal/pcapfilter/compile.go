package pcapfilter

import (
	"encoding/binary"

	"golang.org/x/net/bpf"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
)

// Compile returns a program for frames with their VLAN tags in them, such as those of a capture
// file. The program returns snap for a frame that matches, and 0 for any other.
func Compile(e Expr, snap uint32) ([]bpf.Instruction, error) {
	g := &gen{}
	g.end(snap, g.whole(e))
	return g.resolve()
}

// Direction says which frames of an interface are taken, as the kernel sees them.
type Direction uint8

// The directions.
const (
	Both     Direction = iota
	Received           // by the interface, from its other end
	Sent               // by the interface (PACKET_OUTGOING)
)

// packetOutgoing is the packet type of a frame that the machine sends
// (include/uapi/linux/if_packet.h).
const packetOutgoing = 4

// CompileSocket returns a program for a packet socket. There the outermost VLAN tag may be beside
// the frame; the program handles both.
func CompileSocket(e Expr, d Direction, snap uint32) ([]bpf.Instruction, error) {
	g := &gen{}
	g.end(snap, func(yes, no label) {
		if d != Both {
			ours := g.newLabel()
			g.add(bpf.LoadExtension{Num: bpf.ExtType})
			if d == Sent {
				g.cmp(bpf.JumpEqual, packetOutgoing, ours, no)
			} else {
				g.cmp(bpf.JumpEqual, packetOutgoing, no, ours)
			}
			g.mark(ours)
		}
		inside, beside := g.newLabel(), g.newLabel()
		g.add(bpf.LoadExtension{Num: bpf.ExtVLANTagPresent})
		g.cmp(bpf.JumpEqual, 0, inside, beside)
		g.mark(inside)
		g.whole(e)(yes, no)
		g.mark(beside)
		g.tags, g.aux = 0, true
		g.whole(e)(yes, no)
	})
	return g.resolve()
}

// end makes the program of a test: snap bytes, or nothing.
func (g *gen) end(snap uint32, t test) {
	yes, no := g.newLabel(), g.newLabel()
	t(yes, no)
	g.mark(yes)
	g.add(bpf.RetConstant{Val: snap})
	g.mark(no)
	g.add(bpf.RetConstant{Val: 0})
}

// whole returns the test of a filter; a nil one always holds.
func (g *gen) whole(e Expr) test {
	if e == nil {
		return func(yes, _ label) { g.jump(yes) }
	}
	return later(g, e)
}

// later makes the test of an expression when its turn comes: it depends on the tags passed before.
func later(g *gen, e Expr) test { return func(yes, no label) { e.test(g)(yes, no) } }

func (e *And) test(g *gen) test { return g.all(later(g, e.L), later(g, e.R)) }
func (e *Or) test(g *gen) test  { return g.any(later(g, e.L), later(g, e.R)) }
func (e *Not) test(g *gen) test { return func(yes, no label) { e.X.test(g)(no, yes) } }

// shift returns the number of bytes of tags within the frame that "vlan" has passed.
func (g *gen) shift() int {
	n := g.tags
	if g.aux && n > 0 {
		n--
	}
	return 4 * n
}

// net returns the offset of the header behind the Ethernet type.
func (g *gen) net() int { return 14 + g.shift() }

// ethType holds if the Ethernet type behind the tags passed is val. It never holds for a tagged
// frame whose tag has not been passed.
func (g *gen) ethType(val uint16) test {
	if g.aux && g.tags == 0 {
		return never(g)
	}
	return g.equal(12+g.shift(), 2, uint32(val))
}

func (p *Prim) test(g *gen) test {
	switch p.Kind {
	case KindIs:
		return g.protocol(p.Proto)
	case KindHost, KindNet:
		if p.Proto == protoEther {
			return g.dir(p.Dir, g.mac(6, p.MAC), g.mac(0, p.MAC))
		}
		return p.address(g)
	case KindPort:
		return p.ports(g, p.Lo, p.Lo)
	case KindPortRange:
		return p.ports(g, p.Lo, p.Hi)
	case KindProto:
		return p.protocolNumber(g)
	case KindVLAN:
		return g.vlan(p)
	case KindBroadcast:
		return g.mac(0, packet.Broadcast)
	case KindMulticast:
		return g.load(0, 1, ^uint32(0), bpf.JumpBitsSet, 1)
	}
	return never(g)
}

// dir joins the tests of the two directions.
func (g *gen) dir(d Dir, src, dst test) test {
	switch d {
	case DirSrc:
		return src
	case DirDst:
		return dst
	case DirBoth:
		return g.all(src, dst)
	case DirEither:
	}
	return g.any(src, dst)
}

func (g *gen) mac(off int, m packet.MAC) test {
	return g.all(g.equal(off, 2, uint32(binary.BigEndian.Uint16(m[:]))), g.equal(off+2, 4, binary.BigEndian.Uint32(m[2:])))
}

// vlan holds for a tag, and moves what follows behind it.
func (g *gen) vlan(p *Prim) test {
	beside, type12 := g.aux && g.tags == 0, 12+g.shift()
	g.tags++
	if beside {
		if !p.HasID {
			return func(yes, _ label) { g.jump(yes) }
		}
		return func(yes, no label) {
			g.add(bpf.LoadExtension{Num: bpf.ExtVLANTag})
			g.add(bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: 0xfff})
			g.cmp(bpf.JumpEqual, uint32(p.Lo), yes, no)
		}
	}
	tagged := g.any(g.equal(type12, 2, packet.EthVLAN), g.equal(type12, 2, packet.EthQinQ), g.equal(type12, 2, 0x9100))
	if !p.HasID {
		return tagged
	}
	return g.all(tagged, g.load(type12+2, 2, 0xfff, bpf.JumpEqual, uint32(p.Lo)))
}
