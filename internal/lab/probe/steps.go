package probe

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// runSteps predicts and sends packet after packet.
func (r *Runner) runSteps(ctx context.Context, c Case, res *Result, worse func(Outcome, ...string)) error {
	st := &steps{Runner: r, args: c.Args, res: res, worse: worse}
	for i, s := range c.Steps {
		st.last = lastPacket(c.Steps, i)
		if err := st.step(ctx, i+1, s); err != nil {
			return err
		}
	}
	return nil
}

// steps plays the steps of a case. It keeps what the packet before became: steps answer it, or
// send the rest of its fragments.
type steps struct {
	*Runner
	args  []string // further flags of the tool
	res   *Result
	worse func(Outcome, ...string)
	last  bool // no later packet of the case is predicted

	real   *Reality // nil before the first packet
	sent   Packet
	pred   *Prediction
	marker []byte
}

// step plays the step with a number, counted from 1.
func (st *steps) step(ctx context.Context, n int, s Step) error {
	if err := st.stepChanges(ctx, s); err != nil {
		return err
	}
	if st.real != nil && !s.Rest { // the packet before may have taught a MAC
		if err := st.learnFDB(ctx); err != nil {
			return err
		}
	}
	p, ok, err := st.packet(s)
	if err != nil {
		return fmt.Errorf("step %d: %w", n, err)
	}
	if !ok {
		return nil
	}
	if s.Status != 0 {
		if why := st.refusal(ctx, p, s); why != "" {
			st.worse(Disagree, fmt.Sprintf("step %d: %s", n, why))
		}
		return nil
	}
	if !s.Rest {
		st.marker = st.Stamp(&p)
	}
	name := fmt.Sprintf("packet %d (%s from %s)", n, p, p.From)
	expect := wantCount(s.Want)
	if st.pred = st.predict(ctx, name, p, s); st.pred != nil {
		expect = max(expect, expectedFrames(&st.pred.Report.Packets[0]))
	}
	if st.real, err = st.Send(ctx, p, st.marker, expect); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	st.sent = p
	if st.Tool == "" {
		fmt.Fprintf(st.Out, " %s\n%s", name, st.real)
	}
	st.judge(name, s)
	return nil
}

// packet returns the packet of a step; ok is false if the step sends none.
func (st *steps) packet(s Step) (p Packet, ok bool, err error) {
	switch {
	case s.Packet != nil:
		return *s.Packet, true, nil
	case s.Error:
		p, err = st.icmpError(st.real, s.Middle)
	case s.Answer:
		p, err = st.answer(st.real, st.sent, s.Flags)
	case s.Rest:
		return st.sent.rest(), true, nil
	default:
		return Packet{}, false, nil
	}
	if err != nil && s.Maybe {
		return Packet{}, false, nil
	}
	return p, err == nil, err
}

// predict asks the tool about a packet; nil if it is not asked, or has failed. The rest of a
// datagram has the prediction of its first fragments.
func (st *steps) predict(ctx context.Context, name string, p Packet, s Step) *Prediction {
	switch {
	case s.Rest:
		return st.pred
	case st.Tool == "" || s.Quiet:
		return nil
	}
	st.lastOfCase = st.last
	pred, err := st.Predict(ctx, "trace", p, append(slices.Clone(st.args), s.Args...)...)
	if pred != nil {
		st.res.Tool += pred.Took
	}
	if err != nil {
		st.worse(Disagree, fmt.Sprintf("%s: %v", name, err))
		return nil
	}
	return pred
}

