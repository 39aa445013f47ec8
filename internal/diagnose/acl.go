package diagnose

import (
	"context"
	"fmt"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// maxPriority is the highest priority of an ACL.
const maxPriority = 32767

// acl names the ACL that decides, and the ACL that lets this packet pass.
func (j *judge) acl(ctx context.Context, s *scene, f *report.Finding) {
	verb := "drops"
	if f.Code == report.CodeACLReject {
		verb = "rejects"
	}
	a := j.readACL(ctx, s.reason.NB)
	if a == nil {
		return
	}
	f.Text = fmt.Sprintf("%s %s it", aclTitle(a), verb)
	f.Evidence = append(f.Evidence, "match: "+a.Match)
	if len(a.On) == 0 {
		return
	}
	f.Mend = append(f.Mend, before(s, a.On[0], a)...)
}

// before returns the commands by which an ACL lets this packet pass before ACL a decides. None has
// a higher priority than the highest: a is lowered then.
func before(s *scene, on ovn.ACLOwner, a *ovn.ACL) []string {
	var out []string
	priority := a.Priority + 1
	if a.Priority >= maxPriority {
		priority = maxPriority
		out = append(out, command("ovn-nbctl", "set", "ACL", a.UUID.String(), fmt.Sprintf("priority=%d", maxPriority-1))+" # makes room before it")
	}
	return append(out, allow(s, on, a.Direction, priority, a.Tier))
}

// readACL reads the ACL of a Northbound row; nil if that is not possible.
func (j *judge) readACL(ctx context.Context, nb *report.NB) *ovn.ACL {
	if j.NB == nil || nb == nil || nb.Table != "ACL" {
		return nil
	}
	u, err := ovsdb.ParseUUID(nb.UUID)
	if err != nil {
		return nil
	}
	a, err := j.NB.ACL(ctx, u)
	if err != nil {
		j.warn("an ACL was not read: " + err.Error())
		return nil
	}
	return a
}

// aclTitle names an ACL and what has it: by its name, or by its match.
func aclTitle(a *ovn.ACL) string {
	name := fmt.Sprintf("ACL %q", a.Name)
	if a.Name == "" {
		name = "the ACL " + a.Match
	}
	var on []string
	for _, o := range a.On {
		on = append(on, ownerTitle(o))
	}
	text := fmt.Sprintf("%s (%s, priority %d)", name, a.Direction, a.Priority)
	if a.Tier != 0 {
		text = fmt.Sprintf("%s (%s, tier %d, priority %d)", name, a.Direction, a.Tier, a.Priority)
	}
	if len(on) > 0 {
		text += " on " + strings.Join(on, ", ")
	}
	return text
}

func ownerTitle(o ovn.ACLOwner) string {
	if o.Group {
		return "port group " + o.Name
	}
	return "switch " + o.Name
}

// noACL names the switch whose default drops a packet that no ACL allows.
func (j *judge) noACL(_ context.Context, s *scene, f *report.Finding) {
	sw := f.Where["datapath"]
	f.Text = fmt.Sprintf("no ACL of switch %s allows it, and the default is to drop", sw)
	f.Mend = append(f.Mend, allow(s, ovn.ACLOwner{Name: sw}, directionOf(s.reason.Stage), 1001, 0))
}

// untracked says why conntrack cannot know the connection of an answer; the answer then needs an
// ACL of its own, which is stateless too.
func (j *judge) untracked(ctx context.Context, s *scene, f *report.Finding) {
	on := ovn.ACLOwner{Name: f.Where["datapath"]}
	a := j.readACL(ctx, s.reason.NB)
	switch {
	case a != nil && a.Action == "allow-stateless":
		f.Text = fmt.Sprintf("%s lets the request pass untracked, so that conntrack does not know the answer: %s", aclTitle(a), s.reason.Text)
		f.Evidence = append(f.Evidence, "match: "+a.Match)
	case a != nil:
		f.Text = fmt.Sprintf("%s drops the answer, which conntrack does not know: %s", aclTitle(a), s.reason.Text)
		f.Evidence = append(f.Evidence, "match: "+a.Match)
		if len(a.On) > 0 {
			on = a.On[0]
		}
		f.Mend = append(f.Mend, before(s, on, a)...)
		return
	}
	f.Mend = append(f.Mend, allow(s, on, directionOf(s.reason.Stage), 1001, 0))
}

// directionOf returns the direction of the ACLs of a stage.
func directionOf(stage string) string {
	if strings.HasPrefix(stage, "ls_in_") {
		return "from-lport"
	}
	return "to-lport"
}

// allow returns the command that adds an ACL which lets exactly this packet, and what belongs to
// its connection, pass, with a priority and tier.
func allow(s *scene, on ovn.ACLOwner, direction string, priority, tier int64) string {
	argv := []string{"ovn-nbctl"}
	if tier != 0 {
		argv = append(argv, fmt.Sprintf("--tier=%d", tier))
	}
	if on.Group {
		argv = append(argv, "--type=port-group")
	} else {
		argv = append(argv, "--type=switch")
	}
	action := "allow-related"
	if s.reply {
		action = "allow-stateless" // its connection is not tracked here, else it would pass
	}
	return command(append(argv, "acl-add", on.Name, direction, fmt.Sprint(priority), match(s, direction), action)...)
}

// match returns the expression for a packet where it ended.
func match(s *scene, direction string) string {
	h := s.header()
	var terms []string
	if direction == "from-lport" && s.packet.From.Port != "" {
		terms = append(terms, fmt.Sprintf("inport == %q", s.packet.From.Port))
	}
	ip := "ip4"
	if strings.Contains(h.IPDst, ":") {
		ip = "ip6"
	}
	terms = append(terms, ip+".src == "+h.IPSrc, ip+".dst == "+h.IPDst)
	switch h.IPProto {
	case "tcp", "udp", "sctp":
		if s.reply && h.L4Src != nil {
			terms = append(terms, fmt.Sprintf("%s.src == %d", h.IPProto, *h.L4Src))
		} else if h.L4Dst != nil {
			terms = append(terms, fmt.Sprintf("%s.dst == %d", h.IPProto, *h.L4Dst))
		}
	case "icmp":
		terms = append(terms, "icmp4")
	case "icmp6":
		terms = append(terms, "icmp6")
	}
	return strings.Join(terms, " && ")
}
