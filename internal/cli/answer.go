package cli

import (
	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/render"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// answer prints a report and sets the exit status.
func (a *app) answer(c *common, r *report.Report) error {
	if err := a.print(c, r); err != nil {
		return err
	}
	a.status = exitOK
	switch {
	case r.Expectation.Met:
	case undetermined(r):
		a.status = exitUnknown
	default:
		a.status = exitNotAsAsked
	}
	return nil
}

// undetermined reports whether any branch is unknown: the packet may then end as expected after
// all.
func undetermined(r *report.Report) bool {
	for _, p := range r.Packets {
		for _, b := range p.Branches {
			if b.Verdict == engine.Unknown {
				return true
			}
		}
	}
	return r.Verdict == engine.Unknown
}

func (a *app) renderOptions(c *common) render.Options {
	color := c.color == "always" || c.color == "auto" && isTerminal(a.out)
	return render.Options{Verbose: c.verbose, Color: color, Quiet: c.quiet}
}

func (a *app) print(c *common, r *report.Report) error {
	opt := a.renderOptions(c)
	switch c.output {
	case "json":
		return render.JSON(a.out, r)
	case "summary":
		return render.Summary(a.out, r, opt)
	}
	return render.Text(a.out, r, opt)
}
