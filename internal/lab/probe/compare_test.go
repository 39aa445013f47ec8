package probe

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
)

// predictedOne is a report's packet with one branch to sw1-p2, which commits one entry on hv1.
const predictedOne = `{
 "label": "SYN", "direction": "original", "verdict": "delivered",
 "branches": [{"verdict": "delivered", "end": {"kind": "port", "chassis": "hv3", "port": "sw1-p2"},
   "header": {"eth_src": "00:00:00:00:FF:02", "eth_dst": "50:54:00:01:00:04", "eth_type": "0x0800",
     "ip_src": "10.0.0.3", "ip_dst": "20.0.0.4", "ip_proto": "tcp", "ip_ttl": 63, "l4_src": 1111, "l4_dst": 8080, "tcp_flags": "syn"},
   "hops": [0], "segments": [[0, 0]]}],
 "hops": [{"chassis": "hv1", "segments": [{"id": 0, "ct": [{"zone": 2, "action": "ct(commit)", "committed":
   {"original": {"proto": "tcp", "src": "10.0.0.3", "dst": "30.0.0.10", "sport": 1111, "dport": 80},
    "reply": {"proto": "tcp", "src": "20.0.0.4", "dst": "10.0.0.3", "sport": 8080, "dport": 1111},
    "status": "CONFIRMED|DST_NAT|DST_NAT_DONE", "mark": "0x2", "label": "0x0"}}]}]}]}`

func tcpTuple(src string, sport uint16, dst string, dport uint16) Tuple {
	return Tuple{Proto: 6, Src: netip.MustParseAddr(src), Dst: netip.MustParseAddr(dst), Sport: sport, Dport: dport}
}

// realOne returns the reality that predictedOne predicts.
func realOne(t *testing.T) *Reality {
	p := Packet{EthSrc: "00:00:00:00:ff:02", EthDst: "50:54:00:01:00:04", Proto: "tcp", Src: "10.0.0.3", Dst: "20.0.0.4", TTL: 63, Sport: 1111, Dport: 8080, Flags: "syn"}
	b, err := p.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	e := Entry{Zone: 2, Orig: tcpTuple("10.0.0.3", 1111, "30.0.0.10", 80), Reply: tcpTuple("20.0.0.4", 8080, "10.0.0.3", 1111), DNAT: true, Mark: 2, Label: "0x0"}
	m := map[string][]Entry{"hv1": {e}}
	return &Reality{Ends: []Seen{{"port sw1-p2", DecodeFrame(b)}}, Changed: m, After: map[string][]Entry{"hv1": {e}}}
}

func parsePacket(t *testing.T, s string) *RPkt {
	t.Helper()
	var p RPkt
	if err := json.Unmarshal([]byte(s), &p); err != nil {
		t.Fatal(err)
	}
	return &p
}

func TestCompareAgrees(t *testing.T) {
	if o, diff := Compare(parsePacket(t, predictedOne), realOne(t)); o != Agree {
		t.Fatalf("%v: %v", o, diff)
	}
}

// TestCompareGoesOn checks that the way of a packet which goes on after OVN's own answer is
// unknown, and that of others not.
func TestCompareGoesOn(t *testing.T) {
	const waits = `{"verdict": "controller", "reason": {"where": {"answered": "ovn"}}, "hops": [], "segments": []}`
	for _, c := range []struct {
		branch string
		want   Outcome
	}{{waits, Unknown}, {strings.Replace(waits, "ovn", "outside", 1), Disagree}, {strings.Replace(waits, "controller", "dropped", 1), Disagree}} {
		p := parsePacket(t, `{"verdict": "controller", "branches": [`+c.branch+`]}`)
		if o, diff := Compare(p, realOne(t)); o != c.want {
			t.Errorf("%s: %v, want %v: %v", c.branch, o, c.want, diff)
		}
	}
}

// TestCompareSeesEveryDifference checks that each change of the prediction is noticed.
func TestCompareSeesEveryDifference(t *testing.T) {
	for _, c := range []struct{ name, old, new, diff string }{
		{"port", `"port": "sw1-p2"`, `"port": "sw1-p3"`, "did not arrive"},
		{"verdict", `"verdict": "delivered", "end"`, `"verdict": "dropped", "end"`, "not predicted"},
		{"external", `"verdict": "delivered", "end"`, `"verdict": "external", "end"`, "external hv3"},
		{"rejected", `"verdict": "delivered", "end"`, `"verdict": "rejected", "end"`, "no reset"},
		{"mac", "00:00:00:00:FF:02", "00:00:00:00:FF:03", "eth_src"},
		{"ttl", `"ip_ttl": 63`, `"ip_ttl": 64`, "ip_ttl predicted 64, really 63"},
		{"no ttl", `"ip_ttl": 63, `, ``, "ip_ttl predicted nothing"},
		{"port number", `"l4_dst": 8080,`, `"l4_dst": 80,`, "l4_dst"},
		{"flags", `"tcp_flags": "syn"`, `"tcp_flags": "syn|ack"`, "tcp_flags"},
		{"vlan", `"ip_ttl": 63`, `"ip_ttl": 63, "vlan": 5`, "vlan predicted 5"},
		{"zone", `"zone": 2`, `"zone": 3`, "zone 3"},
		{"chassis", `[{"chassis": "hv1"`, `[{"chassis": "hv2"`, "predicted on hv2"},
		{"nat", `DST_NAT|DST_NAT_DONE`, `SRC_NAT|SRC_NAT_DONE`, "snat"},
		{"mark", `"mark": "0x2"`, `"mark": "0x3"`, "mark=0x3"},
		{"label", `"label": "0x0"}}`, `"label": "0x1"}}`, "label=0x1"},
		{"reply", `"sport": 8080, "dport": 1111`, `"sport": 8081, "dport": 1111`, "20.0.0.4:8081"},
		{"no commit", `"action": "ct(commit)", "committed":`, `"action": "ct(commit)", "other":`, "really on hv1"},
		{"unknown", `"verdict": "delivered", "end"`, `"verdict": "unknown", "reason": {"text": "why"}, "end"`, "why"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := strings.Replace(predictedOne, c.old, c.new, 1)
			if s == predictedOne {
				t.Fatal("the change changes nothing")
			}
			o, diff := Compare(parsePacket(t, s), realOne(t))
			if o == Agree {
				t.Fatal("agreed")
			}
			if (c.name == "unknown") != (o == Unknown) {
				t.Errorf("outcome %v", o)
			}
			if !strings.Contains(strings.Join(diff, "\n"), c.diff) {
				t.Errorf("diff %q does not tell %q", diff, c.diff)
			}
		})
	}
}