// judge compares what became of the packet that was sent with the expected end and the prediction.
func (st *steps) judge(name string, s Step) {
	if why := st.real.wants(s.Want); why != "" {
		st.worse(Disagree, fmt.Sprintf("%s: the expected end is wrong: %s", name, why))
	}
	if st.pred == nil {
		return
	}
	predicted := st.pred.Report.Packets[0]
	o, diff := Compare(predicted.of(st.sent), st.real)
	for _, d := range diff {
		st.worse(o, name+": "+d)
	}
	st.worse(o)
	if v := predicted.Verdict; s.Verdict != "" && v != s.Verdict {
		st.worse(Disagree, fmt.Sprintf("%s: verdict %s, not %s", name, v, s.Verdict))
	}
	if bad := st.pred.statusDiff(); bad != "" {
		st.worse(Disagree, name+": "+bad)
	}
	for _, m := range s.Explanation.missing(&st.pred.Report, 0) {
		st.worse(Disagree, name+": "+m)
	}
}

// refusal runs the tool on a packet that it must refuse or call unknown, and returns the
// difference, "" if there is none.
func (r *Runner) refusal(ctx context.Context, p Packet, s Step) string {
	if r.Tool == "" {
		return ""
	}
	pred, err := r.Predict(ctx, "trace", p, s.Args...)
	switch {
	case pred == nil:
		return err.Error()
	case pred.Status != s.Status:
		return fmt.Sprintf("exit status %d, not %d: %s", pred.Status, s.Status, pred.Stderr)
	case !strings.Contains(strings.SplitN(pred.Stderr, "\n", 2)[0], s.Says):
		return fmt.Sprintf("the error message does not contain %q: %s", s.Says, pred.Stderr)
	case s.Says == "" && err != nil:
		return err.Error()
	case err == nil:
		return strings.Join(s.Explanation.missing(&pred.Report, 0), "; ")
	}
	return ""
}

func (r *Runner) stepChanges(ctx context.Context, s Step) error {
	if s.Flush {
		if err := r.Flush(); err != nil {
			return err
		}
	}
	if s.Unsettled {
		for _, cmd := range s.NB {
			if err := r.Lab.Do(ctx, cmd); err != nil {
				return err
			}
		}
		return nil
	}
	if len(s.NB) > 0 {
		if err := r.change(ctx, s.NB); err != nil {
			return err
		}
		return r.LearnMACs(ctx)
	}
	return nil
}

// statusDiff checks the exit status against the verdict of the report.
func (p *Prediction) statusDiff() string {
	want := map[string]int{"delivered": 0, "dropped": 1, "rejected": 1, "unknown": 4}
	if w, ok := want[p.Report.Verdict]; ok && p.Status != w {
		return fmt.Sprintf("verdict %s with exit status %d", p.Report.Verdict, p.Status)
	}
	return ""
}

// expectedFrames returns the minimum number of frames over all alternatives.
func expectedFrames(p *RPkt) int {
	least := -1
	for _, a := range alternatives(p) {
		n := 0
		for _, b := range a.branches {
			if wanted(b) != "" || b.Verdict == "rejected" {
				n++
			}
		}
		if least < 0 || n < least {
			least = n
		}
	}
	return max(least, 0)
}

func wantCount(want string) int {
	switch want {
	case "", "nowhere":
		return 0
	}
	return strings.Count(want, ",") + 1
}

// wants compares the reality with the expected end of a step and returns the difference, "" if
// there is none.
func (r *Reality) wants(want string) string {
	var got []string
	for _, e := range r.Ends {
		got = append(got, strings.TrimPrefix(e.End, "port "))
	}
	slices.Sort(got)
	g := strings.Join(got, ", ")
	if g == "" {
		g = "nowhere"
	}
	switch {
	case want == "":
		return ""
	case want == "rejected":
		if len(got) == 0 && len(r.Answers) > 0 {
			return ""
		}
	case want == "nowhere":
		if len(got) == 0 {
			return ""
		}
	case strings.Contains(want, "|"):
		if len(got) == 1 && slices.Contains(strings.Split(want, "|"), got[0]) {
			return ""
		}
	default:
		w := strings.Split(want, ",")
		for i := range w {
			w[i] = strings.TrimSpace(w[i])
		}
		slices.Sort(w)
		if slices.Equal(w, got) {
			return ""
		}
	}
	return fmt.Sprintf("wanted %s, it came out at %s (%d answers)", want, g, len(r.Answers))
}
