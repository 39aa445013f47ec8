package oftrace

// How the tree is found again. oftrace_node_print_details prints a node of a list at level L in column
// 4*(L+more) and its children at level L+2*more, where more is 1 for an action, detail, warning,
// error or bucket and for any node that has a following sibling, else 0. So the column of a bridge, table or
// thaw line leaves open whether it is the last of its list; the lines after it decide. builder keeps, for each
// node on the way to the newest, the values of more that are still possible, and puts a line under the deepest
// node where all agree.

const (
	last    = 1 << iota // more = 0
	notLast             // more = 1
)

// maxOpen bounds the nesting that is followed. Translation itself stops far earlier (MAX_DEPTH and 255 tables).
const maxOpen = 1024

// open is a node that can still get children.
type open struct {
	node *Node // nil for the root
	col  int   // Indent/4
	opts uint8
}

// own is the level of the list that the node is in.
func (o *open) own(more uint8) int { return o.col - int(more>>1) }

// below is the level of the node's children.
func (o *open) below(more uint8) int { return o.col + int(more>>1) }

func (n *Node) terminal() bool { return n.Kind != Bridge && n.Kind != Table && n.Kind != Thaw }

// builder puts lines into a tree.
type builder struct {
	root  *[]*Node
	stack []open // from the root to the newest node
	tried []uint8
}

func newBuilder(root *[]*Node) *builder {
	return &builder{root: root, stack: []open{{opts: last}}}
}

// add puts a node under its parent.
func (b *builder) add(n *Node) {
	if n.Kind == Note || len(b.stack) >= maxOpen {
		b.attach(len(b.stack)-1, n)
		return
	}
	x := open{node: n, col: n.Indent / 4, opts: last | notLast}
	if n.terminal() {
		x.opts = notLast
	}
	for i := len(b.stack) - 1; i >= 0; i-- {
		if i+2 < len(b.stack) && !b.canEnd(i+2) {
			break // what would be closed has a node that must have a sibling
		}
		if b.accepts(i, n) && b.fit(i, &x) {
			b.attach(i, n)
			b.stack = append(b.stack[:i+1], x)
			return
		}
	}
	// No place agrees: the text is not what OVS prints. Keep the line under the nearest of lesser indentation.
	i := len(b.stack) - 1
	for i > 0 && b.stack[i].node.Indent >= n.Indent {
		i--
	}
	b.attach(i, n)
	b.stack = append(b.stack[:i+1], x)
}

func (b *builder) attach(i int, n *Node) {
	if parent := b.stack[i].node; parent != nil {
		parent.Children = append(parent.Children, n)
	} else {
		*b.root = append(*b.root, n)
	}
}

// accepts leaves out the places that the columns allow and translation never produces.
func (b *builder) accepts(i int, n *Node) bool {
	parent := b.stack[i].node
	if parent == nil {
		return true
	}
	switch parent.Kind {
	case Thaw:
		return parent.Text == "thaw" && n.Kind != Bridge && n.Kind != Table
	case Bridge:
		return n.Kind != Bridge
	case Detail, Warn, Error:
		return false
	}
	return true
}

// canEnd reports whether the node at j can be the last of its list, as the child of the one before it that
// is closed too.
func (b *builder) canEnd(j int) bool {
	more := uint8(last)
	if b.stack[j].node.terminal() {
		more = notLast
	}
	return b.stack[j].opts&more != 0
}

// fit checks that x can be a child of the node at i, closing those below it, and narrows what is possible. Nothing
// changes when it cannot.
func (b *builder) fit(i int, x *open) bool {
	if i+1 < len(b.stack) && !b.closes(i) {
		return false
	}
	// The arcs root-...-i-x, narrowed from x upwards; undone when one side is left with nothing.
	b.tried = b.tried[:0]
	xopts := x.opts
	parentOpts := b.stack[i].opts
	if i+1 < len(b.stack) {
		parentOpts = narrowParent(b.stack[i], parentOpts, b.stack[i+1].col-1)
	}
	parentOpts, xopts = agree(&b.stack[i], parentOpts, x, xopts)
	if parentOpts == 0 || xopts == 0 {
		return false
	}
	b.tried = append(b.tried, parentOpts)
	j := i
	for ; j > 0 && b.tried[i-j] != b.stack[j].opts; j-- {
		up, down := agree(&b.stack[j-1], b.stack[j-1].opts, &b.stack[j], b.tried[i-j])
		if up == 0 || down == 0 {
			return false
		}
		b.tried[i-j] = down
		b.tried = append(b.tried, up)
	}
	for k, opts := range b.tried {
		b.stack[i-k].opts = opts
	}
	x.opts = xopts
	return true
}

// closes checks the nodes below i when a sibling follows the one at i+1: it has more 1, and every one below it is
// the last of its list.
func (b *builder) closes(i int) bool {
	if b.stack[i+1].opts&notLast == 0 {
		return false
	}
	level := b.stack[i+1].below(notLast)
	for j := i + 2; j < len(b.stack); j++ {
		more := uint8(last)
		if b.stack[j].node.terminal() {
			more = notLast
		}
		if b.stack[j].opts&more == 0 || b.stack[j].own(more) != level {
			return false
		}
		level = b.stack[j].below(more)
	}
	return true
}

// narrowParent leaves the options under which the parent's list is at level.
func narrowParent(p open, opts uint8, level int) uint8 {
	for _, more := range [...]uint8{last, notLast} {
		if opts&more != 0 && p.below(more) != level {
			opts &^= more
		}
	}
	return opts
}

// agree leaves the options of a parent and a child that have a partner on the other side.
func agree(p *open, popts uint8, c *open, copts uint8) (uint8, uint8) {
	var pk, ck uint8
	for _, pm := range [...]uint8{last, notLast} {
		for _, cm := range [...]uint8{last, notLast} {
			if popts&pm != 0 && copts&cm != 0 && p.below(pm) == c.own(cm) {
				pk |= pm
				ck |= cm
			}
		}
	}
	return pk, ck
}
