package render

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// conntrack prints one ct() action: the result of the look-up and the packet's new state, then NAT,
// then the changes to the table.
func (p *printer) conntrack(indent int, c *report.CT) {
	head := []span{{"ct", cyan}, plain(fmt.Sprintf(" zone %d", c.Zone))}
	if c.ZoneName != "" {
		head = append(head, plain(" ("+c.ZoneName+")"))
	}
	head = append(head, plain(": "+found(c)+" => "), span{decided(c), bold})
	if sure := certainty(c); sure != "" {
		head = append(head, span{" [" + sure + "]", yellow})
	}
	p.line(indent, head...)
	p.nat(indent+2, c.NAT)
	if e := c.Committed; e != nil {
		p.line(indent+2, span{"commit ", cyan}, plain(p.entryText(e)))
	}
	if e := c.Deleted; e != nil {
		p.line(indent+2, span{"delete ", cyan}, plain(p.entryText(e)))
	}
	if p.opts.Verbose > 0 || uncertain(c) || c.Deleted != nil || refused(c) || uncommitted(c) {
		for _, why := range c.Why {
			p.line(indent+2, plain("because "+why))
		}
	}
	if p.opts.Verbose > 0 {
		if c.Entry != nil {
			p.line(indent+2, span{"entry ", dim}, plain(p.entryText(c.Entry)))
		}
		p.line(indent+2, span{c.Action, dim})
	}
}

// found describes the result of the look-up.
func found(c *report.CT) string {
	tuple := "the packet"
	tracked := c.Tuple != nil && c.Tuple.Src != ""
	if tracked {
		tuple = tupleText(*c.Tuple)
	}
	switch {
	case uncertain(c) && c.State == "", !tracked:
		return "not looked up: " + tuple
	case c.Cached:
		return "same connection"
	case c.Found == "none" && c.Deleted != nil:
		return "closed entry of " + tupleText(c.Deleted.Original) + " is removed"
	case refused(c):
		return "invalid packet: " + tuple
	case c.Found == "none" && c.Committed != nil:
		return "no entry" // the commit's line has the tuple
	case c.Found == "none":
		return "no entry for " + tuple
	case c.Entry == nil:
		return string(c.Found) + " entry" + direction(c) + " of " + tuple
	}
	text := string(c.Found) + " entry" + direction(c) + " of " + tupleText(c.Entry.Original)
	if c.Entry.Protoinfo != "" {
		text += ", " + c.Entry.Protoinfo
	}
	if c.Entry.Timeout > 0 {
		text += fmt.Sprintf(", %d s left", c.Entry.Timeout)
	}
	return text
}

// refused reports whether conntrack considers the packet invalid for a known reason, with or
// without an entry.
func refused(c *report.CT) bool {
	return c.Found == "none" && len(c.Why) > 0 && slices.Contains(strings.Split(c.State, "|"), "inv")
}

// uncommitted reports whether a new connection was to be committed and was not, for a known reason
// such as a full table: later packets of the connection find no entry.
func uncommitted(c *report.CT) bool {
	commits := strings.HasPrefix(c.Action, "ct(commit") || strings.HasPrefix(c.Action, "ct(force_commit")
	return commits && c.Found == "none" && c.Committed == nil && len(c.Why) > 0
}

func direction(c *report.CT) string {
	if c.Direction == "" {
		return ","
	}
	return ", " + string(c.Direction) + " direction"
}

// decided returns the packet's conntrack state, mark and label after the action.
func decided(c *report.CT) string {
	text := c.State
	if text == "" {
		text = "untracked"
	}
	return text + markLabel(c.Mark, c.Label)
}

func markLabel(mark, label string) string {
	text := ""
	if !zero(mark) {
		text += ", mark " + mark
	}
	if !zero(label) {
		text += ", label " + label
	}
	return text
}

func zero(s string) bool { return strings.Trim(strings.TrimPrefix(s, "0x"), "0") == "" }

func certainty(c *report.CT) string {
	if c.Certainty == "exact" {
		return ""
	}
	return string(c.Certainty)
}

func uncertain(c *report.CT) bool { return c.Certainty == "undetermined" }

// nat prints each endpoint that NAT translated.
func (p *printer) nat(indent int, n *report.NAT) {
	if n == nil {
		return
	}
	unsure := ""
	if !n.Determined {
		unsure = " (not determined"
		if n.Why != "" {
			unsure += ": " + n.Why
		}
		unsure += ")"
	} else if n.Why != "" && p.opts.Verbose > 0 {
		unsure = " (" + n.Why + ")"
	}
	change := func(what, before, after string) {
		p.line(indent, span{"nat ", cyan}, plain(what+" "), span{before + " => " + after, bold}, span{unsure, yellow})
	}
	changed := false
	if a, b := source(n.From), source(n.To); a != b {
		change("source", a, b)
		changed = true
	}
	if a, b := destination(n.From), destination(n.To); a != b {
		change("destination", a, b)
		changed = true
	}
	switch {
	case changed:
	case !reflect.DeepEqual(n.From, n.To): // an ICMP id, or the packet inside an ICMP error
		change("packet", headerText(n.From), headerText(n.To))
	case !n.Determined:
		p.line(indent, span{"nat ", cyan}, plain(source(n.From)+" > "+destination(n.From)), span{unsure, yellow})
	case p.opts.Verbose > 0:
		p.line(indent, span{"nat ", cyan}, plain("changes nothing"))
	}
}

// entryText returns a conntrack entry as text; it contains the reply tuple if that is not the
// inverted original tuple.
func (p *printer) entryText(e *report.Entry) string {
	text := tupleText(e.Original)
	if !mirrored(e.Original, e.Reply) {
		text += ", reply " + tupleText(e.Reply)
	}
	if e.Protoinfo != "" {
		text += ", " + e.Protoinfo
	}
	text += markLabel(e.Mark, e.Label)
	if p.opts.Verbose > 0 && e.Status != "" {
		text += ", " + e.Status
	}
	if p.opts.Verbose > 0 && e.Timeout > 0 {
		text += fmt.Sprintf(", %d s", e.Timeout)
	}
	return text
}

// distinctCT removes repeated steps: each alternative that shares a segment runs the rest of its
// actions.
func distinctCT(in []report.CT) []report.CT {
	var out []report.CT
	for i := range in {
		again := false
		for j := range out {
			again = again || reflect.DeepEqual(in[i], out[j])
		}
		if !again {
			out = append(out, in[i])
		}
	}
	return out
}
