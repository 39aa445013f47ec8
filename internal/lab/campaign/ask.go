package campaign

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Finding is a finding in the tool's JSON.
type Finding struct {
	Severity string            `json:"severity"`
	Code     string            `json:"code"`
	Text     string            `json:"text"`
	Where    map[string]string `json:"where"`
	NB       *struct {
		Table string `json:"table"`
		UUID  string `json:"uuid"`
		Name  string `json:"name"`
	} `json:"nb"`
	Evidence []string `json:"evidence"`
	Mend     []string `json:"mend"`
}

// serious reports whether a healthy network must not have the finding.
func (f Finding) serious() bool { return f.Severity == "error" || f.Severity == "warning" }

// String returns the finding on one line.
func (f Finding) String() string {
	s := fmt.Sprintf("%s %s: %s", f.Severity, f.Code, f.Text)
	if f.NB != nil {
		s += fmt.Sprintf(" [%s %s %s]", f.NB.Table, f.NB.Name, f.NB.UUID)
	}
	if len(f.Where) > 0 {
		s += fmt.Sprintf(" %v", f.Where)
	}
	return s
}

// Answer is the answer of why or nat.
type Answer struct {
	Reaches  *bool     `json:"reaches"`
	Answered *bool     `json:"answered"`
	Causes   []Finding `json:"causes"`
	Findings []Finding `json:"findings"`

	why    bool
	status int
	stderr string
}

// toolTimeout bounds one run of the tool, in an emulated guest too.
const toolTimeout = 3 * time.Minute

// ask runs the tool.
func (r *Runner) ask(ctx context.Context, args []string) (*Answer, error) {
	z := r.Lab.Topo.Zone("")
	argv := append([]string{args[0], "-o", "json", "--timeout", toolTimeout.String(), "--sb", z.SB(), "--nb", z.NB()}, r.Lab.Topo.NodeFlags(r.Tool)...)
	ctx, cancel := context.WithTimeout(ctx, toolTimeout+30*time.Second)
	defer cancel()
	run, err := r.Lab.RunTool(ctx, r.Tool, append(argv, args[1:]...)...)
	a := &Answer{why: args[0] == "why"}
	if err == nil {
		a.status, a.stderr = run.Status, run.Stderr
		if a.why {
			r.took = append(r.took, run.Took.Seconds())
		}
		err = run.JSON(a)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", strings.Join(args, " "), err)
	}
	return a, nil
}
