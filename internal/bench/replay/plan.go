package replay

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/oftrace"
)

// Step is one call of a plan.
type Step struct {
	Call
	// Parent is the step whose trace allocates the recirculation id that this step resumes, -1 for
	// none; Ordinal is the index among the ids that it prints.
	Parent, Ordinal int
	Times           int // how many times the run made the call
}

// Plan gives the traces that a run needed, each once, in an order in which
// they can be made again: what a run repeated because an id had died, or
// looked up twice, counts once.
func Plan(calls []Call) ([]Step, error) {
	type origin struct{ step, ordinal int }
	var steps []Step
	seen := map[string]int{}
	made := map[string]origin{} // chassis and id: the newest trace that printed it
	for _, c := range calls {
		if !strings.HasPrefix(c.Method, "ofproto/trace") || strings.Contains(c.Reply, oftrace.ContextLost) {
			continue
		}
		s := Step{Call: c, Parent: -1, Times: 1}
		args := strings.Join(c.Args, "\x00")
		if id := resumed(c.Args); id != "" {
			o, ok := made[c.Chassis+id]
			if !ok {
				return nil, fmt.Errorf("%s: nothing printed recirc(%s) before it was resumed", c.Chassis, id)
			}
			s.Parent, s.Ordinal = o.step, o.ordinal
			args = strings.Replace(args, "recirc_id="+id, fmt.Sprintf("recirc_id=<%d,%d>", o.step, o.ordinal), 1)
		}
		key := c.Chassis + "\x00" + c.Method + "\x00" + args
		n, again := seen[key]
		if again {
			steps[n].Times++
		} else {
			n = len(steps)
			seen[key] = n
			steps = append(steps, s)
		}
		for i, id := range printed(c.Reply) {
			made[c.Chassis+id] = origin{n, i}
		}
	}
	return steps, nil
}

// resumed returns the recirculation id in a call's flow.
func resumed(args []string) string {
	for _, a := range args {
		if _, rest, ok := strings.Cut(a, "recirc_id="); ok {
			id, _, _ := strings.Cut(rest, ",")
			if id != "0" && id != "0x0" {
				return id
			}
		}
	}
	return ""
}

// printed returns the recirculation ids in a trace's datapath actions.
func printed(reply string) (ids []string) {
	for {
		_, rest, ok := strings.Cut(reply, "recirc(")
		if !ok {
			return ids
		}
		id, _, _ := strings.Cut(rest, ")")
		ids = append(ids, id)
		reply = rest
	}
}

// Runner repeats the calls of a plan.
type Runner struct {
	Steps []Step
	// Timed makes a call to be measured. Quick makes a call in the fastest way, to repeat parents: an
	// id expires after at most a second.
	Timed, Quick func(ctx context.Context, c Call, args []string) (string, error)

	live [][]string
}

// tries is the maximum number of attempts to use an id before it expires.
const tries = 20

// Run makes every call once and returns the time of each.
func (r *Runner) Run(ctx context.Context) ([]time.Duration, error) {
	r.live = make([][]string, len(r.Steps))
	took := make([]time.Duration, len(r.Steps))
	for i, s := range r.Steps {
		for try := 0; ; try++ {
			if s.Parent >= 0 {
				if err := r.again(ctx, s.Parent); err != nil {
					return nil, err
				}
			}
			args, err := r.args(s)
			if err != nil {
				return nil, err
			}
			begin := time.Now()
			out, err := r.Timed(ctx, s.Call, args)
			took[i] = time.Since(begin)
			if err != nil && !s.Refused {
				return nil, err
			}
			if !strings.Contains(out, oftrace.ContextLost) {
				r.live[i] = printed(out)
				break
			}
			if try == tries {
				return nil, fmt.Errorf("%s: recirculation ids die before they can be resumed", s.Chassis)
			}
		}
	}
	return took, nil
}

// again repeats a step's trace to get valid ids.
func (r *Runner) again(ctx context.Context, i int) error {
	s := r.Steps[i]
	for range tries {
		args, err := r.args(s)
		if err != nil {
			return err
		}
		out, err := r.Quick(ctx, s.Call, args)
		if err != nil {
			return err
		}
		if !strings.Contains(out, oftrace.ContextLost) {
			r.live[i] = printed(out)
			return nil
		}
		if s.Parent < 0 {
			break
		}
		if err := r.again(ctx, s.Parent); err != nil {
			return err
		}
	}
	return fmt.Errorf("%s: recirculation ids die before they can be resumed", s.Chassis)
}

// args returns a step's arguments with the current id.
func (r *Runner) args(s Step) ([]string, error) {
	if s.Parent < 0 {
		return s.Args, nil
	}
	ids := r.live[s.Parent]
	if s.Ordinal >= len(ids) {
		return nil, errors.New("a trace does not print the recirculation that it printed before: the flow tables have changed")
	}
	old := resumed(s.Args)
	args := make([]string, len(s.Args))
	for i, a := range s.Args {
		args[i] = strings.Replace(a, "recirc_id="+old, "recirc_id="+ids[s.Ordinal], 1)
	}
	return args, nil
}
