package render

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// CaptureJSON prints the frames of a capture in schema ovn-ct-trace/1.
func CaptureJSON(w io.Writer, r *report.CaptureReport) error {
	out := *r
	out.Schema, out.Warnings = report.Schema, list(out.Warnings)
	out.Frames = make([]report.Frame, len(r.Frames))
	for i, f := range r.Frames {
		if f.Trace != nil {
			f.Trace = filled(f.Trace)
		}
		out.Frames[i] = f
	}
	return encode(w, &out)
}

// Headline returns the answer of a report on one line, without colours.
func Headline(r *report.Report) string {
	var b strings.Builder
	for _, s := range headline(r) {
		b.WriteString(s.text)
	}
	return b.String()
}

// Frame prints a captured frame as text, without its trace.
func Frame(w io.Writer, r *report.CaptureReport, f report.Frame, opts Options) error {
	p := newPrinter(opts)
	if f.Number > 1 {
		p.blank()
	}
	p.line(0, plain(fmt.Sprintf("%s %s %s (%s): %s, %d bytes", clock(f.Time), f.Direction, place(r.At), r.Device, frameText(f), f.Length)))
	if opts.Verbose > 0 {
		p.line(2, span{"--packet " + f.Data, dim})
	}
	if f.Error != "" {
		what := "not traced: "
		if f.Trace != nil {
			what = "not traced to its end: "
		}
		p.line(2, span{what, yellow}, plain(f.Error))
	}
	return p.flush(w)
}

// CaptureWarnings prints the warnings of a capture as text.
func CaptureWarnings(w io.Writer, r *report.CaptureReport, opts Options) error {
	p := newPrinter(opts)
	for _, text := range r.Warnings {
		p.line(0, span{"warning: ", yellow}, plain(text))
	}
	return p.flush(w)
}

func frameText(f report.Frame) string {
	if f.Header == nil {
		return "a frame whose headers cannot be read"
	}
	return headerText(*f.Header)
}

// clock returns the time of day of a report's time, in UTC.
func clock(t string) string {
	at, err := time.Parse(time.RFC3339Nano, t)
	if err != nil {
		return t
	}
	return at.UTC().Format("15:04:05.000000")
}
