package diagnose

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// scene is a packet that ended at a branch, and why.
type scene struct {
	packet *report.Packet
	branch *report.Branch
	reason *report.Reason // not nil
	reply  bool           // the packet is an answer
}

// header is the packet as it was where it ended. A branch that OVN's own packet makes, such as a
// reset, has that packet's header: the scene's packet is then as it entered.
func (s *scene) header() report.Header {
	if s.branch.Generated != "" {
		return s.packet.Header
	}
	return s.branch.Header
}

// causes returns why a session breaks, what decides first; none for one that goes through.
func (j *judge) causes(ctx context.Context, r *report.Report) []report.Finding {
	p, ends := broken(r)
	if p == nil {
		return j.astray(ctx, r)
	}
	var out []report.Finding
	for _, b := range ends {
		for _, f := range j.causesOf(ctx, p, b) {
			out = add(out, f)
		}
	}
	if len(out) == 0 {
		out = append(out, j.mismatch(ctx, r, p))
	}
	if p.Direction == report.DirectionReply {
		out = slices.Insert(out, 0, replyDropped(r, p, out[0]))
	}
	return out
}

// lost returns why the packet of a trace does not arrive.
func (j *judge) lost(ctx context.Context, r *report.Report) []report.Finding {
	var out []report.Finding
	for _, b := range ownBranches(r.Packets[0]) {
		if b.Verdict != engine.Delivered && b.Verdict != engine.External && b.Verdict != engine.Host {
			for _, f := range j.causesOf(ctx, r.Packets[0], b) {
				out = add(out, f)
			}
		}
	}
	return out
}

// add appends a finding unless the list has one with its code and text.
func add(list []report.Finding, f report.Finding) []report.Finding {
	if slices.ContainsFunc(list, func(o report.Finding) bool { return o.Code == f.Code && o.Text == f.Text }) {
		return list
	}
	return append(list, f)
}

// builders make the finding of a code. A code without one is described by the reason's text.
var builders = map[report.Code]func(*judge, context.Context, *scene, *report.Finding){
	report.CodeACLDrop:       (*judge).acl,
	report.CodeACLReject:     (*judge).acl,
	report.CodeNoACLAllows:   (*judge).noACL,
	report.CodeUntrackedHere: (*judge).untracked,

	report.CodePortSecurity:     (*judge).portSecured,
	report.CodePortDisabled:     (*judge).portDisabled,
	report.CodePortNotBound:     (*judge).unbound,
	report.CodeInterfaceMissing: (*judge).noInterface,

	report.CodeChassisGone:     (*judge).chassisGone,
	report.CodeNoTunnel:        (*judge).noTunnel,
	report.CodeNoBridgeMapping: (*judge).noMapping,

	report.CodeNoRoute:           (*judge).noRoute,
	report.CodeBlackholeRoute:    (*judge).blackhole,
	report.CodePolicyDrop:        (*judge).policyDrop,
	report.CodeRouteViaSelf:      (*judge).nextHop,
	report.CodeNextHopUnresolved: (*judge).nextHop,
	report.CodeARPUnanswerable:   (*judge).nextHop,
	report.CodeMTUExceeded:       (*judge).tooLarge,

	report.CodeLBNoBackend:     (*judge).noBackend,
	report.CodeKnownElsewhere:  (*judge).known,
	report.CodeAsymmetricReply: (*judge).known,
	report.CodeInvalidState:    (*judge).invalid,
}

// causesOf returns why a packet ended at a branch, what decides first, by the databases of the zone
// in which it ended.
func (j *judge) causesOf(ctx context.Context, p *report.Packet, b *report.Branch) []report.Finding {
	chassis := b.End.Chassis
	if b.Reason != nil && b.Reason.Chassis != "" {
		chassis = b.Reason.Chassis
	}
	same, leave := j.elsewhere(ctx, chassis)
	defer leave()
	out := j.causesThere(ctx, p, b)
	if !same {
		there(out, chassis)
	}
	return out
}

func (j *judge) causesThere(ctx context.Context, p *report.Packet, b *report.Branch) []report.Finding {
	s := &scene{packet: p, branch: b, reason: b.Reason, reply: p.Direction == report.DirectionReply}
	if s.reason == nil {
		s.reason = &report.Reason{Text: "the reason is unknown", Chassis: b.End.Chassis}
	}
	f := report.Finding{
		Severity: report.SeverityError, Code: s.reason.Code, Text: s.reason.Text, Where: s.where(), NB: s.reason.NB, Certainty: report.ConfidenceExact,
	}
	if f.Code == "" {
		f.Code = report.CodeUnknown
	}
	if f.Code == report.CodeLBAffinityFirst {
		f.Severity = report.SeverityWarning // the sender's next packet goes through
	}
	if b.Verdict == engine.Unknown {
		f.Certainty = report.ConfidencePossible
	}
	if share := strings.Join(open(b), " and "); share != "" {
		f.Certainty = report.ConfidencePossible
		f.Evidence = append(f.Evidence, "only if "+share)
	}
	f.Evidence = append(f.Evidence, fmt.Sprintf("packet: %s, %s on %s%s", describe(s.header()), b.Verdict, s.reason.Chassis, inStage(s.reason)))
	if build := builders[f.Code]; build != nil {
		build(j, ctx, s, &f)
	}
	if n := s.reason.Nearest; n != "" {
		f.Evidence = append(f.Evidence, "nearest: "+n)
	}
	out := []report.Finding{f}
	if nowhere[f.Code] && b.Verdict != engine.Unknown { // else where it goes is not known
		out = append(j.balanced(ctx, s), out...)
		out = append(j.misled(ctx, p, b), out...)
	}
	policies := j.rerouted(ctx, p, b)
	if len(policies) > 0 && len(f.Mend) == 0 {
		out[len(out)-1].Mend = policies[0].Mend // the next hop is the policy's
	}
	return append(out, policies...)
}

