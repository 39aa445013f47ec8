package campaign

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab"
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
	took   time.Duration
}

// toolTimeout bounds one run of the tool, in an emulated guest too.
const toolTimeout = 3 * time.Minute

// ask runs the tool.
func (r *Runner) ask(ctx context.Context, args []string) (*Answer, error) {
	z := r.Lab.Topo.Zone("")
	argv := []string{args[0], "-o", "json", "--timeout", toolTimeout.String(), "--sb", z.SB(), "--nb", z.NB()}
	for _, c := range r.Lab.Topo.Chassis {
		argv = append(argv, "--node", fmt.Sprintf("%s=exec:ip netns exec %s env OVS_RUNDIR=%s OVN_RUNDIR=%s %s node stdio",
			c.Name, c.Name, lab.OVSRundir(c.Name), lab.OVNRundir(c.Name), r.Tool))
	}
	ctx, cancel := context.WithTimeout(ctx, toolTimeout+30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, r.Tool, append(argv, args[1:]...)...)
	cmd.Env = append(os.Environ(), r.Lab.Bin.Env()...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.WaitDelay = time.Second
	began := time.Now()
	cmd.Run() // the status and the output are judged
	a := &Answer{why: args[0] == "why", status: cmd.ProcessState.ExitCode(), stderr: strings.TrimSpace(errs.String()), took: time.Since(began)}
	r.took = append(r.took, a.took.Seconds())
	if err := json.Unmarshal(out.Bytes(), a); err != nil {
		return nil, fmt.Errorf("%s: exit status %d, no JSON: %v: %s", strings.Join(args, " "), a.status, err, a.stderr)
	}
	return a, nil
}
