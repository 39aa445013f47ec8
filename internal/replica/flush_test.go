package replica

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
)

func entry(t *testing.T, zone uint16, orig, reply string) *ctstate.Entry {
	t.Helper()
	e := &ctstate.Entry{Zone: zone, Mark: 0x2, Label: ctstate.Label{Hi: 1}}
	var err error
	if e.Orig, err = ctstate.ParseTuple(orig); err != nil {
		t.Fatal(err)
	}
	if e.Reply, err = ctstate.ParseTuple(reply); err != nil {
		t.Fatal(err)
	}
	return e
}

func TestFlush(t *testing.T) {
	dnat := entry(t, 12, "tcp 10.0.0.3:4000>30.0.0.11:80", "tcp 20.0.0.4:8080>10.0.0.3:4000")
	for _, c := range []struct {
		text string
		want bool
	}{
		{"zone 12", true},
		{"zone 13", false},
		{"<all>", true},
		{"zone=0 'ct_ipv6_src=::,ct_ipv6_dst=30.0.0.11,ct_tp_src=0,ct_tp_dst=80,ct_nw_proto=6' 'ct_ipv6_src=20.0.0.4,ct_ipv6_dst=::,ct_tp_src=8080,ct_tp_dst=0'", true},
		{"zone=0 'ct_nw_src=0.0.0.0,ct_nw_dst=30.0.0.11,ct_tp_src=0,ct_tp_dst=80,ct_nw_proto=6' 'ct_nw_src=20.0.0.3,ct_nw_dst=0.0.0.0,ct_tp_src=8080,ct_tp_dst=0'", false},
		{"zone=0 'ct_ipv6_src=::,ct_ipv6_dst=30.0.0.11,ct_tp_src=0,ct_tp_dst=81,ct_nw_proto=6' 'ct_ipv6_src=::,ct_ipv6_dst=::,ct_tp_src=0,ct_tp_dst=0'", false},
		{"zone=0 'ct_ipv6_src=::,ct_ipv6_dst=30.0.0.11,ct_tp_src=0,ct_tp_dst=80,ct_nw_proto=17' 'ct_ipv6_src=::,ct_ipv6_dst=::,ct_tp_src=0,ct_tp_dst=0'", false},
		{"zone=12 mark=0x2/0x2 'ct_ipv6_src=::,ct_ipv6_dst=::,ct_tp_src=0,ct_tp_dst=0,ct_nw_proto=0' 'ct_ipv6_src=::,ct_ipv6_dst=::,ct_tp_src=0,ct_tp_dst=0'", true},
		{"zone=12 mark=0x1/0x1 'ct_ipv6_src=::,ct_ipv6_dst=::,ct_tp_src=0,ct_tp_dst=0,ct_nw_proto=0' 'ct_ipv6_src=::,ct_ipv6_dst=::,ct_tp_src=0,ct_tp_dst=0'", false},
		{"zone=12 labels=0x10000000000000000 'ct_ipv6_src=::,ct_ipv6_dst=::,ct_tp_src=0,ct_tp_dst=0,ct_nw_proto=0' 'ct_ipv6_src=::,ct_ipv6_dst=::,ct_tp_src=0,ct_tp_dst=0'", true},
		{"zone=12 labels=0x1/0x1 'ct_ipv6_src=::,ct_ipv6_dst=::,ct_tp_src=0,ct_tp_dst=0,ct_nw_proto=0' 'ct_ipv6_src=::,ct_ipv6_dst=::,ct_tp_src=0,ct_tp_dst=0'", false},
	} {
		list, err := parseFlushes("2026-11-29T18:24:49Z|00001|ct_dpif|DBG|system@ovs-system: ct_flush: " + c.text + "\nanother line\n")
		if err != nil || len(list) != 1 {
			t.Errorf("%s: %v, %v", c.text, list, err)
			continue
		}
		if got := list[0].Removes(dnat); got != c.want {
			t.Errorf("%s removes it: %v", c.text, got)
		}
	}
	for _, text := range []string{"zone x", "zone=0", "zone=0 'a=b' 'c=d'", "zone=0 'ct_nw_src=10.0.0.1' 'ct_nw_src=10.0.0.1' 'ct_nw_src=10.0.0.1'", "zone=0 'ct_nw_src=10.0.0.1", "here=0"} {
		if list, err := parseFlushes("x: ct_flush: " + text); err == nil {
			t.Errorf("%q is read as %+v", text, list)
		}
	}
}

// What is read selects no more than what is written: an entry that a request with a zone removes is
// in that zone.
func FuzzParseFlush(f *testing.F) {
	f.Add("zone 12")
	f.Add("zone=3 mark=0x1/0x3 labels=0x1/0xff 'ct_nw_src=1.2.3.4,ct_nw_dst=0.0.0.0,ct_tp_src=0,ct_tp_dst=80,ct_nw_proto=6' 'ct_nw_src=::,ct_nw_dst=::,ct_tp_src=0,ct_tp_dst=0'")
	f.Add("zone=3 'ct_ipv6_src=fd00::1,ct_ipv6_dst=::,icmp_id=1,icmp_type=128,icmp_code=0,ct_nw_proto=58' 'ct_ipv6_src=::,ct_ipv6_dst=::,icmp_id=0,icmp_type=0,icmp_code=0'")
	f.Fuzz(func(t *testing.T, text string) {
		fl, err := parseFlush(text)
		if err != nil || strings.ContainsAny(text, "\r\n") {
			return
		}
		e := &ctstate.Entry{Zone: 7, Orig: ctstate.Tuple{Proto: 6, Src: netip.MustParseAddrPort("10.0.0.1:1"), Dst: netip.MustParseAddrPort("10.0.0.2:2")}}
		e.Reply, _ = e.Orig.Invert()
		if fl.Zone != 0 && fl.Zone != 7 && fl.Removes(e) {
			t.Errorf("%q removes an entry of zone 7", text)
		}
	})
}
