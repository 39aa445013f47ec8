package verify

import (
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/publish"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// Result is all that a run has found.
type Result struct {
	Verdict
	Microflow string
	Watched   []Place
	Seen      []Seen
	Looked    []Looked
	Warnings  []string
}

// Report makes the public form of a result; prediction is the report of the trace.
func (r Result) Report(prediction *report.Report) *report.VerifyReport {
	out := &report.VerifyReport{
		Schema: report.Schema, Microflow: r.Microflow, Agrees: r.Agrees, Why: append([]string{}, r.Why...),
		Warnings: append(append([]string{}, prediction.Warnings...), r.Warnings...), Versions: prediction.Versions,
		Watched: []report.Place{}, Seen: []report.Seen{}, Entries: []report.SeenEntry{},
	}
	if len(prediction.Packets) > 0 {
		out.Prediction = prediction.Packets[0]
	}
	for _, end := range r.Unwatched {
		out.Warnings = append(out.Warnings, "not watched, and not compared: "+end)
	}
	for _, p := range r.Watched {
		out.Watched = append(out.Watched, report.Place{Chassis: p.Chassis, Port: p.Port})
	}
	for _, s := range r.Seen {
		out.Seen = append(out.Seen, report.Seen{
			At: report.Place{Chassis: s.Place.Chassis, Port: s.Place.Port}, Time: s.Time.UTC().Format(time.RFC3339Nano),
			Header: report.HeaderOf(s.Packet), Predicted: s.Predicted,
		})
	}
	for _, l := range r.Looked {
		out.Entries = append(out.Entries, report.SeenEntry{
			Chassis: l.Chassis, Zone: l.Predicted.Zone, Predicted: *publish.Entry(&l.Predicted), Found: publish.Entry(l.Found),
		})
	}
	return out
}
