package campaign

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/probe"
)

// Archived counts the answers from archives, each compared with the live answer to the same
// question at the same time.
type Archived struct{ Asked, Same, Unknown, Different int }

// likeness is how an answer from an archive compares with the live one.
type likeness int

// The likenesses, the best first.
const (
	same      likeness = iota // names the same finding
	unknown                   // says that it cannot know, and why
	different                 // names something else, or nothing
)

// String returns "same", "unknown" or "different".
func (l likeness) String() string { return [...]string{"same", "unknown", "different"}[l] }

// archived asks the questions again from each kind of archive, which is collected now, and adds to
// why what was not the same as live, before or after. An answer is not counted if the fault has
// gone meanwhile, as an entry may, which the live answer then shows.
func (s *stage) archived(ctx context.Context, live []*Answer, objects [][]string, why *[]string) error {
	if s.Archived != nil && !s.Archived(s.kind) {
		return nil
	}
	paths, err := s.collect(ctx)
	if err != nil {
		return err
	}
	for n, kind := range s.Archives {
		for i, ask := range s.in.Asks {
			a, err := s.from(ctx, paths[n], ask.Args)
			if err != nil {
				return fmt.Errorf("%s: %w", kind.Kind, err)
			}
			l, what := compare(live[i], a, ask, objects[i], kind.Kind)
			gone := false
			if l == different { // the live answer may have changed by the time the archive was made
				now, err := s.ask(ctx, ask.Args)
				if err != nil {
					return err
				}
				if gone = judge(live[i], ask, objects[i]) == Right && judge(now, ask, objects[i]) != Right; !gone {
					l, what = compare(now, a, ask, objects[i], kind.Kind)
				}
			}
			verdict := l.String()
			if gone {
				verdict = "not counted, as the fault has gone meanwhile"
			} else {
				s.count(l)
			}
			if l != same {
				*why = append(*why, fmt.Sprintf("%s: %s: %s: %s", kind.Kind, verdict, strings.Join(ask.Args, " "), what))
			}
		}
	}
	return nil
}

// collect collects every kind of archive at once, and returns the paths of each.
func (r *Runner) collect(ctx context.Context) ([][]string, error) {
	paths := make([][]string, len(r.Archives))
	g, ctx := errgroup.WithContext(ctx)
	for i, kind := range r.Archives {
		g.Go(func() (err error) {
			paths[i], err = kind.Collect(ctx, "")
			return err
		})
	}
	return paths, g.Wait()
}

// count adds one answer.
func (r *Runner) count(l likeness) {
	r.archives.Asked++
	*[]*int{&r.archives.Same, &r.archives.Unknown, &r.archives.Different}[l]++
}

// from asks the question of archives, in a network without any interface and with no daemon where
// the tool looks for one: nothing but the archives can answer.
func (r *Runner) from(ctx context.Context, paths, args []string) (*Answer, error) {
	argv := []string{"OVS_RUNDIR=/nowhere", "OVN_RUNDIR=/nowhere", "unshare", "-n", r.Tool, args[0], "-o", "json", "--timeout", toolTimeout.String()}
	for _, p := range paths {
		argv = append(argv, "--bundle", p)
	}
	return r.answer(ctx, "env", args[0] == "why", append(argv, args[1:]...))
}

// compare compares the answer of a kind of archive with the live one. The text says what is not the
// same, or why it is unknown.
func compare(live, from *Answer, ask Ask, objects []string, kind string) (likeness, string) {
	want := live.named(ask, objects)
	if len(want) == 0 {
		return different, "nothing to compare with: the live answer names nothing"
	}
	for _, f := range from.decisive(ask) {
		if slices.ContainsFunc(want, func(w Finding) bool { return f.like(w) }) {
			if more := beside(live, from); more != "" {
				return different, "names also " + more
			}
			return same, ""
		}
	}
	if why := from.cannot(ask, kind); why != "" {
		if more := beside(live, from); more != "" {
			return different, "is unknown (" + why + "), and names " + more
		}
		return unknown, why
	}
	return different, fmt.Sprintf("not %s\n            but %s", want[0], told(from))
}

