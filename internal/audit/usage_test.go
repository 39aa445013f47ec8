package audit

import (
	"fmt"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// snatted returns the entries of n connections of source NAT to one server, with NAT's ports from
// first on.
func snatted(n, first int, server string) (out []string) {
	for i := range n {
		out = append(out, fmt.Sprintf("hv3 lr0_snat: tcp 10.0.0.9:%d>%s | tcp %s>172.16.0.1:%d, est", 2000+i, server, server, first+i))
	}
	return out
}

func TestExhaustion(t *testing.T) {
	for _, c := range []struct {
		used int
		want string
	}{{7, ""}, {8, "warning"}, {9, "warning"}, {10, "error"}} {
		r := sample()
		r.nb.NATs[0].PortRange = "20000-20009"
		in := input(t, r, append(snatted(c.used, 20000, "172.16.0.100:80"), snatted(3, 20000, "172.16.0.101:80")...)...)
		res := Audit(in)
		got := ""
		for _, f := range res.Findings {
			switch f.Code {
			case report.CodeSNATExhausted:
				got += string(f.Severity)
			case report.CodeSNATPortClash: // the range does not have the clients' ports
				t.Error(told(f))
			}
		}
		if got != c.want {
			t.Errorf("%d of 10 ports in use: %q, want %q", c.used, got, c.want)
		}
		if u := res.Usage; len(u) != 2 || u[0] != (report.NATUsage{Address: "172.16.0.1", Router: "lr0", Chassis: "hv3", Proto: "tcp", Destination: "172.16.0.100:80", Used: c.used, Of: 10}) || u[1].Used != 3 {
			t.Errorf("usage: %+v", u)
		}
	}
}

func TestPorts(t *testing.T) {
	r := sample()
	in := input(t, r, "hv3 lr0_snat: udp 10.0.0.9:500>172.16.0.100:500 | udp 172.16.0.100:500>172.16.0.1:500, replied",
		"hv3 lr0_snat: udp 10.0.0.8:600>172.16.0.100:500 | udp 172.16.0.100:500>172.16.0.1:600, replied",
		"hv3 lr0_snat: udp 10.0.0.8:2000>172.16.0.100:500 | udp 172.16.0.100:500>172.16.0.1:2001, replied",
		"hv3 lr0_snat: icmp 10.0.0.9>172.16.0.100 type=8 code=0 id=7 | icmp 172.16.0.100>172.16.0.1 type=0 code=0 id=7, replied")
	of := map[int]bool{}
	res := Audit(in)
	for _, u := range res.Usage {
		of[u.Of] = true
	}
	if !of[511] || !of[424] || !of[64512] || !of[65536] || len(of) != 4 {
		t.Errorf("ports that can be chosen: %v", of)
	}
	clash := 0
	for _, f := range res.Findings {
		if f.Code == report.CodeSNATPortClash {
			clash++
			if f.Severity != report.SeverityInfo || len(f.Evidence) != 1 {
				t.Error(told(f))
			}
		}
	}
	if clash != 1 {
		t.Errorf("%d findings of a port that was taken", clash)
	}
}

// Handshakes without an answer are information, and many to one server a warning.
func TestUnanswered(t *testing.T) {
	for _, n := range []int{1, manyHalfOpen} {
		var lines []string
		for i := range n {
			lines = append(lines, fmt.Sprintf("hv1 sw0-p1: tcp 10.0.0.3:%d>20.0.0.3:81, syn, left=90", 2000+i))
		}
		want := report.SeverityInfo
		if n >= manyHalfOpen {
			want = report.SeverityWarning
		}
		found := 0
		for _, f := range Audit(input(t, sample(), lines...)).Findings {
			if f.Code == report.CodeHalfOpen {
				found++
				if f.Severity != want {
					t.Error(told(f))
				}
			}
		}
		if found != 1 {
			t.Errorf("%d connections: %d findings", n, found)
		}
	}
	var lines []string
	for i := range stormFrom {
		lines = append(lines, fmt.Sprintf("hv1 sw0-p1: udp 10.0.0.3:%d>20.0.0.3:81", 2000+i))
	}
	storm := func(lines []string) bool {
		for _, f := range Audit(input(t, sample(), lines...)).Findings {
			if f.Code == report.CodeUnrepliedStorm && f.Severity == report.SeverityWarning {
				return true
			}
		}
		return false
	}
	if !storm(lines) || storm(lines[1:]) {
		t.Error("unanswered entries of a zone")
	}
	for i := range stormFrom / 4 {
		lines[i] += ", replied"
	}
	if storm(lines) {
		t.Error("three quarters of a zone's entries are unanswered")
	}
}
