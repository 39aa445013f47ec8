package diagnose_test

import (
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/diagnose"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn/ovntest"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// over returns an Input over a deployment's databases, about a request from sw0-p1.
func over(t *testing.T, d *ovntest.Deployment) diagnose.Input {
	t.Helper()
	nb, err := ovn.DialNB(t.Context(), ovsdb.Options{Remotes: d.NB})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nb.Close() })
	sb, err := ovn.DialSB(t.Context(), ovsdb.Options{Remotes: d.SB})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sb.Close() })
	return diagnose.Input{Question: report.WhyQuestion{From: "sw0-p1", To: "20.0.0.3:80/tcp", Proto: "tcp"}, NB: nb, SB: sb}
}

// nbUUID returns the UUID of the one row with a column's value.
func nbUUID(t *testing.T, d *ovntest.Deployment, table, condition string) string {
	t.Helper()
	out, err := d.NBCtl(t.Context(), "--bare --columns=_uuid find "+table+" "+condition)
	if err != nil {
		t.Fatal(err, out)
	}
	return strings.TrimSpace(out)
}

// header is a SYN from 10.0.0.3 to 20.0.0.3:80.
func header() report.Header {
	src, dst := 1000, 80
	return report.Header{EthSrc: "50:54:00:00:00:03", EthDst: "00:00:00:00:ff:01", EthType: "0x0800",
		IPSrc: "10.0.0.3", IPDst: "20.0.0.3", IPProto: "tcp", L4Src: &src, L4Dst: &dst, TCPFlags: "syn"}
}

// brokenAt is the report of a session whose packet with the label ended at a branch: the SYN, or
// the SYN-ACK, whose SYN was delivered at sw1-p1 on hv2.
func brokenAt(label string, b *report.Branch) *report.Report {
	r := &report.Report{Schema: report.Schema, Session: &report.Session{Proto: "tcp", BrokenAt: label, Verdict: b.Verdict}}
	syn := &report.Packet{Label: "SYN", Direction: report.DirectionOriginal, Header: header(), From: report.Place{Chassis: "hv1", Port: "sw0-p1"}}
	if label == "SYN" {
		syn.Verdict, syn.Branches = b.Verdict, []*report.Branch{b}
		r.Packets = []*report.Packet{syn}
		return r
	}
	syn.Verdict = engine.Delivered
	syn.Branches = []*report.Branch{{Verdict: engine.Delivered, Header: header(), End: report.End{Kind: report.EndPort, Chassis: "hv2", Port: "sw1-p1"}}}
	answer := &report.Packet{Label: label, Direction: report.DirectionReply, Header: b.Header, Verdict: b.Verdict, Branches: []*report.Branch{b},
		From: report.Place{Chassis: "hv2", Port: "sw1-p1"}}
	r.Packets = []*report.Packet{syn, answer}
	return r
}

// established is the report of a session that goes through.
func established() *report.Report {
	r := brokenAt("SYN-ACK", &report.Branch{Verdict: engine.Delivered, Header: header(), End: report.End{Kind: report.EndPort, Chassis: "hv1", Port: "sw0-p1"}})
	r.Session.Established, r.Session.BrokenAt = true, ""
	return r
}
