package render

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// sessionLine says whether the session was established, else at which packet it broke and why.
func sessionLine(r *report.Report) []span {
	s := r.Session
	line := []span{plain("session " + s.Proto + " ")}
	if s.Established {
		line = append(line, span{"established", green})
		if len(r.Packets) > 0 {
			h := r.Packets[0].Header
			line = append(line, plain(": "+source(h)+" > "+destination(h)))
		}
		if via := r.Passed(); len(via) > 0 {
			line = append(line, plain(" via "+strings.Join(via, ", ")))
		}
		if n := len(s.Alternatives); n > 1 {
			line = append(line, plain(fmt.Sprintf(", in all of %d alternatives", n)))
		}
		return line
	}
	if i := slices.IndexFunc(r.Packets, func(p *report.Packet) bool { return p.Differs != "" }); i >= 0 {
		p := r.Packets[i]
		return append(line, span{"differs from the capture", red}, plain(" at "+p.Label+frame(p, " (frame %d)")+": "+p.Differs))
	}
	if r.Verdict == engine.Unknown {
		line = append(line, span{"not determined", yellow})
	} else {
		line = append(line, span{"broken", red})
	}
	if s.BrokenAt != "" {
		line = append(line, plain(" at "+s.BrokenAt))
	}
	other := func(a report.SessionAlternative) bool {
		return s.Verdict == engine.Unknown && a.Verdict != engine.Unknown
	}
	if n := len(s.Alternatives); n > 1 && s.BrokenAt != "" && !slices.ContainsFunc(s.Alternatives, other) {
		line = append(line, plain(fmt.Sprintf(" in all of %d alternatives", n)))
	}
	line = append(line, plain(": "))
	if p := brokenPacket(r); p != nil && p.Verdict != engine.Delivered {
		return append(line, packetLine(p)...)
	}
	return append(line, plain(orElse(s.Why, "no reason given")))
}

// frame returns the number of a captured packet by a format, nothing where there is none or the
// packet's label has it.
func frame(p *report.Packet, format string) string {
	if p.Frame == 0 || strings.Contains(p.Label, "(frame ") {
		return ""
	}
	return fmt.Sprintf(format, p.Frame)
}

// sessionAlternatives lists how the handshake ends for each combination of choices.
func (p *printer) sessionAlternatives(s *report.Session) {
	if len(s.Alternatives) < 2 {
		return
	}
	// The report's packets after the choice belong to the alternative that the session's end is of,
	// else to the first broken one, or to the first if none is broken.
	shown := slices.IndexFunc(s.Alternatives, func(a report.SessionAlternative) bool {
		return !a.Established && (s.BrokenAt == "" || a.BrokenAt == s.BrokenAt && a.Why == s.Why)
	})
	shown = max(0, shown)
	for i, a := range s.Alternatives {
		line := []span{{fmt.Sprintf("one of %d: ", len(s.Alternatives)), yellow}, plain(choicesText(a.Choices) + ": ")}
		switch {
		case a.Established:
			line = append(line, span{"established", green})
		case a.BrokenAt != "":
			line = append(line, span{"broken", red}, plain(" at "+a.BrokenAt))
		default:
			line = append(line, span{"not established", red})
		}
		if a.Why != "" {
			line = append(line, plain(": "+a.Why))
		}
		if i == shown {
			line = append(line, plain(" (shown)"))
		}
		p.line(2, line...)
	}
}

// extraWhy returns the session's reason, empty if the headline or a branch already contains it.
func extraWhy(r *report.Report) string {
	if r.Session == nil || r.Session.Why == "" {
		return ""
	}
	why := r.Session.Why
	if strings.Contains(lineText(sessionLine(r)), why) {
		return ""
	}
	if p := brokenPacket(r); p != nil {
		for _, b := range p.Branches {
			if b.Verdict == p.Verdict && b.Reason != nil && b.Reason.Text != "" && strings.Contains(why, b.Reason.Text) {
				return ""
			}
		}
	}
	return why
}

func brokenPacket(r *report.Report) *report.Packet {
	i := slices.IndexFunc(r.Packets, func(p *report.Packet) bool { return p.Label == r.Session.BrokenAt })
	if i < 0 {
		return nil
	}
	return r.Packets[i]
}