// nowhere are the codes of a packet whose destination nobody has: if the destination is a VIP, the
// load balancer says more.
var nowhere = map[report.Code]bool{
	report.CodeUnknown: true, report.CodeNoRoute: true, report.CodeNextHopUnresolved: true, report.CodeARPUnanswerable: true,
	report.CodeRouteViaSelf: true,
}

// astray returns why a session's request arrives at another port than it should.
func (j *judge) astray(ctx context.Context, r *report.Report) []report.Finding {
	if reaches, _ := j.outcome(r); !isFalse(reaches) || len(r.Packets) == 0 {
		return nil
	}
	p := r.Packets[0]
	b := j.followed(r, p)
	if b == nil {
		return nil
	}
	out := append(j.misled(ctx, p, b), j.rerouted(ctx, p, b)...)
	for i := range out {
		out[i].Severity = report.SeverityError
	}
	return append(out, report.Finding{
		Severity: report.SeverityError, Code: report.CodeUnknown, Certainty: report.ConfidenceExact,
		Text:  fmt.Sprintf("the request arrives at %s on %s, not at %s", b.End.Port, b.End.Chassis, j.Port),
		Where: map[string]string{"chassis": b.End.Chassis, "port": b.End.Port, "packet": p.Label},
	})
}

// where names the place of a branch's end.
func (s *scene) where() map[string]string {
	at := maps.Clone(s.reason.Where)
	if at == nil {
		at = map[string]string{}
	}
	for key, v := range map[string]string{"chassis": s.reason.Chassis, "stage": s.reason.Stage, "packet": s.packet.Label} {
		if v != "" && at[key] == "" {
			at[key] = v
		}
	}
	if lf := s.reason.LogicalFlow; lf != nil && at["datapath"] == "" {
		at["datapath"] = lf.Datapath
	}
	return at
}

func inStage(r *report.Reason) string {
	switch {
	case r.Stage != "" && r.LogicalFlow != nil:
		return fmt.Sprintf(" in %s of %s", r.Stage, r.LogicalFlow.Datapath)
	case r.Stage != "":
		return " in " + r.Stage
	}
	return ""
}

// mismatch is the cause of a session whose packets arrive, but not as they should.
func (j *judge) mismatch(ctx context.Context, r *report.Report, p *report.Packet) report.Finding {
	f := report.Finding{Severity: report.SeverityError, Code: report.CodeUnknown, Text: p.Label + ": " + r.Session.Why, Certainty: report.ConfidenceExact,
		Where: map[string]string{"packet": p.Label}}
	if r.Session.Why == "" {
		f.Text = "the reason is unknown"
	}
	if p.Verdict == engine.Unknown || p.Direction != report.DirectionReply {
		return f
	}
	f.Code, f.Certainty = report.CodeAsymmetricReply, report.ConfidenceLikely // no look-up shows it
	if b := j.followed(r, r.Packets[0]); b != nil && b.End.Port == r.Packets[0].From.Port {
		j.hairpin(ctx, r.Packets[0].Header, &f)
	}
	return f
}

// replyDropped says that the request arrives and the answer does not; under is why.
func replyDropped(r *report.Report, p *report.Packet, under report.Finding) report.Finding {
	f := report.Finding{
		Severity: report.SeverityError, Code: report.CodeReplyDropped, Where: under.Where, NB: under.NB, Certainty: under.Certainty,
		Text: fmt.Sprintf("the request arrives%s, and the answer (%s) is lost on its way back: %s", arrivedAt(r.Packets[0]), p.Label, under.Text),
		Mend: under.Mend,
	}
	f.Evidence = append(f.Evidence, fmt.Sprintf("%s %s", r.Packets[0].Label, describe(r.Packets[0].Header)), fmt.Sprintf("%s %s", p.Label, describe(p.Header)))
	return f
}

// arrivedAt names the port where a packet arrives.
func arrivedAt(p *report.Packet) string {
	for _, b := range ownBranches(p) {
		if b.Verdict == engine.Delivered || b.Verdict == engine.External {
			return fmt.Sprintf(" at %s on %s", b.End.Port, b.End.Chassis)
		}
	}
	return ""
}
