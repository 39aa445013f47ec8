package spelling

import "testing"

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"", "tcp", 3},
		{"tcp", "tcp", 0},
		{"tcp", "udp", 2},
		{"tpc", "tcp", 1}, // exchanged
		{"ip4.scr", "ip4.src", 1},
		{"ip.src", "ip4.src", 1},
		{"inports", "inport", 1},
		{"ca", "abc", 3}, // no letter is edited twice
	} {
		if got := Distance(c.a, c.b); got != c.want {
			t.Errorf("%q and %q: %d edits, want %d", c.a, c.b, got, c.want)
		}
		if got := Distance(c.b, c.a); got != c.want {
			t.Errorf("%q and %q: %d edits, want %d", c.b, c.a, got, c.want)
		}
	}
}
