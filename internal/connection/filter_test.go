package connection

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovnexpr"
)

// viaVIP is a connection through a load balancer and source NAT.
func viaVIP(t testing.TB) *Connection {
	var all []Record
	for _, line := range joined["client's port, DNAT, SNAT and server"][0] {
		all = append(all, rec(t, line))
	}
	all[0].Entry.Mark = 2
	all[0].Entry.TCP = &ctstate.TCPInfo{State: ctstate.TCPEstablished}
	return &Join(all, ends)[0]
}

func TestFilter(t *testing.T) {
	c := viaVIP(t)
	for _, test := range []struct {
		filter string
		want   bool
	}{
		{"", true},
		{"host 10.0.0.3", true},
		{"host 30.0.0.1", true},
		{"host 20.0.0.1", true},
		{"host 20.0.0.4", true},
		{"host 20.0.0.5", false},
		{"host ::ffff:10.0.0.3", true},
		{"ip4.dst == 30.0.0.1 && tcp.dst == 80", true},
		{"ip4.dst == 20.0.0.4 && tcp.dst == 80", false},
		{"ip4.src == 20.0.0.1 && tcp.dst == 8080", true},
		{"ip4.src == 10.0.0.0/24", true},
		{"tcp", true},
		{"udp", false},
		{"ip6", false},
		{"orig ip4.dst == 30.0.0.1", true},
		{"orig ip4.dst == 20.0.0.4", false},
		{"translated ip4.dst == 20.0.0.4", true},
		{"translated ip4.dst == 30.0.0.1", false},
		{"translated ip4.src == 20.0.0.1 && tcp.src == 4000", true},
		{"ip4.src != 10.0.0.3 && ip4.dst == 30.0.0.1", false},
		{"ct_mark.natted", true},
		{"ct_mark == 2 && ip4.dst == 30.0.0.1", true},
		{"ct_mark == 2 && ip4.src == 20.0.0.1", false}, // the mark is another entry's
		{"ct_mark.blocked", false},
	} {
		f, err := ParseFilter(test.filter, nil)
		if err != nil {
			t.Errorf("%s: %v", test.filter, err)
			continue
		}
		if got := f.Match(c); got != test.want {
			t.Errorf("%s: selected is %v", test.filter, got)
		}
	}
	for _, test := range []struct {
		f    Filter
		want bool
	}{
		{Filter{From: []netip.Addr{netip.MustParseAddr("10.0.0.3")}}, true},
		{Filter{From: []netip.Addr{netip.MustParseAddr("20.0.0.4")}}, false},
		{Filter{To: []netip.Addr{netip.MustParseAddr("20.0.0.4")}}, true},
		{Filter{To: []netip.Addr{netip.MustParseAddr("10.0.0.3")}}, false},
		{Filter{States: []string{"ESTABLISHED"}}, true},
		{Filter{States: []string{"SYN_SENT"}}, false},
		{Filter{Zones: []uint16{6}}, true},
		{Filter{Zones: []uint16{4}}, false},
		{Filter{NAT: "any"}, true},
		{Filter{NAT: "none"}, false},
		{Filter{NAT: "dnat"}, true},
		{Filter{NAT: "snat"}, true},
	} {
		if got := test.f.Match(c); got != test.want {
			t.Errorf("%+v: selected is %v", test.f, got)
		}
	}
}

func TestFilterAddrs(t *testing.T) {
	for filter, want := range map[string]string{
		"host 10.0.0.3":                        "[10.0.0.3] true",
		"ip4.dst == 30.0.0.1 && tcp":           "[30.0.0.1] true",
		"ip4.dst == {30.0.0.1, 30.0.0.2}":      "[30.0.0.1 30.0.0.2] true",
		"ip6.dst == fd00::1":                   "[fd00::1] true",
		"ip4.dst == 30.0.0.1 || udp":           "[] false",
		"ip4.src == 10.0.0.0/24":               "[] false",
		"tcp.dst == 80":                        "[] false",
		"ip4.dst == 1.1.1.1 || ip6.src == ::1": "[::1 1.1.1.1] true",
		"":                                     "[] false",
	} {
		f, err := ParseFilter(filter, nil)
		if err != nil {
			t.Fatal(filter, err)
		}
		addrs, ok := f.Addrs()
		if !ok {
			addrs = nil
		}
		got := fmt.Sprint(addrs, ok)
		if want == "[::1 1.1.1.1] true" && got == "[1.1.1.1 ::1] true" {
			continue
		}
		if got != want {
			t.Errorf("%s: %s, want %s", filter, got, want)
		}
	}
}

