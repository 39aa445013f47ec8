package render

import (
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// whatIf is an answer in which a connection dies, another moves, and a pair begins to work.
func whatIf() *report.WhatIfReport {
	sport, dport := uint16(40000), uint16(80)
	orig := report.Tuple{Proto: "tcp", Src: "10.0.0.3", Dst: "20.0.0.4", Sport: &sport, Dport: &dport}
	return &report.WhatIfReport{Schema: report.Schema, Change: []string{"ovn-nbctl acl-add sw0 to-lport 2000 ip4 drop"}, Chassis: []string{"hv1"},
		Counts: report.WhatIfCounts{Connections: report.WhatIfFates{Compared: 4, Dies: 1, Moves: 1, Goes: 2}, Pairs: report.WhatIfFates{Compared: 1, Revives: 1}, Closing: 3},
		Connections: []report.WhatIfConnection{
			{Fate: report.FateDies, Proto: "tcp", Original: orig, Translated: orig, Client: "port sw0-p1", Direction: report.DirectionReply,
				Before: report.WhatIfEnd{Verdict: engine.Delivered, Text: "arrives at sw0-p1 as 20.0.0.4:80 > 10.0.0.3:40000", Chassis: "hv1", Port: "sw0-p1", Tuple: &orig},
				After: report.WhatIfEnd{Verdict: engine.Dropped, Text: "ACL drops it", Chassis: "hv1",
					Reason: &report.Reason{Text: "ACL drops it", NB: &report.NB{Table: "ACL", UUID: "5fdb4bf5-0000-4000-8000-000000000000", Summary: "to-lport 2000 drop: ip4"}}},
				Flushed: []string{"tcp 10.0.0.3:40000>20.0.0.4:80 on hv1, by zone 12"}},
			{Fate: report.FateMoves, Proto: "udp", Original: orig, Translated: orig, Direction: report.DirectionOriginal},
		},
		Pairs:    []report.WhatIfPair{{Fate: report.FateRevives, Text: "sw0-p1 to sw1-p2", From: "sw0-p1", To: "sw1-p2"}},
		Gateways: []report.WhatIfGateway{{Port: "cr-lr1-public", Before: "hv3"}},
	}
}

func TestWhatIf(t *testing.T) {
	schemaOf(t, func(b *strings.Builder) error { return WhatIfJSON(b, whatIf()) })
	schemaOf(t, func(b *strings.Builder) error { return WhatIfJSON(b, &report.WhatIfReport{Schema: report.Schema}) })
	var b strings.Builder
	if err := WhatIf(&b, whatIf(), Options{}); err != nil {
		t.Fatal(err)
	}
	const want = `the change makes a difference: 1 live connection dies, 1 pair begins to work
  change: ovn-nbctl acl-add sw0 to-lport 2000 ip4 drop
  live connections: 1 die, 0 come to life, 1 move, 0 unknown; 2 go on, 0 did not work before either
  not compared: 3 connections that both ends have closed
  pairs: 0 die, 1 come to life, 0 move, 0 unknown; 0 go on, 0 did not work before either
  gateway cr-lr1-public: on hv3, then on nobody known
`
	if got := b.String(); !strings.HasPrefix(got, want) {
		t.Errorf("printed\n%s\nwant it to begin with\n%s", got, want)
	}
	for _, part := range []string{"dies tcp 10.0.0.3:40000 > 20.0.0.4:80 (port sw0-p1 to nobody known): the server's next packet\n", "now: arrives at sw0-p1 as 20.0.0.4:80 > 10.0.0.3:40000 (on hv1)\n",
		"with the change: ACL drops it (on hv1)\n", "to-lport 2000 drop: ip4\n", "removed from conntrack: tcp 10.0.0.3:40000>20.0.0.4:80 on hv1, by zone 12\n", "revives sw0-p1 to sw1-p2\n"} {
		if !strings.Contains(b.String(), part) {
			t.Errorf("%q is not in\n%s", part, b.String())
		}
	}
	b.Reset()
	if err := WhatIf(&b, &report.WhatIfReport{Counts: report.WhatIfCounts{Connections: report.WhatIfFates{Compared: 2, Unknown: 1, Goes: 1}}}, Options{Quiet: true}); err != nil {
		t.Fatal(err)
	}
	if got := b.String(); !strings.HasPrefix(got, "not determined: what becomes of 1 is unknown") || strings.Count(got, "\n") != 1 {
		t.Errorf("printed %q", got)
	}
}
