package ovn

import (
	"strings"
	"testing"
)

func TestNearest(t *testing.T) {
	names := []string{"sw0-p1", "sw0-p2", "sw1-p1", "router", "blue_web-1"}
	for _, c := range []struct{ name, want string }{
		{"sw0-p3", "sw0-p1"}, {"SW0-P2", "sw0-p2"}, {"web", "blue_web-1"}, {"ruoter", "router"}, {"zzzzzzzz", ""},
	} {
		got := Nearest(c.name, names, 1)
		if strings.Join(got, ",") != c.want {
			t.Errorf("%s: %v, want %s", c.name, got, c.want)
		}
	}
}
