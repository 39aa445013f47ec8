package probe

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// asItIs is how many questions about new connections are between two that are also asked as they are,
// with Runner.Once: without entries those are mostly unknown.
const asItIs = 8

// gathered asks the question again from a partial archive: as it was asked, and as of a new
// connection. What is determined must be as live, and what is unknown so because it was not
// collected.
func (r *Runner) gathered(ctx context.Context, a *Archived, reach []string, live *Prediction, zone, command string, args []string) (unknown string, err error) {
	ask := func(reach []string, more ...string) (*Prediction, error) {
		return r.predict(ctx, slices.Concat([]string{command}, reach, more, args))
	}
	asNew := !slices.ContainsFunc(args, func(a string) bool { return strings.HasPrefix(a, "--as-") || strings.HasPrefix(a, "--overlay") })
	r.asked++
	if !r.Once || !asNew || r.asked%asItIs == 0 {
		from, err := ask(reach)
		if err != nil {
			return "", err
		}
		why, diff := contradicts(&live.Report, &from.Report)
		if diff != "" {
			return "", errors.New(diff)
		}
		if why == "" || !asNew {
			return why, nil
		}
	}
	z := r.Lab.Topo.Zone(zone)
	now, err := ask(append(z.Reach(), r.reach()...), "--as-new")
	if err != nil {
		return "", fmt.Errorf("live, --as-new: %w", err)
	}
	from, err := ask(reach, "--as-new")
	if err != nil {
		return "", fmt.Errorf("--as-new: %w", err)
	}
	a.AsNew = true
	why, diff := contradicts(&now.Report, &from.Report)
	if diff != "" {
		return "", fmt.Errorf("--as-new: %s", diff)
	}
	return why, nil
}

// notCollected is in the reason of each end that a must-gather does not determine.
const notCollected = "not collected"

// contradicts returns the first difference of what an answer determines to the live answer, and why
// something is unknown in it.
func contradicts(live, from *Report) (why, diff string) {
	for i := range from.Packets {
		if i >= len(live.Packets) {
			return why, fmt.Sprintf("%d packets, live %d", len(from.Packets), len(live.Packets))
		}
		unknown, diff := packetContradicts(&live.Packets[i], &from.Packets[i])
		if diff != "" {
			return why, fmt.Sprintf("packet %d: %s", i+1, diff)
		}
		if unknown != "" {
			why = unknown
			if from.Packets[i].Verdict == "unknown" {
				return why, "" // later packets depend on it
			}
		}
	}
	switch {
	case why != "":
	case live.Verdict != from.Verdict:
		diff = fmt.Sprintf("verdict %s, live %s", from.Verdict, live.Verdict)
	case len(live.Packets) != len(from.Packets):
		diff = fmt.Sprintf("%d packets, live %d", len(from.Packets), len(live.Packets))
	}
	return why, diff
}

// ending is what is compared of a branch.
func ending(b *RBranch) string { return text([]any{b.Verdict, b.End, b.Header}) }

func packetContradicts(live, from *RPkt) (why, diff string) {
	if x, y := text(live.Header), text(from.Header); x != y {
		return "", fmt.Sprintf("header %s, live %s", y, x)
	}
	left := map[string]int{}
	for i := range live.Branches {
		if live.Branches[i].Mirror == "" { // mirrors are settings of Open vSwitch, which are not collected
			left[ending(&live.Branches[i])]++
		}
	}
	for i := range from.Branches {
		b := &from.Branches[i]
		end := ending(b)
		switch {
		case b.Mirror != "":
		case left[end] > 0:
			left[end]--
		case b.Verdict != "unknown":
			return why, fmt.Sprintf("ends as %s (%s), live not%s", end, text(b.Reason), ends(live))
		case b.Reason == nil || !strings.Contains(b.Reason.Text, notCollected):
			return why, fmt.Sprintf("unknown without %q: %s, live not%s", notCollected, text(b.Reason), ends(live))
		default:
			why = b.Reason.Text
		}
	}
	if why == "" {
		for end, n := range left {
			if n > 0 {
				return why, fmt.Sprintf("does not end as %s", end)
			}
		}
	}
	return why, ""
}

// ends returns the live ends, for messages.
func ends(live *RPkt) string {
	var out []string
	for i := range live.Branches {
		out = append(out, ending(&live.Branches[i]))
	}
	return ": " + strings.Join(out, " ")
}
