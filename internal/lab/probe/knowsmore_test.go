package probe

import (
	"strings"
	"testing"
)

// An answer from an archive may say more than the live one, and nothing else.
func TestWithoutMore(t *testing.T) {
	live := Report{Verdict: "dropped", Packets: []RPkt{{
		Branches: []RBranch{{Verdict: "dropped", Reason: &RReason{Text: "NAT drops it"}}, {Verdict: "unknown", Reason: &RReason{Text: "not known"}}},
		Hops:     []RHop{{Chassis: "hv1", Segments: []RSegment{{Tables: []RTable{{Table: 8}, {Table: 9, NB: &RNB{Table: "ACL"}}, {Table: 9}}}}}},
	}}}
	for _, c := range []struct {
		change func(p *RPkt)
		want   string
	}{
		{func(*RPkt) {}, ""},
		{func(p *RPkt) { p.Branches[0].Reason.Text += "; the connection is known in zone 18 on hv3" }, ""},
		{func(p *RPkt) { p.Branches[0].Reason.NB = &RNB{Table: "NAT"} }, ""},
		{func(p *RPkt) { p.Branches[1].Reason.Text = "not collected" }, ""},
		{func(p *RPkt) { p.Hops[0].Segments[0].Tables[0].NB = &RNB{Table: "ACL"} }, ""},
		{func(p *RPkt) { p.Branches[0].Reason.Text = "an ACL drops it" }, "branches"},
		{func(p *RPkt) { p.Branches[1].Verdict = "delivered" }, "branches"},
		{func(p *RPkt) { p.Hops[0].Segments[0].Tables[1].NB = nil }, "hops"},
		{func(p *RPkt) { p.Hops[0].Segments[0].Tables[0].Table = 7 }, "hops"},
	} {
		from := live
		from.Packets = []RPkt{{
			Branches: []RBranch{{Verdict: "dropped", Reason: &RReason{Text: "NAT drops it"}}, {Verdict: "unknown", Reason: &RReason{Text: "not known"}}},
			Hops:     []RHop{{Chassis: "hv1", Segments: []RSegment{{Tables: []RTable{{Table: 8}, {Table: 9, NB: &RNB{Table: "ACL"}}, {Table: 9}}}}}},
		}}
		c.change(&from.Packets[0])
		if got := differs(&live, &from); (got == "") != (c.want == "") || !strings.HasPrefix(got, c.want) {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