// decisive returns the findings of which one must be the fault: of why, the first cause, unless any
// will do; of nat, all.
func (a *Answer) decisive(ask Ask) []Finding {
	if !a.why {
		return a.Findings
	}
	if ask.Any {
		return a.Causes
	}
	return a.Causes[:min(len(a.Causes), 1)]
}

// named returns the decisive findings that name the fault; if none does, all that are decisive.
func (a *Answer) named(ask Ask, objects []string) []Finding {
	all := a.decisive(ask)
	if of := slices.DeleteFunc(slices.Clone(all), func(f Finding) bool { return !f.names(ask.Codes, objects) }); len(of) > 0 {
		return of
	}
	return all
}

// like reports whether two findings say the same of the same object: code, severity, place and
// Northbound row.
func (f Finding) like(g Finding) bool {
	if f.Code != g.Code || f.Severity != g.Severity || !maps.Equal(f.Where, g.Where) || (f.NB == nil) != (g.NB == nil) {
		return false
	}
	return f.NB == nil || f.NB.UUID == g.NB.UUID
}

// beside returns a serious finding of an archive's answer whose code the live answer has nowhere;
// empty if there is none.
func beside(live, from *Answer) string {
	codes := map[string]bool{"unknown": true, unreadable: true}
	for _, f := range slices.Concat(live.Causes, live.Findings) {
		codes[f.Code] = true
	}
	for _, f := range slices.Concat(from.Causes, from.Findings) {
		if f.serious() && !codes[f.Code] {
			return f.String()
		}
	}
	return ""
}

// unreadable is the code by which nat says that entries may be missing.
const unreadable = "conntrack-unreadable"

// cannot returns why the answer does not determine what was asked; empty if it pretends to. Beside
// an answer that is unknown, it is a warning of what the kind of fault expects this kind of archive
// to lack, and for nat that entries may be missing.
func (a *Answer) cannot(ask Ask, kind string) string {
	told := slices.Clone(a.Warnings)
	for _, f := range a.Findings {
		told = append(told, f.Text)
		if f.Code == unreadable {
			return f.Text
		}
	}
	if text := ask.Lacks[kind]; text != "" {
		for _, w := range told {
			if strings.Contains(w, text) {
				return w
			}
		}
	}
	if isTrue(a.Reaches) && isTrue(a.Answered) {
		return ""
	}
	for _, f := range a.Causes {
		if f.uncollected() {
			return f.Text
		}
	}
	return ""
}

// uncollected reports whether the finding is that the archive lacks something.
func (f Finding) uncollected() bool {
	return f.Code == unreadable || f.Code == "unknown" && strings.Contains(f.Text+strings.Join(f.Evidence, " "), "not collected")
}

// healthyFrom asks archives about the healthy lab, and returns the number of wrong findings.
func (r *Runner) healthyFrom(ctx context.Context, questions [][]string) int {
	n := 0
	wrong := func(kind probe.Archive, what any) {
		fmt.Fprintf(r.Out, "campaign: false: %s: %v\n", kind.Kind, what)
		n++
	}
	paths, err := r.collect(ctx)
	if err != nil {
		fmt.Fprintf(r.Out, "campaign: false: %v\n", err)
		return 1
	}
	for i, kind := range r.Archives {
		for _, args := range questions {
			a, err := r.from(ctx, paths[i], args)
			if err != nil {
				wrong(kind, err)
				continue
			}
			lacks := slices.ContainsFunc(slices.Concat(a.Causes, a.Findings), Finding.uncollected)
			a.Causes, a.Findings = slices.DeleteFunc(a.Causes, Finding.uncollected), slices.DeleteFunc(a.Findings, Finding.uncollected)
			for _, f := range healthy(a) {
				if !lacks || len(a.Causes)+len(a.Findings) > 0 {
					wrong(kind, strings.Join(args, " ")+": "+f)
				}
			}
		}
	}
	return n
}
