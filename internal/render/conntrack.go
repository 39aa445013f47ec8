package render

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// conntrack prints one ct() action: what was found and what that made of the packet, then NAT, then what it
// leaves in the table.
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
	if p.opts.Verbose > 0 || uncertain(c) || c.Deleted != nil || refused(c) {
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

// found says what the look-up came back with.
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
		return "closed entry of " + tupleText(c.Deleted.Original) + " makes way"
	case refused(c):
		return "taken for no connection: " + tuple
	case c.Found == "none" && c.Committed != nil:
		return "no entry" // the commit's line tells what for
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

// refused reports a packet that conntrack calls invalid for a reason, be there an entry or not.
func refused(c *report.CT) bool {
	return c.Found == "none" && len(c.Why) > 0 && slices.Contains(strings.Split(c.State, "|"), "inv")
}

func direction(c *report.CT) string {
	if c.Direction == "" {
		return ","
	}
	return ", " + string(c.Direction) + " direction"
}

// decided is what the look-up put into the packet's metadata.
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

// nat prints each end that NAT rewrote.
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
	case !reflect.DeepEqual(n.From, n.To): // an ICMP id, or the packet an error quotes
		change("packet", headerText(n.From), headerText(n.To))
	case !n.Determined:
		p.line(indent, span{"nat ", cyan}, plain(source(n.From)+" > "+destination(n.From)), span{unsure, yellow})
	case p.opts.Verbose > 0:
		p.line(indent, span{"nat ", cyan}, plain("changes nothing"))
	}
}

// entryText is a conntrack entry; the reply's tuple is printed where NAT makes it differ.
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

// distinctCT leaves out steps that are listed again: alternatives that share a segment each run the
// rest of its actions.
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
