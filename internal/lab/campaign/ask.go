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
	Warnings []string  `json:"warnings"`

	why    bool
	status int
	stderr string
	took   time.Duration
}

// toolTimeout bounds one run of the tool, in an emulated guest too.
const toolTimeout = 3 * time.Minute

// ask runs the tool.
func (r *Runner) ask(ctx context.Context, args []string) (*Answer, error) {
	z := r.Lab.Topo.Zone("")
	argv := append([]string{args[0], "-o", "json", "--timeout", toolTimeout.String(), "--sb", z.SB(), "--nb", z.NB()}, r.Lab.Topo.NodeFlags(r.Tool)...)
	a, err := r.answer(ctx, r.Tool, args[0] == "why", append(argv, args[1:]...))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", strings.Join(args, " "), err)
	}
	if a.why {
		r.took = append(r.took, a.took.Seconds())
	}
	return a, nil
}

// answer runs the tool, or a command that does, and returns what it has printed.
func (r *Runner) answer(ctx context.Context, command string, why bool, argv []string) (*Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, toolTimeout+30*time.Second)
	defer cancel()
	run, err := r.Lab.RunTool(ctx, command, argv...)
	if err != nil {
		return nil, err
	}
	a := &Answer{why: why, status: run.Status, stderr: run.Stderr, took: run.Took}
	if err := run.JSON(a); err != nil {
		return nil, err
	}
	return a, nil
}
