package ctnetlink

import (
	"errors"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
)

// msgExpectNew makes an expectation (IPCTNL_MSG_EXP_NEW).
const msgExpectNew = 0x200

// What a connection expects is dumped as the kernel has it: Matches answers as the kernel's own
// look-up, and only for the zone that was asked.
func TestExpectedBy(t *testing.T) {
	tbl := open(t, ctNS(t))
	v4 := tup(6, "10.0.0.1:1000", "10.0.0.2:21")
	v6 := tup(6, "[fd00::1]:1000", "[fd00::2]:21")
	for _, zone := range []uint16{5, 6} {
		create(t, tbl, Spec{Zone: zone, Orig: v4, Helper: "ftp"})
	}
	create(t, tbl, Spec{Zone: 5, Orig: v6, Helper: "ftp"})
	plain := tup(6, "10.0.0.1:1001", "10.0.0.2:80")
	create(t, tbl, Spec{Zone: 5, Orig: plain})
	expect := func(zone uint16, master, tuple, mask ctstate.Tuple, flags uint32) {
		t.Helper()
		if got := raw(t, tbl, msgExpectNew, nlmCreate|nlmExcl, family(tuple), func(e *encoder) {
			e.tuple(ctaExpectMaster, master)
			e.tuple(ctaExpectTuple, tuple)
			e.tuple(ctaExpectMask, mask)
			e.be32(ctaExpectTimeout, 100)
			e.be32(ctaExpectFlags, flags)
			e.zone(ctaExpectZone, zone)
		}); got != 0 {
			t.Fatalf("%v in zone %d: %v", tuple, zone, got)
		}
	}
	all4, all6 := "255.255.255.255", "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]"
	expect(5, v4, tup(6, "10.0.0.2:0", "10.0.0.1:5001"), tup(6, all4+":0", all4+":65535"), expectPermanent)
	expect(6, v4, tup(6, "0.0.0.0:20", "10.0.0.1:5002"), tup(6, "0.0.0.0:65535", all4+":65535"), 0)
	expect(5, v6, tup(6, "[fd00::2]:20", "[fd00::1]:5003"), tup(6, all6+":65535", all6+":65535"), 0)

	probes := []ctstate.Tuple{
		tup(6, "10.0.0.2:20", "10.0.0.1:5001"), tup(6, "10.0.0.2:33", "10.0.0.1:5001"), tup(6, "10.0.0.3:20", "10.0.0.1:5001"), tup(6, "10.0.0.2:20", "10.0.0.1:5009"),
		tup(6, "10.0.0.9:20", "10.0.0.1:5002"), tup(6, "10.0.0.9:21", "10.0.0.1:5002"), tup(17, "10.0.0.2:20", "10.0.0.1:5001"),
		tup(6, "[fd00::2]:20", "[fd00::1]:5003"), tup(6, "[fd00::2]:21", "[fd00::1]:5003"), tup(6, "[fd00::3]:20", "[fd00::1]:5003"),
	}
	found := 0
	for zone := uint16(5); zone <= 7; zone++ {
		var known []Expected
		for _, master := range []ctstate.Tuple{v4, v6, plain} {
			list, err := tbl.ExpectedBy(t.Context(), zone, master)
			if err != nil {
				t.Fatal(err)
			}
			for _, x := range list {
				if x.Master != master {
					t.Errorf("zone %d: %+v is not of %v", zone, x, master)
				}
			}
			known = append(known, list...)
		}
		for _, p := range probes {
			want, err := tbl.Expectation(t.Context(), zone, p)
			if err != nil && !errors.Is(err, ctstate.ErrNotFound) {
				t.Fatal(err)
			}
			n := 0
			for _, x := range known {
				if !x.Matches(p) {
					continue
				}
				n++
				got := x.In(zone)
				if got.Master = want.Master; err == nil && got != want {
					t.Errorf("zone %d, %v: %+v, the kernel has %+v", zone, p, got, want)
				}
			}
			if (n == 1) != (err == nil) || n > 1 {
				t.Errorf("zone %d, %v: %d match, the kernel says %v", zone, p, n, err)
			}
			found += n
		}
	}
	if found != 4 {
		t.Errorf("%d of the probes are expected, want 4", found)
	}
	if _, err := tbl.ExpectedBy(t.Context(), 5, tup(6, "10.0.0.1:1", "10.0.0.2:2")); err != nil {
		t.Errorf("of a connection that has ended: %v", err)
	}
}

// An inactive expectation expects nothing, and a mask without addresses is that of the kernel's
// helpers.
func TestExpectedMask(t *testing.T) {
	p := tup(6, "10.0.0.2:20", "10.0.0.1:5001")
	for _, c := range []struct {
		src      string
		inactive bool
		want     bool
	}{{"10.0.0.2:20", false, true}, {"10.0.0.2:20", true, false}, {"0.0.0.0:20", false, true}, {"0.0.0.0:0", false, true}, {"10.0.0.3:20", false, false}, {"0.0.0.0:21", false, false}} {
		x := Expected{Tuple: tup(6, c.src, "10.0.0.1:5001"), Inactive: c.inactive}
		x.mask(ctstate.Tuple{})
		if x.Matches(p) != c.want {
			t.Errorf("%+v: %t", c, !c.want)
		}
	}
}
