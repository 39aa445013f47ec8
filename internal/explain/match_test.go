package explain

import (
	"strconv"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovnexpr"
)

const syn = "ct_state=new|trk,tcp,reg0=0x280,reg10=0x1,reg15=0x2,metadata=0x3,in_port=3,vlan_tci=0x0000,dl_src=00:00:00:00:ff:02," +
	"dl_dst=40:54:00:00:00:03,nw_src=10.0.0.3,nw_dst=20.0.0.3,nw_ttl=63,tp_src=1111,tp_dst=81,tcp_flags=syn"
const ns = "icmp6,metadata=0x3,dl_src=00:00:00:00:ff:02,dl_dst=33:33:ff:00:00:03,ipv6_src=fd00::3,ipv6_dst=ff02::1:ff00:3,nw_ttl=255," +
	"icmp_type=135,icmp_code=0,nd_target=fd00::3"

func TestConjuncts(t *testing.T) {
	for _, c := range []struct {
		flow, match string
		want        string // one letter a conjunct: y, n, ? ; "bad" when not understood
	}{
		{syn, `1`, "y"},
		{syn, `ip4 && tcp && ip4.dst == 20.0.0.0/24 && tcp.dst == 80`, "yyyn"},
		{syn, `ip4.dst == 20.0.0.0/255.255.255.0`, "y"},
		{syn, `ip4.dst == 20.0.0.0/255.0.255.0`, "?"},
		{syn, `(outport == "sw1-p1" && (tcp.dst == {80, 81}))`, "yy"},
		{syn, `tcp.dst != {80, 81}`, "n"},
		{syn, `udp.dst == 53`, "n"},
		{syn, `udp.dst == 53 || tcp.dst == 81`, "y"},
		{syn, `ip6.src == fd00::/64`, "n"},
		{syn, `tcp.dst > 80 && tcp.dst <= 81 && tcp.dst >= 90`, "yyn"},
		{syn, `80 < tcp.dst < 90`, "?"},
		{syn, `ip4.src == $as0 && inport == @pg0`, "??"},
		{syn, `is_chassis_resident("cr-lr0-public") && ip4`, "?y"},
		{syn, `!is_chassis_resident("x")`, "?"},
		{syn, `is_chassis_resident("here") && is_chassis_resident("there") && !is_chassis_resident("here") && !is_chassis_resident("there")`, "ynny"},
		{syn, `is_chassis_resident("perhaps") && (is_chassis_resident("there") || ip4) && other("here")`, "?y?"},
		{syn, `ct.new && !ct.est && ct.rpl`, "yyn"},
		{syn, `reg0[7] == 1 && reg0[8] == 1 && reg0[0..7] == 0x80 && flags.loopback && reg10[0] == 1`, "ynyyy"},
		{syn, `reg0[9] == 1 && reg20 == 1 && xxreg0 == 1`, "y??"},
		{syn, `eth.dst == 40:54:00:00:00:03 && eth.mcast`, "yn"},
		{syn, `ct_mark.blocked == 0 && ct_mark.natted`, "yn"},
		{syn, `outport == "other"`, "n"},
		{syn, `inport == "sw0-p1"`, "?"},
		{syn, `ip.ttl == {0, 1} && ip.proto == 6`, "ny"},
		{ns, `nd_ns && nd.target == fd00::3 && ip6.dst == {fd00::3, ff02::1:ff00:3} && icmp6.code == 0`, "yyyy"},
		{ns, `eth.mcast && !ip4 && icmp && ip.ttl == 255 && ip6.src == fd00::/64`, "yyyyy"},
		{ns, `arp && arp.op == 1`, "nn"},
		// A field's prerequisites hold under a negation too, a predicate's do not.
		{ns, `!ct.new && !(tcp.dst == 80) && !tcp && !(ip4 || arp) && !(nd_ns && ip4)`, "nnyyy"},
		{ns, `!(udp.dst == 53 || ip6) && ct.new == 0 && ct.trk == 0`, "nny"},
		{syn, `!(tcp.dst == {80, 81}) && !(tcp.dst > 80) && !(ct.new && udp) && ct.est == 0`, "nnyy"},
		{syn, `ip4.src == $friends && ip4.src != $friends && ip4.src == {1.1.1.1, $friends} && outport == @pg && outport != @pg && ip4.dst == $friends`, "ynyynn"},
		{syn, `outport == @other && ip4.src != $empty`, "n?"},
		{syn, `ip4 &&`, "bad"},
		{syn, `(ip4`, "bad"},
		{syn, `ip4 == {1`, "bad"},
		{syn, `ip4)`, "bad"},
		{syn, strings.Repeat("(", 1000) + "ip4" + strings.Repeat(")", 1000), "bad"},
		{syn, ``, "bad"},
	} {
		f := readFacts(c.flow)
		f.outport = "sw1-p1"
		f.residents = map[string]residence{"here": {here: yes, on: "hv1"}, "there": {here: no, on: "hv2"}, "perhaps": {on: "hv2"}}
		f.sets = map[string][]ovnexpr.Constant{
			"$friends": ovnexpr.Addresses([]string{"10.0.0.0/30", "10.0.9.9"}), "$empty": {},
			"@pg": ovnexpr.Ports([]string{"sw1-p0", "sw1-p1"}), "@other": ovnexpr.Ports([]string{"x"}),
		}
		terms, ok := f.conjuncts(c.match)
		got := ""
		for _, x := range terms {
			got += string("?ny"[x.is])
		}
		if !ok {
			got = "bad"
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.match, got, c.want)
		}
	}
}

