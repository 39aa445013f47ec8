package oftrace

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// maker makes trees as translation does: a table or bridge stands behind the action that led to it,
// in the same list.
type maker struct {
	r *rand.Rand
	n int
}

func (m *maker) leaf(k Kind, text string) *Node {
	m.n++
	return &Node{Kind: k, Text: fmt.Sprintf("%s%d", text, m.n)}
}

func (m *maker) bridge(depth int) *Node {
	m.n++
	b := &Node{Kind: Bridge, Text: fmt.Sprintf(`bridge("b%d")`, m.n)}
	if depth == 0 && m.r.IntN(3) == 0 {
		thaw := &Node{Kind: Thaw, Text: "thaw", Children: []*Node{{Kind: Thaw, Text: "Resuming from table 1"}}}
		for range m.r.IntN(3) {
			thaw.Children = append(thaw.Children, &Node{Kind: Thaw, Text: "Restoring actions: x"})
		}
		b.Children = append(b.Children, thaw)
		if m.r.IntN(3) == 0 { // restored actions run without a look-up
			b.Children = append(b.Children, m.body(depth+1)...)
			return b
		}
	}
	b.Children = append(b.Children, m.table(depth+1))
	if m.r.IntN(5) == 0 {
		as := &Node{Kind: Table, Text: "--. Executing action set:", Children: m.body(depth + 1)}
		b.Children = append(b.Children, as)
	}
	return b
}

func (m *maker) table(depth int) *Node {
	m.n++
	if m.r.IntN(8) == 0 {
		return &Node{Kind: Table, Text: "1. No match."} // with nothing below it, to be hard
	}
	return &Node{Kind: Table, Text: fmt.Sprintf("%d. priority %d", m.n%256, m.n), Children: m.body(depth)}
}

// body is what a rule executes: at least one action.
func (m *maker) body(depth int) []*Node {
	var out []*Node
	for i := range 1 + m.r.IntN(4) {
		if i > 0 && m.r.IntN(4) == 0 {
			out = append(out, m.leaf([]Kind{Detail, Warn, Error}[m.r.IntN(3)], "text"))
		}
		a := m.leaf(ActionLine, "action")
		out = append(out, a)
		if depth > 5 {
			continue
		}
		switch m.r.IntN(6) {
		case 0, 1:
			out = append(out, m.table(depth+1))
		case 2:
			for range 1 + m.r.IntN(3) { // a flood reaches several
				out = append(out, m.bridge(depth+1))
			}
		case 3:
			out = append(out, &Node{Kind: Bucket, Text: "bucket 1", Children: m.body(depth + 1)})
		}
	}
	return out
}

func shape(nodes []*Node, depth int, b *strings.Builder) {
	for _, n := range nodes {
		fmt.Fprintf(b, "%s%d %s\n", strings.Repeat("\t", depth), n.Kind, n.Text)
		shape(n.Children, depth+1, b)
	}
}

// TestRandomTrees prints made trees as OVS does and wants the same tree back.
func TestRandomTrees(t *testing.T) {
	for seed := range uint64(1500) {
		m := &maker{r: rand.New(rand.NewPCG(seed, 1))}
		s := Section{Flow: "x", FinalFlow: "x", Unchanged: true, Megaflow: "y", Actions: "drop", Nodes: []*Node{m.bridge(0)}}
		text := Trace{Sections: []Section{s}}.String()
		tr, err := Parse(text)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		var want, got strings.Builder
		shape(s.Nodes, 0, &want)
		shape(tr.Sections[0].Nodes, 0, &got)
		if want.String() != got.String() {
			t.Fatalf("seed %d: made\n%s\ngot\n%s\nof\n%s", seed, &want, &got, text)
		}
	}
}
