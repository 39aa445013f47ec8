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
	// Parent is the step whose trace gives the recirculation id that this one
	// resumes, -1 for none; Ordinal tells which of those it prints.
	Parent, Ordinal int
	Times           int // how often the run made the call
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

// resumed is the recirculation id that a call's flow names.
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

// printed lists the recirculation ids of a trace's datapath actions.
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

// Runner makes the calls of a plan again.
type Runner struct {
	Steps []Step
	// Timed makes a call as it is to be measured, Quick the fastest way: for
	// parents that must be traced again because an id lives for a second at most.
	Timed, Quick func(ctx context.Context, c Call, args []string) (string, error)

	live [][]string
}

// tries bounds the attempts to catch an id alive.
const tries = 20

// Run makes every call once and gives the time of each.
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

// again gives a step's trace live ids.
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

// args are a step's arguments with the id of now.
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
