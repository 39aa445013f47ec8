package render

import (
	"fmt"
	"io"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// BundleJSON prints what bundle has collected in schema ovn-ct-trace/1.
func BundleJSON(w io.Writer, r *report.BundleReport) error {
	out := *r
	out.Hosts, out.Warnings = list(r.Hosts), list(r.Warnings)
	for i := range out.Hosts {
		out.Hosts[i].Parts = list(out.Hosts[i].Parts)
	}
	if out.Versions.Chassis == nil {
		out.Versions.Chassis = map[string]report.Chassis{}
	}
	return encode(w, out)
}

// BundleList prints what will be collected.
func BundleList(w io.Writer, r *report.BundleReport, opts Options) error {
	p := newPrinter(opts)
	p.line(0, plain("to collect (never keys, certificates, passwords or permissions):"))
	for _, h := range r.Hosts {
		var parts []string
		for _, part := range h.Parts {
			parts = append(parts, bundlePart(part))
		}
		if len(parts) == 0 {
			parts = []string{"nothing"}
		}
		p.line(2, plain(h.Hostname+": "+strings.Join(parts, "; ")))
	}
	for _, f := range r.Failed {
		p.line(2, plain(f.Chassis+": nothing ("+f.Error+")"))
	}
	p.warnings(&report.Report{Warnings: r.Warnings})
	return p.flush(w)
}

// bundlePart names a part, with what is known of its size.
func bundlePart(x report.BundlePart) string {
	out := map[string]string{"sb": "Southbound database", "nb": "Northbound database", "conf": "Open vSwitch's database", "kernel": "kernel's settings"}[x.Name]
	if out == "" {
		out = x.Name
	}
	if x.Of != "" {
		out += " of " + x.Of
	}
	noun := map[string]string{"flows": "flow", "conntrack": "connection"}[x.Name]
	if noun != "" && x.Items >= 0 {
		out += " (" + number(int(x.Items), noun, noun+"s") + ")"
	}
	return out
}

// Bundle prints what was collected: what is missing, and where it is.
func Bundle(w io.Writer, r *report.BundleReport, opts Options) error {
	p := newPrinter(opts)
	for _, h := range r.Hosts {
		for _, part := range h.Parts {
			if part.Error != "" {
				p.line(0, plain(fmt.Sprintf("missing: %s: %s: %s", h.Hostname, bundlePart(part), part.Error)))
			}
			if part.Lacks != "" {
				p.line(0, plain(fmt.Sprintf("not whole: %s: %s: %s", h.Hostname, bundlePart(part), part.Lacks)))
			}
		}
	}
	for _, f := range r.Failed {
		p.line(0, plain("missing: "+f.Chassis+": "+f.Error))
	}
	where := r.File
	if where == "" {
		where = "standard output"
	}
	p.line(0, plain(fmt.Sprintf("%s: %s, %s before compression", where, byteCount(r.Size), byteCount(r.Bytes))))
	return p.flush(w)
}

// byteCount writes a number of bytes for people.
func byteCount(n int64) string {
	switch {
	case n >= 10<<20:
		return fmt.Sprintf("%d MB", n>>20)
	case n >= 10<<10:
		return fmt.Sprintf("%d kB", n>>10)
	}
	return fmt.Sprintf("%d bytes", n)
}
