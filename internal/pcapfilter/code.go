package pcapfilter

import (
	"errors"

	"golang.org/x/net/bpf"
)

// label is a place in a program, to which tests jump. Jumps are forward only (BPF has no others).
type label int

// item is one step of a program before its jumps are resolved: an instruction, a test with two
// targets, or a place.
type item struct {
	ins    bpf.Instruction
	test   *bpf.JumpIf // with the targets yes and no
	yes    label
	no     label
	place  label // where isLabel
	isMark bool
	long   bool // a target is farther than a conditional jump reaches
}

// size returns the number of instructions of an item.
func (it *item) size() int {
	switch {
	case it.isMark:
		return 0
	case it.test != nil && it.long:
		return 3
	}
	return 1
}

// gen makes a program.
type gen struct {
	items  []item
	labels label

	tags int // number of VLAN tags that "vlan" has passed, in the order of the text
	// aux says that the frame's outermost tag is not in the frame but beside it: the kernel has
	// taken it out (skb_vlan_untag), or never put it in.
	aux bool
}

func (g *gen) newLabel() label { g.labels++; return g.labels }

func (g *gen) mark(l label) { g.items = append(g.items, item{place: l, isMark: true}) }

func (g *gen) add(ins bpf.Instruction) { g.items = append(g.items, item{ins: ins}) }

// cmp compares the accumulator, and goes to yes or no.
func (g *gen) cmp(cond bpf.JumpTest, val uint32, yes, no label) {
	g.items = append(g.items, item{test: &bpf.JumpIf{Cond: cond, Val: val}, yes: yes, no: no})
}

// jump goes to a label.
func (g *gen) jump(to label) { g.cmp(bpf.JumpGreaterOrEqual, 0, to, to) } // always true

// test makes code that goes to yes if a condition holds, else to no.
type test func(yes, no label)

// all holds if every test does.
func (g *gen) all(tests ...test) test {
	return func(yes, no label) {
		for _, t := range tests[:len(tests)-1] {
			next := g.newLabel()
			t(next, no)
			g.mark(next)
		}
		tests[len(tests)-1](yes, no)
	}
}

// any holds if one test does.
func (g *gen) any(tests ...test) test {
	return func(yes, no label) {
		for _, t := range tests[:len(tests)-1] {
			next := g.newLabel()
			t(yes, next)
			g.mark(next)
		}
		tests[len(tests)-1](yes, no)
	}
}

func never(g *gen) test { return func(_, no label) { g.jump(no) } }

// load compares size bytes at an offset of the frame under a mask; a frame that is too short is
// rejected as a whole, as by libpcap.
func (g *gen) load(off, size int, mask uint32, cond bpf.JumpTest, val uint32) test {
	return func(yes, no label) {
		g.add(bpf.LoadAbsolute{Off: uint32(off), Size: size})
		if mask != ^uint32(0) {
			g.add(bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: mask})
		}
		g.cmp(cond, val, yes, no)
	}
}

// equal compares size bytes at an offset with a value.
func (g *gen) equal(off, size int, val uint32) test {
	return g.load(off, size, ^uint32(0), bpf.JumpEqual, val)
}

// maxInstructions is the kernel's limit (BPF_MAXINSNS).
const maxInstructions = 4096

// errTooLong reports a filter whose program the kernel would not take.
var errTooLong = errors.New("the filter is too long: its program has more than 4096 instructions")

// resolve returns the program. A conditional jump reaches 255 instructions; a farther target is
// reached by an unconditional jump behind it.
func (g *gen) resolve() ([]bpf.Instruction, error) {
	for again := true; again; {
		again = false
		at, total := g.places()
		if total > maxInstructions {
			return nil, errTooLong
		}
		pos := 0
		for i := range g.items {
			it := &g.items[i]
			if it.test != nil && !it.long && (at[it.yes]-pos-1 > 255 || at[it.no]-pos-1 > 255) {
				it.long, again = true, true
			}
			pos += it.size()
		}
	}
	at, _ := g.places()
	var out []bpf.Instruction
	for i := range g.items {
		it := &g.items[i]
		switch {
		case it.isMark:
		case it.test == nil:
			out = append(out, it.ins)
		case it.long:
			n := len(out)
			out = append(out,
				bpf.JumpIf{Cond: it.test.Cond, Val: it.test.Val, SkipTrue: 0, SkipFalse: 1},
				bpf.Jump{Skip: uint32(at[it.yes] - n - 2)}, bpf.Jump{Skip: uint32(at[it.no] - n - 3)})
		default:
			n := len(out) + 1
			out = append(out, bpf.JumpIf{Cond: it.test.Cond, Val: it.test.Val, SkipTrue: uint8(at[it.yes] - n), SkipFalse: uint8(at[it.no] - n)})
		}
	}
	return out, nil
}

// places returns the position of each label, and the number of instructions.
func (g *gen) places() (map[label]int, int) {
	at, pos := map[label]int{}, 0
	for i := range g.items {
		if g.items[i].isMark {
			at[g.items[i].place] = pos
		}
		pos += g.items[i].size()
	}
	return at, pos
}
