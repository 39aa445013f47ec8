package render

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/odp"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// hopHead prints the chassis and how the packet entered it.
func (p *printer) hopHead(indent int, n *node) {
	h := n.hop
	line := []span{{orNone(h.Chassis), bold}}
	if h.Bridge != "" {
		line = append(line, plain(" ("+h.Bridge+")"))
	}
	if h.InPort != "" || h.Via != "" {
		line = append(line, plain(strings.TrimRight(", in by "+string(h.Via)+" "+h.InPort, " ")))
	}
	if h.Via == "tunnel" {
		line = append(line, plain(tunnelText(h, n.from)))
		if t := h.Tunnel; t != nil && t.IPsec != "" {
			line = append(line, span{", encrypted (IPsec, " + t.IPsec + ")", green})
		}
	}
	p.line(indent, line...)
}

// tunnelText returns endpoints and key of the tunnel through which the packet came, from the hop's
// first flow.
func tunnelText(h *report.Hop, sender *report.Segment) string {
	if len(h.Segments) == 0 {
		return ""
	}
	f, err := openflow.Parse(h.Segments[0].Flow)
	if err != nil {
		return ""
	}
	text := ""
	src, srcOK := tunnelAddr(f, "tun_src", "tun_ipv6_src")
	dst, dstOK := tunnelAddr(f, "tun_dst", "tun_ipv6_dst")
	if srcOK && dstOK {
		text = ", " + src + " > " + dst
	}
	// OVS prints a flow without its tunnel id unless tun_flags has the key bit (lib/flow.c:
	// flow_wildcards_init_for_packet); the sender's actions contain the id.
	if id, ok := f.Get("tun_id"); ok {
		text += ", key " + id
	} else if id, ok := sentKey(sender, dst); ok {
		text += fmt.Sprintf(", key 0x%x", id)
	}
	return text
}

// sentKey returns the tunnel key with which a segment sends to dst.
func sentKey(s *report.Segment, dst string) (uint64, bool) {
	if s == nil {
		return 0, false
	}
	actions, err := odp.Parse(s.DatapathActions)
	if err != nil {
		return 0, false
	}
	var key uint64
	found := false
	odp.Walk(actions, func(a odp.Action) bool {
		switch a := a.(type) {
		case odp.Set:
			if t := a.Key.Tunnel; t != nil && t.HasID && t.Dst.String() == dst {
				key, found = t.ID, true
			}
		case odp.TnlPush:
			if a.Header.Dst.String() == dst {
				key, found = a.Header.VNI, true
			}
		}
		return true
	})
	return key, found
}

// tunnelAddr returns the first of these fields that is not zero: OVS prints the fields of both
// address families.
func tunnelAddr(f openflow.Flow, names ...string) (string, bool) {
	for _, name := range names {
		if v, ok := f.Addr(name); ok && !v.IsUnspecified() {
			return v.String(), true
		}
	}
	return "", false
}

// segment prints a segment's course and conntrack steps, with -v its table look-ups before them.
func (w *walker) segment(indent int, n *node) {
	s := n.seg
	if w.opts.Verbose > 0 {
		w.line(indent, span{fmt.Sprintf("segment %d, entered by %s", s.ID, orNone(s.Enter)), dim})
		if w.opts.Verbose > 1 {
			w.detail(indent+2, "flow", s.Flow)
		}
		for i := range s.Tables {
			w.table(indent+2, &s.Tables[i])
		}
		if w.opts.Verbose > 1 {
			w.detail(indent+2, "final flow", s.FinalFlow)
			w.detail(indent+2, "datapath actions", s.DatapathActions)
		}
	}
	if w.opts.Verbose == 0 && !w.lone(n) {
		w.course(indent, s)
	}
	for _, note := range s.Notes {
		w.line(indent, span{"note: ", yellow}, plain(note))
	}
	if w.lone(n) {
		return
	}
	steps := distinctCT(s.CT)
	for i := range steps {
		w.conntrack(indent, &steps[i])
	}
}

func (p *printer) detail(indent int, name, text string) {
	if text != "" {
		p.line(indent, span{name + ": " + text, dim})
	}
}

// table prints one table look-up, its actions and the rows behind it.
func (p *printer) table(indent int, t *report.Table) {
	head := "table " + strconv.Itoa(t.Table)
	if t.Bridge != "" && t.Bridge != "br-int" {
		head = t.Bridge + " " + head
	}
	if t.Stage != "" {
		head += " " + t.Stage
	}
	head += fmt.Sprintf(", priority %d", t.Priority)
	if t.Cookie != "" && p.opts.Verbose > 1 {
		head += ", cookie " + t.Cookie
	}
	p.line(indent, span{head, dim}, plain(": "+orElse(t.Match, "any")+" => "+orElse(strings.Join(t.Actions, "; "), "nothing")))
	if t.Taught != "" {
		p.line(indent+2, plain("assumed to be learned from the "+t.Taught))
	}
	p.logicalFlow(indent+2, t.LogicalFlow)
	p.nb(indent+2, t.NB)
	if t.Row != "" {
		p.line(indent+2, plain(t.Row))
	}
	for _, c := range t.Candidates {
		p.line(indent+2, plain("or "+c))
	}
}
