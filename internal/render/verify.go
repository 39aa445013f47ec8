package render

import (
	"fmt"
	"io"

	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// VerifyJSON prints the answer of verify in schema ovn-ct-trace/1.
func VerifyJSON(w io.Writer, r *report.VerifyReport) error {
	out := *r
	if r.Prediction != nil {
		out.Prediction = filled(&report.Report{Packets: []*report.Packet{r.Prediction}}).Packets[0]
	}
	out.Watched, out.Seen, out.Entries, out.Why, out.Warnings = list(r.Watched), list(r.Seen), list(r.Entries), list(r.Why), list(r.Warnings)
	if out.Versions.Chassis == nil {
		out.Versions.Chassis = map[string]report.Chassis{}
	}
	return encode(w, &out)
}

// Verify prints the answer of verify as text: whether reality is as predicted, what was predicted,
// what was seen, and the differences.
func Verify(w io.Writer, r *report.VerifyReport, opts Options) error {
	p := newPrinter(opts)
	p.line(0, agreement(r)...)
	if opts.Quiet {
		return p.flush(w)
	}
	for _, why := range r.Why {
		p.line(2, plain(why))
	}
	p.blank()
	p.line(0, span{"predicted: ", bold}, plain(headerText(r.Prediction.Header)+" from "+place(r.Prediction.From)+": "))
	p.line(2, packetLine(r.Prediction)...)
	if r.Microflow != "" {
		p.line(0, span{"seen:", bold})
	}
	for _, s := range r.Seen {
		p.line(2, plain(fmt.Sprintf("%s at %s: %s%s", clock(s.Time), place(s.At), headerText(s.Header), notPredicted(s.Predicted))))
	}
	if r.Microflow != "" && len(r.Seen) == 0 {
		p.line(2, plain("nothing, at "+placesText(r.Watched)))
	}
	for _, e := range r.Entries {
		p.line(2, plain(fmt.Sprintf("ct zone %d on %s: %s%s", e.Zone, e.Chassis, tupleText(e.Predicted.Original), notFound(e))))
	}
	if opts.Verbose > 0 && r.Microflow != "" {
		p.line(0, span{"microflow: ", bold}, plain(r.Microflow))
		p.blank()
		p.packet(r.Prediction, false)
	}
	for i, text := range r.Warnings {
		if i == 0 {
			p.blank()
		}
		p.line(0, span{"warning: ", yellow}, plain(text))
	}
	return p.flush(w)
}

func agreement(r *report.VerifyReport) []span {
	switch {
	case r.Agrees == nil:
		return []span{{"not determined", yellow}}
	case *r.Agrees:
		return []span{{"agrees", green}, plain(": the packet ended as predicted")}
	}
	return []span{{"differs", red}, plain(": the packet did not end as predicted")}
}

func notPredicted(predicted bool) string {
	if predicted {
		return ""
	}
	return " (not as predicted)"
}

func notFound(e report.SeenEntry) string {
	if e.Found == nil {
		return ": not in the table"
	}
	return ", reply " + tupleText(e.Found.Reply)
}

// placesText lists places.
func placesText(list []report.Place) string {
	text := ""
	for i, p := range list {
		if i > 0 {
			text += ", "
		}
		text += place(p)
	}
	return text
}
