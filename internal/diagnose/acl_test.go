package diagnose_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/diagnose"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn/ovntest"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

const aclNB = `
pg-add pg_web sw1-p1
--name=drop-web acl-add pg_web to-lport 1001 'outport == @pg_web && tcp.dst == 80' drop
acl-add sw0 from-lport 1000 'ip4.dst == 20.0.0.9' reject
--name=highest acl-add sw1 to-lport 32767 'tcp' drop
`

// TestACL checks that an ACL is named with its owner, and that the command which is printed adds an
// ACL before it.
func TestACL(t *testing.T) {
	d := ovntest.New(t, ovntest.Topology+aclNB)
	in := over(t, d)
	for _, c := range []struct {
		name, acl    string
		verdict      engine.Verdict
		code         report.Code
		stage        string
		text, mended string
	}{
		{"named, of a port group", `name=drop-web`, engine.Dropped, report.CodeACLDrop, "ls_out_acl",
			`ACL "drop-web" (to-lport, priority 1001) on port group pg_web drops it`,
			`ovn-nbctl --type=port-group acl-add pg_web to-lport 1002 'ip4.src == 10.0.0.3 && ip4.dst == 20.0.0.3 && tcp.dst == 80' allow-related`},
		{"unnamed, of a switch", `action=reject`, engine.Rejected, report.CodeACLReject, "ls_in_acl",
			`the ACL ip4.dst == 20.0.0.9 (from-lport, priority 1000) on switch sw0 rejects it`,
			`ovn-nbctl --type=switch acl-add sw0 from-lport 1001 'inport == "sw0-p1" && ip4.src == 10.0.0.3 && ip4.dst == 20.0.0.3 && tcp.dst == 80' allow-related`},
	} {
		t.Run(c.name, func(t *testing.T) {
			row := nbUUID(t, d, "acl", c.acl)
			in.Live = brokenAt("SYN", &report.Branch{Verdict: c.verdict, Header: header(), Reason: &report.Reason{
				Code: c.code, Chassis: "hv1", Stage: c.stage, Text: "the reason", NB: &report.NB{Table: "ACL", UUID: row}, Nearest: "another",
			}})
			w := diagnose.Why(t.Context(), in)
			if len(w.Causes) != 1 || w.Causes[0].Code != c.code || w.Causes[0].Text != c.text {
				t.Fatalf("causes %+v", w.Causes)
			}
			f := w.Causes[0]
			if len(f.Mend) != 1 || f.Mend[0] != c.mended {
				t.Errorf("mend %q, want %q", f.Mend, c.mended)
			}
			if f.NB.UUID != row || f.Where["chassis"] != "hv1" || !slices.Contains(f.Evidence, "nearest: another") {
				t.Errorf("%+v", f)
			}
			if _, err := d.NBCtl(t.Context(), strings.TrimPrefix(f.Mend[0], "ovn-nbctl ")); err != nil {
				t.Errorf("the command that mends it does not run: %v", err)
			}
			if w.Reaches == nil || *w.Reaches || w.Answered == nil || *w.Answered {
				t.Errorf("reaches %v, answered %v", w.Reaches, w.Answered)
			}
		})
	}
}