// TestCompareAlternatives checks that exactly one alternative of an undetermined choice must agree.
func TestCompareAlternatives(t *testing.T) {
	p := parsePacket(t, predictedOne)
	other := p.Branches[0]
	other.End.Port = "sw1-p3"
	other.Segments = [][2]int{{0, 9}}
	p.Branches[0].Choices = []RChoice{{Kind: "lb-backend", Chosen: "20.0.0.4:8080"}}
	other.Choices = []RChoice{{Kind: "lb-backend", Chosen: "20.0.0.5:8080"}}
	p.Branches = append(p.Branches, other)
	if o, diff := Compare(p, realOne(t)); o != Agree {
		t.Fatalf("one of two alternatives happened: %v %v", o, diff)
	}
	p.Branches[1].Choices[0].Determined = true // now both must happen
	if o, _ := Compare(p, realOne(t)); o == Agree {
		t.Fatal("a flood of which one copy is missing agreed")
	}
	p.Branches[1].Choices[0].Determined = false
	p.Branches[0].End.Port = "sw1-p1" // no alternative agrees
	if o, _ := Compare(p, realOne(t)); o != Disagree {
		t.Fatal("no alternative happened, and it agreed")
	}
}

func TestCompareNothingArrived(t *testing.T) {
	real := realOne(t)
	real.Ends = nil
	if o, _ := Compare(parsePacket(t, predictedOne), real); o != Disagree {
		t.Fatal("agreed though nothing arrived")
	}
	real = realOne(t)
	real.Ends = append(real.Ends, real.Ends[0])
	if o, _ := Compare(parsePacket(t, predictedOne), real); o != Disagree {
		t.Fatal("agreed though it arrived twice")
	}
}

// TestWants checks the comparison with expected ends.
func TestWants(t *testing.T) {
	r := realOne(t)
	for want, ok := range map[string]bool{"": true, "sw1-p2": true, "sw1-p3": false, "sw1-p1|sw1-p2": true, "nowhere": false, "rejected": false, "sw1-p2, sw1-p3": false} {
		if (r.wants(want) == "") != ok {
			t.Errorf("wants(%q) = %q", want, r.wants(want))
		}
	}
}

// TestCompareTunnels checks that the tunnels of a packet with a marker must be the predicted ones.
func TestCompareTunnels(t *testing.T) {
	var p RPkt
	if err := json.Unmarshal([]byte(`{"hops": [{"chassis": "hv1"}, {"chassis": "hv2", "tunnel": {"src": "172.31.0.1", "dst": "172.31.0.12"}},
		{"chassis": "hv3", "tunnel": {"src": "172.31.0.1", "dst": "172.31.0.3"}}], "branches": [{"hops": [0, 1]}]}`), &p); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		real Reality
		ok   bool
	}{
		{Reality{}, true}, // no marker: the tunnels are unknown
		{Reality{Tunnels: []string{"172.31.0.1 > 172.31.0.12"}}, true},
		{Reality{Tunnels: []string{"172.31.0.11 > 172.31.0.12"}}, false},
		{Reality{Tunnels: []string{}}, false},
		{Reality{Tunnels: []string{}, Answers: []Seen{{}}}, true},
	} {
		if diff := compareTunnels(&p, p.Branches, &c.real); (diff == nil) != c.ok {
			t.Errorf("%v: %v", c.real.Tunnels, diff)
		}
	}
	seen := []capture{{at: underlay + "hv1", frame: &Frame{Data: []byte("..m.."), Header: Header{"ip_src": "a", "ip_dst": "b"}}},
		{at: underlay + "hv1", frame: &Frame{Data: []byte("..m.."), Header: Header{"ip_src": "a", "ip_dst": "c", "ip_proto": "47"}}},
		{at: "sw0-p1", frame: &Frame{Data: []byte("m"), Header: Header{"ip_src": "c", "ip_dst": "d"}}}}
	if got := tunnels(append(seen, seen...), []byte("m")); len(got) != 1 || got[0] != "a > b" {
		t.Errorf("%q", got)
	}
}
