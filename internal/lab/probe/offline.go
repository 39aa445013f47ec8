package probe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Archive is a kind of archive.
type Archive struct {
	Kind string // for messages
	// Collect returns the paths for --bundle, those of a zone's databases first.
	Collect func(ctx context.Context, zone string) ([]string, error)
	// Partial is set where it has neither entries nor the flows of other bridges than the
	// integration bridge: what is determined from it must be as live, the rest is not collected.
	Partial bool
	// Own collects where the lab's datapath may not stand for another one (Case.OwnDatapath); nil:
	// Collect never lets it.
	Own func(ctx context.Context, zone string) ([]string, error)
}

// offline asks the question again from the archives. A question that names a part of the live
// deployment has no meaning there.
func (r *Runner) offline(ctx context.Context, live *Prediction, zone, command string, args []string) error {
	if slices.Contains(args, "--nb") || slices.Contains(args, "--node") {
		return nil
	}
	var errs []error
	for _, archive := range r.due() {
		collect := archive.Collect
		if r.own && archive.Own != nil {
			collect = archive.Own
		}
		a := Archived{Kind: archive.Kind, Partial: archive.Partial, Question: strings.Join(append([]string{command}, args...), " "), Is: ArchivedEqual}
		paths, err := collect(ctx, zone)
		if err != nil {
			return fmt.Errorf("%s: %w", archive.Kind, err)
		}
		var reach []string
		for _, p := range paths {
			reach = append(reach, "--bundle", p)
		}
		ask := r.from
		if archive.Partial {
			ask = r.gathered
		}
		unknown, err := ask(ctx, &a, reach, live, zone, command, args)
		if err != nil && ctx.Err() == nil {
			// On a busy machine an entry may have expired before it was collected.
			now, lerr := r.predict(ctx, slices.Concat([]string{command}, r.Lab.Topo.Zone(zone).Reach(), r.reach(), args))
			if lerr == nil {
				unknown, err = ask(ctx, &a, reach, now, zone, command, args)
			}
		}
		switch {
		case ctx.Err() != nil:
			return err
		case err != nil:
			a.Is, a.Why = ArchivedDiffers, err.Error()
			if a.Unseen = r.unseen[archive.Kind]; a.Unseen != "" {
				break
			}
			errs = append(errs, fmt.Errorf("offline, %s: %w", archive.Kind, err))
		case unknown != "":
			a.Is, a.Why = ArchivedUnknown, unknown
		}
		r.archived = append(r.archived, a)
	}
	return errors.Join(errs...)
}

// due returns the kinds of archives that are asked now: all, or with Once those that have entries at
// the last packet of a case, which meets the most of them, and the others at the first.
func (r *Runner) due() []Archive {
	if !r.Once {
		return r.Archives
	}
	first := !slices.ContainsFunc(r.archived, func(a Archived) bool { return a.Partial })
	var out []Archive
	for _, a := range r.Archives {
		if a.Partial && first || !a.Partial && r.lastOfCase {
			out = append(out, a)
		}
	}
	return out
}

// lastPacket reports whether no later step of a case surely predicts a packet.
func lastPacket(steps []Step, at int) bool {
	return !slices.ContainsFunc(steps[at+1:], func(s Step) bool {
		return (s.Packet != nil || s.Answer || s.Error) && !s.Quiet && !s.Maybe && s.Status == 0
	})
}

// ownDatapath reports whether what becomes of a packet depends on the type of the datapath: fragments,
// and one that ends a TCP connection, which may begin a new one or not.
func (p *Packet) ownDatapath() bool {
	end := FlagBits("fin|rst")
	return len(p.Cut) > 0 || p.Proto == "tcp" && (FlagBits(p.Flags)&end != 0 || FlagBits(p.Flags) == 0)
}

// from asks the question again from an archive. The answer must be the live one in every part that
// the probe reads, or unknown, for the reason that is returned.
func (r *Runner) from(ctx context.Context, _ *Archived, reach []string, live *Prediction, _, command string, args []string) (unknown string, err error) {
	from, err := r.predict(ctx, slices.Concat([]string{command}, reach, args))
	if err != nil {
		return "", err
	}
	if diff := differs(&live.Report, &from.Report); diff != "" {
		if why := unknownIn(&from.Report); why != "" && live.Report.Verdict != "unknown" {
			return why, nil
		}
		return "", errors.New(diff)
	}
	return "", nil
}

// unknownIn returns why an answer is unknown; empty if it is not.
func unknownIn(r *Report) string {
	for _, p := range r.Packets {
		for _, b := range p.Branches {
			if b.Verdict == "unknown" && b.Reason != nil {
				return b.Reason.Text
			}
		}
	}
	return ""
}

// differs returns the first difference of two answers; empty without one. Warnings may differ.
func differs(a, b *Report) string {
	if a.Verdict != b.Verdict {
		return fmt.Sprintf("verdict %s, live %s%s", b.Verdict, a.Verdict, because(b))
	}
	if len(a.Packets) != len(b.Packets) {
		return fmt.Sprintf("%d packets, live %d", len(b.Packets), len(a.Packets))
	}
	for i := range a.Packets {
		mine := withoutMore(&b.Packets[i], &a.Packets[i])
		for _, part := range []struct {
			name string
			of   func(p *RPkt) any
		}{
			{"header", func(p *RPkt) any { return p.Header }},
			{"branches", func(p *RPkt) any { return named(p.Branches) }},
			{"generated", func(p *RPkt) any { return named(p.Generated) }},
			{"hops", func(p *RPkt) any { return unordered(p.Hops) }},
		} {
			x, y := text(part.of(&a.Packets[i])), text(part.of(mine))
			if x != y {
				at := 0
				for at < min(len(x), len(y)) && x[at] == y[at] {
					at++
				}
				cut := func(s string) string { return s[max(0, at-150):min(len(s), at+150)] }
				return fmt.Sprintf("%s of packet %d: %q, live %q", part.name, i+1, cut(y), cut(x))
			}
		}
	}
	if x, y := text(a.Session), text(b.Session); x != y {
		return fmt.Sprintf("session %s, live %s", y, x)
	}
	return ""
}

// named returns branches in an order of their own, in which a copy for a bridge's own port names no
// rule: the order in which a bridge floods, and so the look-up that such a copy stands behind, is
// chosen by Open vSwitch by chance.
func named(branches []RBranch) []string {
	var out []string
	for _, b := range branches {
		if b.End.Kind == "host" && b.Reason != nil {
			b.Reason = &RReason{Text: b.Reason.Text, Chassis: b.Reason.Chassis}
		}
		out = append(out, text(b))
	}
	slices.Sort(out)
	return out
}

// unordered returns hops whose look-ups are sorted, for they too follow the order of a flood.
func unordered(hops []RHop) []RHop {
	out := slices.Clone(hops)
	for i := range out {
		out[i].Segments = slices.Clone(out[i].Segments)
		for j := range out[i].Segments {
			s := &out[i].Segments[j]
			s.Tables = slices.SortedFunc(slices.Values(s.Tables), func(a, b RTable) int { return strings.Compare(text(a), text(b)) })
		}
	}
	return out
}

func because(r *Report) string {
	if why := unknownIn(r); why != "" {
		return " (" + why + ")"
	}
	return ""
}

func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(b))
}
