package oftrace

// How the tree is restored. oftrace_node_print_details prints a node of a list at level L in column
// 4*(L+more) and its children at level L+2*more, where more is 1 for an action, detail, warning,
// error or bucket and for any node that has a following sibling, else 0. So the column of a bridge,
// table or thaw line does not show whether it is the last of its list; that depends on the lines
// after it. builder keeps, for each node on the way to the newest, the values of more that are
// still possible, and adds a line under the deepest node for which all agree. That is sufficient,
// because an action line precedes every table and bridge except the first of a list, and an
// action's column is unambiguous (random_test.go).

const (
	last    = 1 << iota // more = 0
	notLast             // more = 1
)

// maxOpen bounds the nesting. Translation itself stops far earlier (MAX_DEPTH and 255 tables).
const maxOpen = 1024

// open is a node that can still get children.
type open struct {
	node *Node // nil for the root
	col  int   // Indent/4
	opts uint8
}

// own returns the level of the list that contains the node.
func (o *open) own(more uint8) int { return o.col - int(more>>1) }

// below returns the level of the node's children.
func (o *open) below(more uint8) int { return o.col + int(more>>1) }

func (n *Node) terminal() bool { return n.Kind != Bridge && n.Kind != Table && n.Kind != Thaw }

// builder adds lines to a tree.
type builder struct {
	root  *[]*Node
	stack []open // from the root to the newest node
	tried []uint8
}

func newBuilder(root *[]*Node) *builder {
	return &builder{root: root, stack: []open{{opts: last}}}
}

// add adds a node under its parent.
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
		if b.fit(i, &x) {
			b.attach(i, n)
			b.stack = append(b.stack[:i+1], x)
			return
		}
	}
	// No place agrees: the text is not in OVS's format. Keep the line under the nearest node with
	// less indentation.
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

// fit reports whether x can be a child of the node at i. If so, it restricts the possible values
// from there up to the root; if not, it changes nothing.
func (b *builder) fit(i int, x *open) bool {
	parentOpts, xopts := agree(&b.stack[i], b.stack[i].opts, x, x.opts)
	if parentOpts == 0 || xopts == 0 {
		return false
	}
	b.tried = append(b.tried[:0], parentOpts)
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

// agree returns the options of a parent and of a child that match an option of the other.
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
