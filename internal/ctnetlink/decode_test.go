package ctnetlink

import (
	"errors"
	"reflect"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/syntax"
)

func TestParseRelease(t *testing.T) {
	for in, want := range map[string]KernelRelease{
		"6.18.44-fc-v595":   {Major: 6, Minor: 18, Patch: 44},
		"5.15.0-91-generic": {Major: 5, Minor: 15},
		"6.1":               {Major: 6, Minor: 1},
		"4.18.0-553.el8":    {Major: 4, Minor: 18},
		"6.8-rc1":           {Major: 6, Minor: 8},
		"":                  {},
	} {
		want.Release = in
		if got := ParseRelease(in); got != want {
			t.Errorf("%q: %+v", in, got)
		}
	}
	if k := ParseRelease("5.8.1"); !k.AtLeast(5, 8) || !k.AtLeast(4, 20) || k.AtLeast(5, 9) || k.AtLeast(6, 0) {
		t.Error("AtLeast")
	}
}

func TestZoneLimitsText(t *testing.T) {
	var e encoder
	n := e.nest(ovsLimitZone)
	e.b = appendZoneLimit(e.b, -1, 0, 0)
	e.b = appendZoneLimit(e.b, 5, 100, 3)
	e.end(n)
	got, err := decodeZoneLimits(e.b)
	want := []rawZoneLimit{{-1, 0, 0}, {5, 100, 3}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v %v", got, err)
	}
	var se *syntax.Error
	e.b = e.b[:0]
	n = e.nest(ovsLimitZone)
	e.b = append(e.b, 1, 2, 3, 4)
	e.end(n)
	if _, err := decodeZoneLimits(e.b); !errors.As(err, &se) {
		t.Errorf("cut short: %v", err)
	}
}

// sample is an entry with every attribute, as Spec encodes it.
func sample() []byte {
	s := Spec{
		Zone: 7, Orig: tup(6, "10.0.0.1:1", "10.0.0.2:2"), Status: ctstate.SeenReply, Timeout: 9, Mark: 5,
		Label: ctstate.Label{Hi: 1, Lo: 2}, TCP: &ctstate.TCPInfo{State: 3}, Helper: "ftp",
		Master: &ctstate.Tuple{Proto: 17, Src: ap("[fd00::1]:1"), Dst: ap("[fd00::2]:2")}, Tag: 1<<32 | 2,
	}
	var e encoder
	if err := s.encode(&e, 1, 0); err != nil {
		panic(err)
	}
	return e.b[nlmsgHdr+nfgenHdr:]
}

func TestDecodeRecord(t *testing.T) {
	var r Record
	if err := decodeRecord(sample(), &r); err != nil {
		t.Fatal(err)
	}
	if r.Zone != 7 || r.Orig != tup(6, "10.0.0.1:1", "10.0.0.2:2") || r.Reply != tup(6, "10.0.0.2:2", "10.0.0.1:1") ||
		r.Status != 0xa || r.Timeout != 9 || r.Mark != 5 || r.Label != (ctstate.Label{Hi: 1, Lo: 2}) || r.TCP.State != 3 ||
		r.Helper != "ftp" || r.Master.Proto != 17 || r.Tag != 1<<32|2 {
		t.Errorf("%+v", r)
	}
	// Unknown attributes are skipped in every position.
	var e encoder
	e.bytes(200, []byte{1, 2, 3})
	if err := decodeRecord(append(e.b, sample()...), &r); err != nil || r.Mark != 5 {
		t.Errorf("%+v %v", r, err)
	}
	for cut := range sample() {
		_ = decodeRecord(sample()[:cut], &r) // must not panic
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(sample())
	f.Fuzz(func(t *testing.T, b []byte) {
		var r Record
		_ = decodeRecord(b, &r)
		_, _ = decodeExpect(b)
		_, _ = decodeZoneLimits(b)
		for rest := b; len(rest) > 0; {
			m, next, err := split(rest)
			if err != nil {
				break
			}
			if m.typ == nlmsgError {
				_ = ackError("x", m)
			}
			rest = next
		}
	})
}
