package oftrace

import (
	"strconv"
	"strings"
)

// String prints the trace as ofproto/trace does.
func (t Trace) String() string {
	var b strings.Builder
	rule := strings.Repeat("=", 79) + "\n"
	for i := range t.Sections {
		s := &t.Sections[i]
		if h := s.Recirc; h != nil {
			b.WriteString("\n\n" + rule)
			h.print(&b)
			b.WriteString(rule + "\n")
		}
		s.print(&b)
	}
	if t.Limit != "" {
		b.WriteString("\n\n" + rule + t.Limit)
	}
	return b.String()
}

func (h *RecircHead) print(b *strings.Builder) {
	b.WriteString("recirc(0x" + strconv.FormatUint(uint64(h.ID), 16) + ")")
	switch {
	case h.Default:
		b.WriteString(" - resume conntrack with default ct_state=" + h.CTState)
		if h.Rest != "" {
			b.WriteString(" " + h.Rest)
		}
	case h.CTState != "":
		b.WriteString(" - resume conntrack with ct_state=" + h.CTState)
	default:
		b.WriteString(h.Rest)
	}
	b.WriteByte('\n')
	if h.NAT {
		b.WriteString("Replacing src/dst IP/ports to simulate NAT:\n Initial flow: " + h.Initial +
			"\n Modified flow: " + h.Modified + "\n")
	}
}

func (s *Section) print(b *strings.Builder) {
	b.WriteString("Flow: " + s.Flow + "\n")
	printNodes(b, s.Nodes, 0)
	final := s.FinalFlow
	if s.Unchanged {
		final = "unchanged"
	}
	b.WriteString("\nFinal flow: " + final + "\nMegaflow: " + s.Megaflow + "\nDatapath actions: " + s.Actions)
	if s.Failed != "" {
		b.WriteString("\nTranslation failed (" + s.Failed + "), packet is dropped.\n")
	}
	if len(s.SlowPath) > 0 {
		b.WriteString("\nThis flow is handled by the userspace slow path because it:")
		for _, why := range s.SlowPath {
			b.WriteString("\n  - " + why + ".")
		}
	}
	if s.ExecError != "" {
		b.WriteString("\nAction execution failed (" + s.ExecError + ")\n.")
	}
}

// printNodes is oftrace_node_print_details.
func printNodes(b *strings.Builder, nodes []*Node, level int) {
	for i, n := range nodes {
		if n.Kind == Note {
			b.WriteString(strings.Repeat(" ", n.Indent) + n.Text + "\n")
			continue
		}
		more := 0
		if n.terminal() || i+1 < len(nodes) {
			more = 1
		}
		pad := strings.Repeat(" ", 4*(level+more))
		switch n.Kind {
		case Detail:
			b.WriteString(pad + " -> " + n.Text + "\n")
		case Warn:
			b.WriteString(pad + " >> " + n.Text + "\n")
		case Error:
			b.WriteString(pad + " >>>> " + n.Text + " <<<<\n")
		case Bridge:
			b.WriteString("\n" + pad + n.Text + "\n" + pad + strings.Repeat("-", len(n.Text)) + "\n")
		case Table:
			if len(n.Text) > 1 && n.Text[1] == '.' {
				b.WriteByte(' ')
			}
			b.WriteString(pad + n.Text + "\n")
		default:
			b.WriteString(pad + n.Text + "\n")
		}
		printNodes(b, n.Children, level+more+more)
	}
}
