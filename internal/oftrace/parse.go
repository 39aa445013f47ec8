package oftrace

import (
	"strconv"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/syntax"
)

// Parse reads the text of ofproto/trace or ofproto/trace-packet-out. It keeps lines of an unknown
// kind as Note nodes or in Section.Unknown. For a text that was cut short it returns the part that
// is there, with Complete false, and a *syntax.Error; for a refusal it returns a *ReplyError.
func Parse(text string) (Trace, error) {
	p := &parser{in: text}
	if !p.start() {
		reply := strings.TrimSpace(text)
		if reply == "" {
			return Trace{}, fault(text, 0, "empty answer")
		}
		return Trace{}, &ReplyError{Kind: Classify(reply), Text: reply}
	}
	err := p.sections()
	link(&p.trace)
	if err == nil {
		err = p.whole()
	}
	return p.trace, err
}

// parser reads line by line.
type parser struct {
	in    string
	off   int // offset of the next line
	line  int // its number
	trace Trace
}

// peek returns the next line, without its line end.
func (p *parser) peek() (string, bool) {
	if p.off >= len(p.in) {
		return "", false
	}
	s := p.in[p.off:]
	if i := strings.IndexByte(s, '\n'); i >= 0 {
		s = s[:i]
	}
	return strings.TrimSuffix(s, "\r"), true
}

// skip goes to the line after the next.
func (p *parser) skip() {
	if i := strings.IndexByte(p.in[p.off:], '\n'); i >= 0 {
		p.off += i + 1
	} else {
		p.off = len(p.in)
	}
	p.line++
}

// fault returns the error of a text that is not a trace.
func fault(in string, off int, msg string) error { return syntax.AtLine("trace", in, off, msg) }

func (p *parser) fault(msg string) error { return fault(p.in, p.off, msg) }

// start goes to the first "Flow: " line, and reports whether there is one.
func (p *parser) start() bool {
	for {
		s, ok := p.peek()
		if !ok {
			return false
		}
		if strings.HasPrefix(s, "Flow: ") || s == "Flow:" {
			return true
		}
		p.skip()
	}
}

// sections reads sections and the text between them.
func (p *parser) sections() error {
	s := Section{Parent: -1}
	for {
		err := p.section(&s)
		p.trace.Sections = append(p.trace.Sections, s)
		if err != nil {
			return err
		}
		if _, ok := p.peek(); !ok {
			return nil
		}
		head, more, err := p.head()
		if head != nil {
			s = Section{Recirc: head, Parent: -1}
		}
		if err != nil {
			if head != nil {
				p.trace.Sections = append(p.trace.Sections, s)
			}
			return err
		}
		if !more {
			return nil
		}
	}
}

// section reads one section, up to the line of "=" that follows it or the end.
func (p *parser) section(s *Section) error {
	line, ok := p.peek()
	for ; ok && line == ""; line, ok = p.peek() {
		p.skip()
	}
	flow, isFlow := strings.CutPrefix(line, "Flow: ")
	if !ok || !isFlow {
		return p.fault(`cut short: no "Flow:"`)
	}
	s.Flow = flow
	p.skip()
	if err := p.body(s); err != nil {
		return err
	}
	final, _ := p.peek()
	s.FinalFlow = strings.TrimPrefix(final, "Final flow: ")
	if s.Unchanged = s.FinalFlow == "unchanged"; s.Unchanged {
		s.FinalFlow = s.Flow
	}
	p.skip()
	return p.tail(s)
}

// body reads the tree, up to "Final flow:".
func (p *parser) body(s *Section) error {
	b := newBuilder(&s.Nodes)
	for {
		line, ok := p.peek()
		if !ok {
			return p.fault(`cut short: no "Final flow:"`)
		}
		if strings.HasPrefix(line, "Final flow: ") {
			return nil
		}
		if line == "" {
			p.skip()
			continue
		}
		n := classify(line)
		n.Line = p.line
		p.skip()
		if n.Kind == Bridge {
			if under, _ := p.peek(); strings.TrimLeft(under, " ") != "" && strings.Trim(under, " -") == "" {
				p.skip()
			}
		}
		b.add(n)
	}
}

