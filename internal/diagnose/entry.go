package diagnose

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/connection"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// used is a live entry that a packet was looked up as.
type used struct {
	chassis string
	ct      *report.CT
}

// entries returns the live entries that a packet found on its way to a branch, each zone once.
func entries(p *report.Packet, b *report.Branch) []used {
	var out []used
	seen := map[string]bool{}
	for _, v := range segments(p, b) {
		for i := range v.CT {
			c := &v.CT[i]
			key := v.Chassis + " " + strconv.Itoa(int(c.Zone))
			if c.Entry == nil || seen[key] || c.Found != report.FoundKernel && c.Found != report.FoundUserspace {
				continue
			}
			seen[key] = true
			out = append(out, used{v.Chassis, c})
		}
	}
	return out
}

// title names the zone of an entry.
func (u used) title() string { return zoneTitle(u.ct.Zone, u.ct.ZoneName) + " on " + u.chassis }

func zoneTitle(id uint16, name string) string {
	if name == "" {
		return fmt.Sprintf("zone %d", id)
	}
	return fmt.Sprintf("zone %d (%s)", id, name)
}

// flush returns the command that removes an entry from a zone of a chassis.
func flush(chassis string, zone uint16, t report.Tuple) string {
	return connection.FlushCommand(zone, tupleOf(t)) + " # on " + chassis
}

// tupleOf reads a published tuple.
func tupleOf(t report.Tuple) ctstate.Tuple {
	out := ctstate.Tuple{Proto: protocol(t.Proto), Src: addrPort(t.Src, t.Sport), Dst: addrPort(t.Dst, t.Dport)}
	if t.ICMPID != nil && t.ICMPType != nil && t.ICMPCode != nil {
		out.ICMPID, out.ICMPType, out.ICMPCode = *t.ICMPID, *t.ICMPType, *t.ICMPCode
	}
	return out
}

// protocol reads a protocol's published name or number (packet.ProtoName); 0 for any other text.
func protocol(name string) uint8 {
	switch name {
	case "icmp6":
		return packet.ProtoICMPv6
	case "igmp":
		return packet.ProtoIGMP
	}
	n, _ := ctstate.ParseProto(name)
	return n
}

// known says where the connection's entry is, and where it was looked up; or names the ACL, if
// that drops a new connection's request as well.
func (j *judge) known(ctx context.Context, s *scene, f *report.Finding) {
	if len(s.reason.KnownIn) == 0 {
		return
	}
	if j.dropsNew(s) {
		f.Code = report.CodeACLDrop
		delete(f.Where, "zone")
		j.acl(ctx, s, f)
		return
	}
	k := s.reason.KnownIn[0]
	where := "zone " + f.Where["zone"]
	f.Text = fmt.Sprintf("the connection has its entry in %s on %s, and is looked up in %s", zoneTitle(k.Zone, k.ZoneName), k.Chassis, where)
	if f.Code == report.CodeAsymmetricReply {
		f.Text = fmt.Sprintf("it reaches %s, where %s has no entry of its connection: that is in %s on %s", s.reason.Chassis, where, zoneTitle(k.Zone, k.ZoneName), k.Chassis)
	}
	for _, k := range s.reason.KnownIn {
		f.Evidence = append(f.Evidence, fmt.Sprintf("%s on %s: %s", zoneTitle(k.Zone, k.ZoneName), k.Chassis, entryText(&k.Entry)))
		f.Mend = append(f.Mend, flush(k.Chassis, k.Zone, k.Entry.Original))
	}
}

// dropsNew reports whether a packet opens its connection, or repeats the packet that did, and ended
// at an ACL at which the request of a new connection ends too: what another zone knows explains
// nothing.
func (j *judge) dropsNew(s *scene) bool {
	acl, h := s.reason.NB, s.header()
	if s.reply || acl == nil || acl.Table != "ACL" || j.New == nil || len(j.New.Packets) != 1 {
		return false
	}
	for _, k := range s.reason.KnownIn {
		if t := tupleText(k.Entry.Original); t != describe(h) {
			return false // it answers the packet that made the entry
		}
	}
	_, ends := broken(j.New)
	return slices.ContainsFunc(ends, func(b *report.Branch) bool {
		return b.Reason != nil && b.Reason.NB != nil && b.Reason.NB.UUID == acl.UUID
	})
}

// invalid says that conntrack finds a packet invalid; a connection whose entry has OVN's mark
// "blocked" was cut off by a rule that changed.
func (j *judge) invalid(_ context.Context, s *scene, f *report.Finding) {
	for _, u := range entries(s.packet, s.branch) {
		if !blocked(u.ct.Entry) {
			continue
		}
		f.Code = report.CodeBlockedMark
		f.Text = fmt.Sprintf("the entry in %s is marked as blocked: a rule changed while the connection lived", u.title())
		f.Evidence = append(f.Evidence, entryText(u.ct.Entry)+", mark "+u.ct.Entry.Mark+", label "+u.ct.Entry.Label)
		f.Mend = append(f.Mend, flush(u.chassis, u.ct.Zone, u.ct.Entry.Original))
		return
	}
}

// blocked reports whether an entry has OVN's bit ct_mark.blocked, or ct_label.blocked as before
// 22.06: bit 0 of either (see connection.Bit).
func blocked(e *report.Entry) bool {
	if m, err := strconv.ParseUint(e.Mark, 0, 32); err == nil && m&1 != 0 {
		return true
	}
	last := e.Label[max(0, len(e.Label)-1):]
	n, err := strconv.ParseUint(last, 16, 8)
	return err == nil && n&1 != 0
}
