package microflow

import (
	"testing"
)

// TestEarly: without a database, only an expression that is wrong with every database is an error.
func TestEarly(t *testing.T) {
	for _, c := range []struct {
		in       string
		families []int
		whole    bool
		fails    bool
	}{
		{`inport == "p" && ip4.src == 10.0.0.1`, []int{0}, true, false},
		{`inport == "p" && ip4.src == 10.0.0.1 && ip4.src == 10.0.0.2`, []int{0}, false, true},
		{`tcp.dst == 80`, []int{0}, false, true}, // IPv4 or IPv6
		{`tcp.dst == 80`, []int{4, 6}, true, false},
		{`ip6 && ip4.src == 10.0.0.1`, []int{4, 6}, false, true},
		{`ip4.src == {10.0.0.1, 10.0.0.2}`, []int{0}, false, true},
		// A name may have any members.
		{`inport == @pg && ip4.src == $as`, []int{0}, false, false},
		{`ip4.src == $as && ip4.src == 10.0.0.1`, []int{0}, false, false},
		{`ip4.src == $as && ip4.src != $as`, []int{0}, false, false},
		{`ip4 && !(ip4.src == $as)`, []int{0}, false, false},
		{`ip4 && !(ip4.src != $as || ip4.dst != $bs)`, []int{0}, false, false},
		{`tcp && ip4.src == {$as, 10.0.0.1}`, []int{0}, false, false},
		{`$as == ip4.src && @pg == inport`, []int{0}, false, false},
		// An empty set would make it contradictory, which is not known yet.
		{`tcp.dst == {80, 81} && ip4.src == $as`, []int{0}, false, false},
		// and cannot mend what contradicts itself beside it.
		{`inport == @pg && ip4.src == 10.0.0.1 && ip4.src == 10.0.0.2`, []int{0}, false, true},
		{`ip4.src == $as && tcp && udp`, []int{0}, false, true},
		{`ip4 && !(inport == @pg) && ip6`, []int{0}, false, true},
		{`ip4.src == $as &&`, []int{0}, false, true},
		{`ip4.src == @pg`, []int{0}, false, true}, // of the wrong kind, whatever the group holds
	} {
		_, whole, err := Early(c.in, c.families...)
		if (err != nil) != c.fails || whole != c.whole {
			t.Errorf("%s for %v: whole %v, %v", c.in, c.families, whole, err)
		}
	}
}

// TestEarlyIsParse: an expression without names reads as it does with a database, whatever the
// corpus holds.
func TestEarlyIsParse(t *testing.T) {
	n := 0
	for _, cases := range corpus(t) {
		for _, c := range cases {
			if c.comment() {
				continue
			}
			mf, whole, err := Early(c.expr, 0)
			if err == nil && !whole {
				continue // it names a set
			}
			_, want := Parse(c.expr, Options{Symbols: names{}})
			if (err == nil) != (want == nil) {
				t.Errorf("%s: %v, with names %v", c.expr, err, want)
			}
			if err == nil && mf.Text != c.expr {
				t.Errorf("%s: reads %q", c.expr, mf.Text)
			}
			n++
		}
	}
	if n < 100 {
		t.Errorf("only %d expressions compared", n)
	}
}

// TestDraft: what contradicts --to or --proto is an error before ports are looked up, and leaves
// the microflow as it was.
func TestDraft(t *testing.T) {
	for _, c := range []struct {
		in, to string
		proto  uint8
		fails  bool
	}{
		{`ip4 && udp`, "10.0.0.1:80/tcp", 0, true},
		{`ip4 && udp`, "10.0.0.1:80/udp", 0, false},
		{`ip4 && ip4.dst == 10.0.0.1`, "10.0.0.2", 0, true},
		{`ip4 && ip4.dst == 10.0.0.0/24`, "10.0.0.2", 0, false},
		{`ip4 && tcp.dst == 80`, "10.0.0.2:81", 0, true},
		{`ip4`, "fd00::1", 0, true},
		{`ip6`, "fd00::1", 0, false},
		{`ip6`, "port", 0, false},
		{`ip4`, "port", 0, false},
		{``, "port/icmp6", 0, false}, // the port may have IPv6 addresses
		{`ip4`, "port/icmp6", 0, true},
		{`icmp4`, "port:80", 0, true},
		{``, "port:80", 6, false},
		{`arp`, "10.0.0.1", 0, false},
		{`arp`, "fd00::1", 0, true},
		{`ip4 && tcp`, "", 0, true}, // nowhere to go
		{`ip4.dst == 10.0.0.1 && tcp`, "", 0, false},
		{``, "", 0, false},
	} {
		var mf Microflow
		var err error
		if c.in != "" {
			if mf, _, err = Early(c.in, 4, 6); err != nil {
				t.Errorf("%s: %v", c.in, err)
				continue
			}
		}
		var to Target
		if c.to != "" {
			if to, err = ParseTarget(c.to); err != nil {
				t.Fatal(err)
			}
		}
		given, partly := mf.Given, len(mf.partly)
		_, err = Draft(mf, to, FillOptions{Proto: c.proto})
		if (err != nil) != c.fails {
			t.Errorf("%s to %s: %v", c.in, c.to, err)
		}
		if mf.Given != given || len(mf.partly) != partly {
			t.Errorf("%s to %s: the microflow changed", c.in, c.to)
		}
	}
}
