package render

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// headline returns the answer on one line.
func headline(r *report.Report) []span {
	switch {
	case r.Session != nil:
		return sessionLine(r)
	case len(r.Packets) == 0:
		return []span{verdictSpan(r.Verdict), plain(": no packet was traced")}
	case len(r.Packets) == 1:
		return packetLine(r.Packets[0])
	}
	// There are several packets without a session, such as a broadcast from a provider network that
	// enters on several chassis: print the packet with the report's verdict, and its name.
	p := r.Packets[0]
	for _, q := range r.Packets {
		if p.Verdict != r.Verdict && q.Verdict == r.Verdict {
			p = q
		}
	}
	return append(packetLine(p), plain(fmt.Sprintf(" (%s, one of %d packets)", packetName(p), len(r.Packets))))
}

func packetName(p *report.Packet) string {
	if p.Label != "" {
		return p.Label
	}
	return "packet from " + place(p.From)
}

// packetLine returns how a packet ended: the branches with its verdict first, then other copies or
// alternatives.
func packetLine(p *report.Packet) []span {
	if len(p.Branches) == 0 {
		return []span{verdictSpan(p.Verdict), plain(": where the packet ends is unknown")}
	}
	total := len(alternatives(p.Branches))
	var line []span
	for _, group := range byVerdict(p) {
		if len(line) > 0 {
			line = append(line, plain("; "))
		}
		line = append(line, groupLine(group, total)...)
	}
	return line
}

// byVerdict groups branches by verdict: the packet's verdict first, then from unknown to delivered.
// It omits mirror copies.
func byVerdict(p *report.Packet) [][]*report.Branch {
	order := []engine.Verdict{p.Verdict}
	for v := engine.Unknown; v <= engine.Delivered; v++ {
		if v != p.Verdict {
			order = append(order, v)
		}
	}
	var groups [][]*report.Branch
	for _, v := range order {
		var g []*report.Branch
		for _, b := range p.Branches {
			if b.Verdict == v && b.Mirror == "" {
				g = append(g, b)
			}
		}
		if len(g) > 0 {
			groups = append(groups, g)
		}
	}
	return groups
}

// maxListed is the maximum number of ends that the first line names.
const maxListed = 3

func groupLine(bs []*report.Branch, total int) []span {
	b := bs[0]
	if len(bs) == 1 && total <= 1 {
		return append(endSpans(b), reasonSpans(b, true)...)
	}
	line := []span{verdictSpan(b.Verdict)}
	if total > 1 {
		line = append(line, plain(" in "+alternativesText(bs, total)))
	}
	if total <= 1 {
		line = append(line, plain(" "+copies(b.Verdict, len(bs))))
	}
	if text := places(bs); text != "" {
		line = append(line, plain(": "+text))
	}
	return append(line, commonReason(bs)...)
}

// commonReason returns the reason that the branches share, or the first with a note that there are
// others.
func commonReason(bs []*report.Branch) []span {
	line := reasonSpans(bs[0], true)
	for _, b := range bs[1:] {
		if !slices.Equal(reasonSpans(b, true), line) {
			return append(line, plain(", and other reasons"))
		}
	}
	return line
}

func copies(v engine.Verdict, n int) string {
	switch v {
	case engine.Delivered:
		return fmt.Sprintf("at %d ports", n)
	case engine.Unknown:
		return fmt.Sprintf("for %d of the copies", n)
	}
	return fmt.Sprintf("%d times", n)
}

// places names the distinct ends of branches; more than maxListed are counted by chassis.
func places(bs []*report.Branch) string {
	var ends, chassis []string
	count := map[string]int{}
	for _, b := range bs {
		if text := endPlace(b.End); text != "" && !slices.Contains(ends, text) {
			ends = append(ends, text)
		}
		if !slices.Contains(chassis, b.End.Chassis) {
			chassis = append(chassis, b.End.Chassis)
		}
		count[b.End.Chassis]++
	}
	if len(ends) <= maxListed {
		return strings.Join(ends, ", ")
	}
	var out []string
	for _, c := range chassis {
		out = append(out, fmt.Sprintf("%d on %s", count[c], orNone(c)))
	}
	return strings.Join(out, ", ")
}

// alternatives maps each combination of undetermined choices to its share, 0..1. It does not count
// branches without such a choice: they happen in every alternative.
func alternatives(bs []*report.Branch) map[string]float64 {
	out := map[string]float64{}
	for _, b := range bs {
		if key, share := alternative(b); key != "" {
			out[key] = share
		}
	}
	return out
}

func alternative(b *report.Branch) (key string, share float64) {
	share = 1
	for _, c := range b.Choices {
		if !c.Determined && c.Of == "" {
			key += string(c.Kind) + " " + c.Chosen + "\n"
			share *= c.Share
		}
	}
	return key, share
}

func alternativesText(bs []*report.Branch, total int) string {
	mine := alternatives(bs)
	sum := 0.0
	for _, key := range sortedKeys(mine) {
		sum += mine[key]
	}
	switch len(mine) {
	case 0:
		return fmt.Sprintf("each of %d alternatives", total)
	case total:
		return fmt.Sprintf("all of %d alternatives", total)
	}
	text := fmt.Sprintf("%d of %d alternatives", len(mine), total)
	if sum > 0 {
		text += " (" + percent(sum) + ")"
	}
	return text
}

func percent(share float64) string {
	p := share * 100
	switch {
	case share > 0 && p < 1:
		return "<1 %"
	case share < 1 && p > 99:
		return ">99 %"
	}
	return fmt.Sprintf("%.0f %%", p)
}

func lineText(line []span) string {
	var b strings.Builder
	for _, s := range line {
		b.WriteString(s.text)
	}
	return b.String()
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
