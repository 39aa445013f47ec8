package microflow

import (
	"fmt"
	"testing"
)

func TestParseTarget(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"10.0.0.5", "ip 10.0.0.5"},
		{"10.0.0.5:80", "ip 10.0.0.5 :80"},
		{"10.0.0.5:80/tcp", "ip 10.0.0.5 :80 6"},
		{"10.0.0.5/icmp", "ip 10.0.0.5 1"},
		{"10.0.0.5/UDP", "ip 10.0.0.5 17"},
		{"[fd00::1]:80/udp", "ip fd00::1 :80 17"},
		{"fd00::1", "ip fd00::1"},
		{"[fd00::1]", "ip fd00::1"},
		{"fd00::1/icmp", "ip fd00::1 58"},
		{"fd00::1/icmp6", "ip fd00::1 58"},
		{"fd00::1:80", "ip fd00::1:80"}, // an address
		{"::ffff:10.0.0.1", "ip 10.0.0.1"},
		{"sw0-p1", "name sw0-p1"},
		{"sw0-p1:80", "name sw0-p1 :80"},
		{"sw0-p1:80/sctp", "name sw0-p1 :80 132"},
		{"sw0-p1/tcp", "name sw0-p1 6"},
		{"default_web/1", "name default_web/1"},
		{"a:b", "name a:b"},
		{"0a:00:00:00:00:01", "mac 0a:00:00:00:00:01"},
		{"0a:00:00:00:00:01/udp", "mac 0a:00:00:00:00:01 17"},
		{"0a:00:00:00:00:01:80", "mac 0a:00:00:00:00:01 :80"},
		{"b5b57c84-24bc", "uuid b5b57c84-24bc"},
		{"b5b57c84", "uuid b5b57c84"},
		{"b5b57c8", "name b5b57c8"},
		{"pod:default/web-0", "pod pod:default/web-0"},
		{"pod:default/web-0:8080/tcp", "pod pod:default/web-0 :8080 6"},
		{"pod:default/tcp", "pod pod:default/tcp"},
		{"server:web", "server server:web"},
		{"server:web:80", "server server:web :80"},

		{"", "! 0 no destination"},
		{":80", "! 0 no destination"},
		{"10.0.0.0/24", "! 8 a packet has one destination, not a network"},
		{"10.0.0.5:80/http", `! 12 unknown protocol "http": tcp, udp, sctp or icmp`},
		{"10.0.0.5:http", `! 9 "http" is no port number`},
		{"10.0.0.5:65536", "! 9 port 65536 is larger than 65535"},
		{"10.0.0.5:80/icmp", "! 12 icmp has no ports"},
		{"10.0.0.5/icmp6", "! 9 icmp6 to an IPv4 address"},
		{"fe80::1%eth0", "! 7 an address here has no zone"},
		{"pod:web", "! 4 want pod:NAMESPACE/NAME"},
		{"server:", "! 7 want server:NAME"},
	} {
		got := ""
		if tg, err := ParseTarget(c.in); err != nil {
			se := err.(*SyntaxError)
			got = fmt.Sprintf("! %d %s", se.Off, se.Msg)
		} else {
			got = [...]string{"name", "ip", "mac", "uuid", "pod", "server"}[tg.Kind] + " " + tg.Name
			if tg.Kind == TargetIP {
				got = "ip " + tg.Addr.String()
			}
			if tg.HasPort {
				got += fmt.Sprintf(" :%d", tg.Port)
			}
			if tg.Proto != 0 {
				got += fmt.Sprintf(" %d", tg.Proto)
			}
		}
		if got != c.want {
			t.Errorf("%q: got %s, want %s", c.in, got, c.want)
		}
	}
}

func FuzzParseTarget(f *testing.F) {
	for _, s := range []string{"10.0.0.5:80/tcp", "[fd00::1]:80/udp", "pod:a/b:1/tcp", "x:80", "b5b57c84-24bc", "fe80::1%eth0", "/tcp", "[]:1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		tg, err := ParseTarget(in)
		if err != nil {
			if se := err.(*SyntaxError); se.Off < 0 || se.Off > len(in) || tg != (Target{}) {
				t.Fatalf("%q: %v %v", in, tg, err)
			}
			return
		}
		if tg.Name == "" || (tg.Kind == TargetIP) != tg.Addr.IsValid() {
			t.Fatalf("%q: %+v", in, tg)
		}
	})
}
