package publish

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/explain"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// Findings returns the public form of differences between a chassis' tables and its Southbound
// database; of those with the same text the first.
func Findings(chassis string, differences []explain.Difference) []report.Finding {
	var out []report.Finding
	for _, d := range differences {
		f := finding(chassis, d)
		if !slices.ContainsFunc(out, func(o report.Finding) bool { return o.Text == f.Text }) {
			out = append(out, f)
		}
	}
	return out
}

func finding(chassis string, d explain.Difference) report.Finding {
	f := report.Finding{
		Severity: report.SeverityWarning,
		Where:    map[string]string{"chassis": chassis, "table": strconv.Itoa(d.Hit.Table), "datapath": d.Datapath},
	}
	if d.Kind == explain.Outlived {
		f.Code = report.CodeFlowOutlived
		f.Text = fmt.Sprintf("%s: table %d took the packet on %s by a flow (cookie 0x%x, priority %d) whose logical flow is no longer in the Southbound database",
			chassis, d.Hit.Table, d.Datapath, d.Hit.Cookie, d.Hit.Priority)
		f.Hint = "is ovn-controller running and connected?"
		return f
	}
	lf := d.Flow
	what := fmt.Sprintf("logical flow %s of %s, priority %d (%s)", lf.Stage, lf.Datapath, lf.Priority, lf.Match)
	if d.NB != nil {
		what += ", made for " + d.NB.Table + " " + d.NB.Title() + ","
	}
	instead := "no flow at all did"
	if !d.Hit.Miss {
		instead = fmt.Sprintf("one of priority %d did", d.Hit.Priority)
	}
	f.Code, f.NB = report.CodeFlowNotInstalled, nbRow(d.NB)
	f.Where["stage"], f.Where["logical_flow"] = lf.Stage, lf.UUID.String()
	f.Text = fmt.Sprintf("%s: %s should have taken the packet in table %d and is not in its tables: %s", chassis, what, d.Hit.Table, instead)
	f.Hint = fmt.Sprintf("ovs-ofctl dump-flows br-int cookie=0x%08x/-1; is ovn-controller running and connected?", ovn.Cookie(lf.UUID))
	return f
}