func TestFilterErrors(t *testing.T) {
	for in, want := range map[string]string{
		"host":                                `4`,
		"host sw0-p1":                         `5`,
		"orig ip4.src = 1":                    `13`,
		"  ip4.src == 10.0.0.300":             `13`,
		"tcp && eth.src == 00:00:00:00:00:01": `7`,
		"tcp && inport == \"a\"":              `7`,
	} {
		_, err := ParseFilter(in, nil)
		var se *ovnexpr.SyntaxError
		if !errors.As(err, &se) {
			t.Errorf("%s: %v", in, err)
			continue
		}
		if got := fmt.Sprint(se.Off); got != want || se.In != in {
			t.Errorf("%s: marked at %s in %q, want %s: %v", in, got, se.In, want, err)
		}
	}
	_, err := ParseFilter("orig ip4 && tcp && (udp || sctp)", nil)
	var se *ovnexpr.SyntaxError
	if !errors.As(err, &se) || se.Off != 20 || se.Hint != "tcp and udp || sctp cannot both hold" {
		t.Errorf("a contradiction: %d %q", se.Off, se.Hint)
	}
}

func TestStateOf(t *testing.T) {
	user := func(a, b ctstate.UserTCPState) ctstate.Entry {
		return ctstate.Entry{Source: ctstate.FromUserspace, UserTCP: &ctstate.UserTCPInfo{Orig: a, Reply: b}}
	}
	for _, c := range []struct {
		e    ctstate.Entry
		want string
	}{
		{ctstate.Entry{TCP: &ctstate.TCPInfo{State: ctstate.TCPSynSent}}, "SYN_SENT"},
		{user(ctstate.UserTCPSynSent, ctstate.UserTCPClosed), "SYN_SENT"},
		{user(ctstate.UserTCPEstablished, ctstate.UserTCPSynSent), "SYN_SENT"},
		{user(ctstate.UserTCPEstablished, ctstate.UserTCPEstablished), "ESTABLISHED"},
		{user(ctstate.UserTCPFinWait1, ctstate.UserTCPEstablished), "FIN_WAIT_1"},
		{user(ctstate.UserTCPTimeWait, ctstate.UserTCPTimeWait), "TIME_WAIT"},
		{ctstate.Entry{Status: ctstate.SeenReply}, "REPLIED"},
		{ctstate.Entry{}, "UNREPLIED"},
		{ctstate.Entry{Source: ctstate.FromUserspace}, ""},
	} {
		if got := StateOf(&c.e); got != c.want {
			t.Errorf("%+v: %q, want %q", c.e, got, c.want)
		}
	}
}

// A filter never panics, and an error marks a place in the text.
func FuzzParseFilter(f *testing.F) {
	for _, in := range []string{"host 10.0.0.3", "orig tcp && ip4.src == 10.0.0.3", "translated ip4.dst == $as", "host", "orig", "tcp.dst == 1..3", " host ::1"} {
		f.Add(in)
	}
	f.Fuzz(func(t *testing.T, in string) {
		filter, err := ParseFilter(in, nil)
		var se *ovnexpr.SyntaxError
		if errors.As(err, &se) && (se.Off < 0 || se.Off > len(in)) {
			t.Errorf("%q: marked at %d: %v", in, se.Off, err)
		}
		if err == nil {
			filter.Addrs()
		}
	})
}

// What the kernel can select an entry by, of those that a filter demands.
func TestFilterSelects(t *testing.T) {
	for filter, want := range map[string]string{
		"ct_mark.blocked":                     "0x1/0x1",
		"ct_mark == 0x20 && tcp":              "0x20/0xffffffff",
		"ct_mark.natted || udp":               "0x0/0x0",
		"ct_mark.natted && (udp || tcp)":      "0x2/0x2",
		"ct_mark.natted || ct_mark.skip_snat": "0x0/0x0",
		"tcp":                                 "0x0/0x0",
		"":                                    "0x0/0x0",
	} {
		f, err := ParseFilter(filter, nil)
		if err != nil {
			t.Fatal(filter, err)
		}
		mark, mask := f.Mark()
		if got := fmt.Sprintf("0x%x/0x%x", mark, mask); got != want {
			t.Errorf("%s: %s, want %s", filter, got, want)
		}
	}
	for want, f := range map[ctstate.Status]Filter{ctstate.DstNAT: {NAT: "dnat"}, ctstate.SrcNAT: {NAT: "snat"}, ctstate.SeenReply: {States: []string{"REPLIED"}},
		0: {NAT: "any", States: []string{"REPLIED", "UNREPLIED"}}} {
		if got := f.Status(); got != want {
			t.Errorf("%+v: %v, want %v", f, got, want)
		}
	}
}