// TestNoACL checks the default drop of a switch, and an answer that is not tracked.
func TestNoACL(t *testing.T) {
	in := over(t, ovntest.New(t, ovntest.Topology))
	in.Live = brokenAt("SYN", &report.Branch{Verdict: engine.Dropped, Header: header(), Reason: &report.Reason{
		Code: report.CodeNoACLAllows, Stage: "ls_out_acl_action", Where: map[string]string{"datapath": "sw1"},
	}})
	f := diagnose.Why(t.Context(), in).Causes[0]
	if f.Text != "no ACL of switch sw1 allows it, and the default is to drop" || !strings.Contains(f.Mend[0], "acl-add sw1 to-lport 1001") {
		t.Errorf("%+v", f)
	}

	reply := header()
	reply.IPSrc, reply.IPDst, reply.L4Src, reply.L4Dst = reply.IPDst, reply.IPSrc, reply.L4Dst, reply.L4Src
	in.Live = brokenAt("SYN-ACK", &report.Branch{Verdict: engine.Dropped, Header: reply, Reason: &report.Reason{
		Code: report.CodeUntrackedHere, Stage: "ls_in_acl", Text: "no entry can be here", Where: map[string]string{"datapath": "sw1"},
	}})
	w := diagnose.Why(t.Context(), in)
	if len(w.Causes) != 2 || w.Causes[0].Code != report.CodeReplyDropped || w.Causes[1].Code != report.CodeUntrackedHere {
		t.Fatalf("%+v", w.Causes)
	}
	if !strings.Contains(w.Causes[0].Text, "the request arrives at sw1-p1 on hv2") || !strings.Contains(w.Causes[0].Mend[0], "tcp.src == 80' allow-stateless") {
		t.Errorf("%+v", w.Causes[0])
	}
	if w.Reaches == nil || !*w.Reaches || w.Answered == nil || *w.Answered {
		t.Errorf("reaches %v, answered %v", w.Reaches, w.Answered)
	}
}

// TestWorks checks that a session that goes through has no cause, and that the answer says what was
// not checked.
func TestWorks(t *testing.T) {
	w := diagnose.Why(t.Context(), diagnose.Input{Live: established(), New: established()})
	if len(w.Causes) != 0 || len(w.Unchecked) == 0 || w.Reaches == nil || !*w.Reaches || w.Answered == nil || !*w.Answered {
		t.Errorf("%+v", w)
	}
	in := diagnose.Input{Live: established(), Port: "sw1-p2"}
	if w := diagnose.Why(t.Context(), in); w.Reaches == nil || *w.Reaches {
		t.Error("a request that arrives at another port arrives")
	}
	for _, v := range []engine.Verdict{engine.External, engine.Host} {
		in.Live = established()
		b := in.Live.Packets[0].Branches[0]
		b.Verdict, b.End = v, report.End{Kind: report.EndExternal, Chassis: "hv2", Port: "eth1"}
		w := diagnose.Why(t.Context(), in)
		if w.Reaches == nil || *w.Reaches || w.Answered == nil || *w.Answered || len(w.Causes) != 1 || !strings.Contains(w.Causes[0].Text, "arrives at eth1 on hv2, not at sw1-p2") {
			t.Errorf("%s: a request for a port arrives there: %+v", v, w.Causes)
		}
		at := *b
		at.Verdict, at.End = engine.Delivered, report.End{Kind: report.EndPort, Chassis: "hv2", Port: "sw1-p2"}
		in.Live.Packets[0].Branches = append(in.Live.Packets[0].Branches, &at)
		if w := diagnose.Why(t.Context(), in); w.Reaches == nil || !*w.Reaches {
			t.Errorf("%s: a copy for others hides that the request arrives", v)
		}
	}
}

// TestHighestACL checks that an ACL of the highest priority is lowered to make room before it.
func TestHighestACL(t *testing.T) {
	d := ovntest.New(t, ovntest.Topology+aclNB)
	in := over(t, d)
	row := nbUUID(t, d, "acl", "name=highest")
	in.Live = brokenAt("SYN", &report.Branch{Verdict: engine.Dropped, Header: header(), Reason: &report.Reason{
		Code: report.CodeACLDrop, Chassis: "hv1", Stage: "ls_out_acl", Text: "the reason", NB: &report.NB{Table: "ACL", UUID: row}}})
	f := diagnose.Why(t.Context(), in).Causes[0]
	want := []string{"ovn-nbctl set ACL " + row + " priority=32766 # makes room before it",
		"ovn-nbctl --type=switch acl-add sw1 to-lport 32767 'ip4.src == 10.0.0.3 && ip4.dst == 20.0.0.3 && tcp.dst == 80' allow-related"}
	if !slices.Equal(f.Mend, want) {
		t.Fatalf("mend %q, want %q", f.Mend, want)
	}
	for _, m := range f.Mend {
		m, _, _ = strings.Cut(m, " #")
		if _, err := d.NBCtl(t.Context(), strings.TrimPrefix(m, "ovn-nbctl ")); err != nil {
			t.Error(err)
		}
	}
}