// TestForeign checks which conditions count as another protocol's.
func TestForeign(t *testing.T) {
	f := readFacts(strings.Replace(syn, "ct_state=new|trk,", "", 1))
	for match, far := range map[string]bool{
		"udp": true, "arp": true, "udp.dst == 53": true, "ip6.src == fd00::1": true, "icmp4.type == 8": true,
		"tcp.dst == 80": false, "tcp == 0": false, "!tcp": false, "ct.new": false, "eth.bcast": false,
		"later == 1": false, "udp || arp": false,
	} {
		terms, ok := f.conjuncts(match)
		if !ok || len(terms) != 1 || terms[0].far != far || match != "later == 1" && terms[0].is != no {
			t.Errorf("%s: %+v, want far %v", match, terms, far)
		}
	}
}

// TestLaterCTState checks that a ct_state with an unknown flag is unknown.
func TestLaterCTState(t *testing.T) {
	for flow, want := range map[string]byte{"ct_state=new|trk": 'y', "ct_state=est|trk": 'n', "": 'n', "ct_state=trk|later": '?'} {
		if got := "?ny"[readFacts(flow+",tcp").holds("ct.new")]; got != want {
			t.Errorf("%s: %c, want %c", flow, got, want)
		}
	}
}

// TestMatchesAreReadOnce checks that a match is kept, up to the bound.
func TestMatchesAreReadOnce(t *testing.T) {
	m := matches{}
	if first := m.read("ip4"); m.read("ip4") != first || m.read("ip6") == first {
		t.Error("matches are mixed up, or not kept")
	}
	for i := range maxMatches + 10 {
		m.read(strconv.Itoa(i))
	}
	if len(m) != maxMatches || m.read("tcp").expr == nil {
		t.Errorf("%d matches are kept, want %d", len(m), maxMatches)
	}
}

func FuzzConjuncts(f *testing.F) {
	f.Add(syn, `reg0[7] == 1 && (outport == "sw1-p1" && tcp.dst == {80,81}) || !ct.est`)
	f.Add(ns, `nd_ns && ip6.dst == {fd00::3}`)
	f.Add("tun_metadata0=0x1,reg0[=1", `is_chassis_resident("a\"b") && ip4.src == 1.2.3.4/255.255.0.0`)
	f.Fuzz(func(t *testing.T, flow, match string) {
		terms, ok := readFacts(flow).conjuncts(match)
		if !ok && terms != nil {
			t.Error("an error comes with terms")
		}
		if ok && len(terms) == 0 {
			t.Errorf("%q has no terms", match)
		}
	})
}

func TestLBSummary(t *testing.T) {
	lines := "10.0.0.1:80/tcp => a\n10.0.0.1:81/tcp => b\n10.0.0.2 => c\n[fd00::1]:80/tcp => d"
	for _, c := range []struct{ match, want string }{
		{"ct.new && ip4.dst == 10.0.0.1 && tcp.dst == 81", "10.0.0.1:81/tcp => b"},
		{"ct.new && !ct.rel && ip4 && reg0 == 10.0.0.1 && tcp && reg9[16..31] == 80", "10.0.0.1:80/tcp => a"},
		{"ct.new && ip4.dst == 10.0.0.2", "10.0.0.2 => c"},
		{"ip6.dst == fd00::1 && tcp.dst == 80", "[fd00::1]:80/tcp => d"},
		{"ip4.dst == 10.0.0.1", "10.0.0.1:80/tcp => a; 10.0.0.1:81/tcp => b"},
		{"ct.est", "4 VIPs: 10.0.0.1:80/tcp => a; 10.0.0.1:81/tcp => b; 10.0.0.2 => c; and 1 more"},
	} {
		if got := lbSummary(lines, &LogicalFlow{Match: c.match}); got != c.want {
			t.Errorf("%s: %s, want %s", c.match, got, c.want)
		}
	}
}

// TestNearestIsOfTheProtocol checks which of several rules is named as the nearest.
func TestNearestIsOfTheProtocol(t *testing.T) {
	f := readFacts(syn)
	for _, match := range []string{`outport == "sw1-p1" && icmp4`, `outport == "sw1-p1" && udp.dst == 53`, `outport == "sw1-p1" && ip6 && tcp.dst == 81`} {
		f.outport = "sw1-p1"
		m := &Miss{}
		for _, lf := range []*LogicalFlow{{Match: match, Hint: "1"}, {Match: `outport == "sw1-p1" && tcp.dst == 8080`, Hint: "1"}, {Match: match, Hint: "1"}} {
			m.consider(lf, f)
		}
		if len(m.Failed) != 1 || m.Failed[0] != "tcp.dst == 8080" {
			t.Errorf("beside %s: %q is the nearest, but for %q", match, m.Nearest.Match, m.Failed)
		}
	}
}