// tail reads the lines after the final flow.
func (p *parser) tail(s *Section) error {
	for {
		line, ok := p.peek()
		if !ok || isRule(line) {
			break
		}
		if rest, ok := strings.CutPrefix(line, "Megaflow: "); ok {
			s.Megaflow = rest
		} else if rest, ok := strings.CutPrefix(line, "Datapath actions: "); ok {
			s.Actions = rest
			s.Complete = true
		} else if rest, ok := strings.CutPrefix(line, "Translation failed ("); ok {
			s.Failed, _, _ = strings.Cut(rest, "), packet is dropped.")
		} else if rest, ok := strings.CutPrefix(line, "  - "); ok && len(s.SlowPath) < 64 {
			s.SlowPath = append(s.SlowPath, strings.TrimSuffix(rest, "."))
		} else if rest, ok := strings.CutPrefix(line, "Action execution failed ("); ok {
			s.ExecError = strings.TrimSuffix(rest, ")")
		} else if line != "" && line != "." &&
			!strings.HasPrefix(line, "This flow is handled by the userspace slow path because it:") {
			s.Unknown = append(s.Unknown, line)
		}
		p.skip()
	}
	if !s.Complete {
		return p.fault(`cut short: no "Datapath actions:"`)
	}
	if off, ok := unbalanced(s.Actions); ok {
		s.Complete = false
		at := strings.LastIndex(p.in[:p.off], "Datapath actions: ") + len("Datapath actions: ") + off
		return fault(p.in, at, "cut short: the datapath actions do not end")
	}
	return nil
}

// unbalanced returns the offset of a parenthesis that is never closed.
func unbalanced(s string) (int, bool) {
	depth, first := 0, 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '(':
			if depth == 0 {
				first = i
			}
			depth++
		case ')':
			depth--
		}
	}
	return first, depth > 0
}

// isRule reports whether the line is the row of "=" around a recirculation's head.
func isRule(s string) bool { return len(s) >= 40 && strings.Trim(s, "=") == "" }

// head reads the text between two sections; more is false at the end of the trace.
func (p *parser) head() (h *RecircHead, more bool, err error) {
	p.skip() // the row of "="
	line, ok := p.peek()
	rest, isRecirc := strings.CutPrefix(line, "recirc(")
	if !ok {
		return nil, false, p.fault("cut short: no recirculation")
	}
	if !isRecirc && !strings.HasPrefix(line, "Trace reached the recirculation limit.") {
		return nil, false, p.fault("cut short: no recirculation")
	}
	if !isRecirc {
		// "Trace reached the recirculation limit." and the number of recirculations left.
		p.trace.Limit = strings.TrimSpace(p.in[p.off:])
		p.off = len(p.in)
		return nil, false, nil
	}
	h = &RecircHead{}
	id, state, closed := strings.Cut(rest, ")")
	v, perr := strconv.ParseUint(id, 0, 32)
	if !closed || perr != nil {
		return h, false, p.fault("cut short: no recirculation id")
	}
	h.ID = uint32(v)
	if s, ok := strings.CutPrefix(state, " - resume conntrack with default ct_state="); ok {
		h.Default = true
		h.CTState, h.Rest, _ = strings.Cut(s, " ")
	} else if s, ok := strings.CutPrefix(state, " - resume conntrack with ct_state="); ok {
		h.CTState = s
	} else {
		h.Rest = state
	}
	p.skip()
	for {
		line, ok := p.peek()
		if !ok {
			return h, false, p.fault("cut short: the recirculation's head does not end")
		}
		p.skip()
		if isRule(line) {
			return h, true, nil
		}
		if s, ok := strings.CutPrefix(line, " Initial flow: "); ok {
			h.Initial = s
		} else if s, ok := strings.CutPrefix(line, " Modified flow: "); ok {
			h.Modified = s
		}
		h.NAT = h.NAT || strings.HasPrefix(line, "Replacing src/dst IP/ports")
	}
}

// whole checks that the trace contains a section for every queued recirculation.
func (p *parser) whole() error {
	forks := 0
	for i := range p.trace.Sections {
		forks += len(p.trace.Sections[i].Forks())
	}
	if missing := forks - (len(p.trace.Sections) - 1); missing > 0 && p.trace.Limit == "" {
		return fault(p.in, len(p.in), "cut short: "+strconv.Itoa(missing)+" queued recirculations are missing")
	}
	return nil
}
