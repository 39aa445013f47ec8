package dpif

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/syntax"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv/corpus"
)

// printShow is dpif_show_backer's text of ports, for the round trip.
func printShow(ports []Port, counters map[string]string) string {
	var b strings.Builder
	backer, bridge := "", ""
	for _, p := range ports {
		if p.Backer != backer {
			backer, bridge = p.Backer, ""
			fmt.Fprintf(&b, "%s:%s\n", backer, counters[backer])
		}
		if p.Bridge != bridge {
			bridge = p.Bridge
			fmt.Fprintf(&b, "  %s:\n", bridge)
		}
		dp := p.Datapath
		if dp == "" {
			dp = "none"
		}
		rest := p.Type
		if p.Text != "" {
			rest += ": " + p.Text
		}
		fmt.Fprintf(&b, "    %s %d/%s: (%s)\n", p.Name, p.OFPort, dp, rest)
	}
	return b.String()
}

func TestDpifShowCorpusRoundTrip(t *testing.T) {
	for _, c := range corpus.Load(t, "dpif/show-*.txt") {
		ports, err := ParseShow(c.Text)
		if err != nil {
			t.Fatalf("%s: %v", c.File, err)
		}
		first, _, _ := strings.Cut(c.Text, "\n")
		name, counters, _ := strings.Cut(first, ":")
		if got := strings.TrimRight(printShow(ports, map[string]string{name: counters}), "\n"); got != c.Text {
			t.Errorf("%s: printed again:\n%s\nwas:\n%s", c.File, got, c.Text)
		}
	}
}

func TestDpifShowLines(t *testing.T) {
	text := `netdev@ovs-netdev: hit:3 missed:1
  br0:
    br0 65534/0: (tap)
    p1 1/2: (dummy-pmd: configured_rx_queues=1, requested_rx_queues=1)
    patch-a 2/none: (patch: peer=patch-b)
    vx 3/4: (vxlan: key=7, local_ip=fd00::1, remote_ip=flow)
    odd 5/6: (system: egress_pkt_mark=0x1, desc=a: (b))
system@ovs-system: hit:0 missed:0
  br1:
    br1 65534/1: (internal)
`
	got, err := ParseShow(text)
	if err != nil {
		t.Fatal(err)
	}
	want := []Port{
		{"netdev@ovs-netdev", "br0", "br0", 65534, "0", "tap", ""},
		{"netdev@ovs-netdev", "br0", "p1", 1, "2", "dummy-pmd", "configured_rx_queues=1, requested_rx_queues=1"},
		{"netdev@ovs-netdev", "br0", "patch-a", 2, "", "patch", "peer=patch-b"},
		{"netdev@ovs-netdev", "br0", "vx", 3, "4", "vxlan", "key=7, local_ip=fd00::1, remote_ip=flow"},
		{"netdev@ovs-netdev", "br0", "odd", 5, "6", "system", "egress_pkt_mark=0x1, desc=a: (b)"},
		{"system@ovs-system", "br1", "br1", 65534, "1", "internal", ""},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for _, bad := range []string{"    p1 1/2", "    p1: (x)", "    p1 a/2: (x)", "    p1 1: (x)", "    p1 1/: (x)", "    p1 4294967296/2: (x)", "    p1 1/2: (x"} {
		_, err := ParseShow("system@ovs-system:\n  br0:\n" + bad + "\n")
		var se *syntax.Error
		if !errors.As(err, &se) || se.In != bad {
			t.Errorf("%q: error %v", bad, err)
		}
	}
}

func FuzzDpifShow(f *testing.F) {
	for _, c := range corpus.Load(f, "dpif/show-*.txt") {
		f.Add(c.Text)
	}
	f.Add("netdev@ovs-netdev:\n  br0:\n    a 1/none: (patch: peer=b)\n")
	f.Fuzz(func(t *testing.T, text string) {
		ports, err := ParseShow(text)
		if err != nil {
			return
		}
		// What was read prints and reads again as the same.
		again, err := ParseShow(printShow(ports, nil))
		if err != nil {
			t.Fatalf("%v in %q", err, printShow(ports, nil))
		}
		if d := cmp.Diff(ports, again); d != "" {
			t.Error(d)
		}
	})
}
