package ctstate

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"
)

func TestStateText(t *testing.T) {
	for _, c := range []struct {
		state State
		text  string
	}{
		{0, "0"}, {New | Trk, "new|trk"}, {Est | Rpl | Trk, "est|rpl|trk"}, {Inv | Trk, "inv|trk"},
		{0xff, "new|est|rel|rpl|inv|trk|snat|dnat"}, {Trk | 0x100000, "trk|0x100000"}, {0x300, "0x300"},
	} {
		if got := c.state.String(); got != c.text {
			t.Errorf("%#x prints %q, want %q", uint32(c.state), got, c.text)
		}
		if got, err := ParseState(c.text); err != nil || got != c.state {
			t.Errorf("ParseState(%q) = %v, %v", c.text, got, err)
		}
	}
	for _, bad := range []string{"", "nope", "est|", "|trk", "est,trk", "0x1ffffffff"} {
		var se *SyntaxError
		if got, err := ParseState(bad); !errors.As(err, &se) || got != 0 {
			t.Errorf("ParseState(%q) = %v, %v", bad, got, err)
		}
	}
}

func TestStatusText(t *testing.T) {
	for s, text := range map[Status]string{
		0x18e: "SEEN_REPLY|ASSURED|CONFIRMED|SRC_NAT_DONE|DST_NAT_DONE", 0: "0", 0x12000: "HELPER|0x10000",
	} {
		if got := s.String(); got != text {
			t.Errorf("%#x prints %q, want %q", uint32(s), got, text)
		}
		if got, err := ParseStatus(text); err != nil || got != s {
			t.Errorf("ParseStatus(%q) = %v, %v", text, got, err)
		}
	}
}

func TestLabelText(t *testing.T) {
	for _, c := range []struct {
		l    Label
		text string
	}{{Label{}, "0x0"}, {Label{Lo: 2}, "0x2"}, {Label{Hi: 1, Lo: 2}, "0x10000000000000002"}, {Label{Hi: 1 << 63}, "0x80000000000000000000000000000000"}} {
		if got := c.l.String(); got != c.text {
			t.Errorf("%+v prints %q", c.l, got)
		}
		if got, err := ParseLabel(c.text); err != nil || got != c.l {
			t.Errorf("ParseLabel(%q) = %v, %v", c.text, got, err)
		}
		if LabelFromBytes(c.l.Bytes()) != c.l {
			t.Errorf("%v does not survive its bytes", c.l)
		}
	}
	for _, bad := range []string{"", "0x", "0xg", "0x100000000000000000000000000000000", "x"} {
		if l, err := ParseLabel(bad); err == nil || l != (Label{}) {
			t.Errorf("ParseLabel(%q) = %v, %v", bad, l, err)
		}
	}
	if got := (Label{Lo: 0xff}).Masked(Label{Lo: 0xf0a}, Label{Lo: 0x0f}); got != (Label{Lo: 0xfa}) {
		t.Errorf("masked: %v", got)
	}
	if b := (Label{Lo: 1 << 9}).Bytes(); b[1] != 2 {
		t.Errorf("bit 9 is not bit 1 of byte 1: %v", b)
	}
}

func TestTupleText(t *testing.T) {
	for _, c := range []struct{ in, invert string }{
		{"tcp 10.0.0.1:1>10.0.0.2:80", "tcp 10.0.0.2:80>10.0.0.1:1"},
		{"udp [fd00::1]:1>[fd00::2]:53", "udp [fd00::2]:53>[fd00::1]:1"},
		{"icmp 10.0.0.1>10.0.0.2 type=8 code=0 id=5", "icmp 10.0.0.2>10.0.0.1 type=0 code=0 id=5"},
		{"icmp 10.0.0.1>10.0.0.2 type=14 code=0 id=5", "icmp 10.0.0.2>10.0.0.1 type=13 code=0 id=5"},
		{"icmp 10.0.0.1>10.0.0.2 type=15 code=3 id=5", "icmp 10.0.0.2>10.0.0.1 type=16 code=3 id=5"},
		{"icmp 10.0.0.1>10.0.0.2 type=18 code=0 id=5", "icmp 10.0.0.2>10.0.0.1 type=17 code=0 id=5"},
		{"icmp 10.0.0.1>10.0.0.2 type=3 code=1 id=0", ""},
		{"icmpv6 fd00::1>fd00::2 type=129 code=0 id=5", "icmpv6 fd00::2>fd00::1 type=128 code=0 id=5"},
		{"icmpv6 fd00::1>fd00::2 type=139 code=0 id=5", "icmpv6 fd00::2>fd00::1 type=140 code=0 id=5"},
		{"icmpv6 fd00::1>fd00::2 type=135 code=0 id=0", ""},
		{"gre 10.0.0.1>10.0.0.2", "gre 10.0.0.2>10.0.0.1"},
		{"89 10.0.0.1>10.0.0.2", "89 10.0.0.2>10.0.0.1"},
		{"sctp 10.0.0.1:1>10.0.0.2:80", "sctp 10.0.0.2:80>10.0.0.1:1"},
	} {
		v := tup(t, c.in)
		if got := v.String(); got != c.in {
			t.Errorf("%q prints as %q", c.in, got)
		}
		inv, ok := v.Invert()
		if ok != (c.invert != "") || ok && inv.String() != c.invert {
			t.Errorf("%q inverted: %v %v", c.in, inv, ok)
		}
	}
	for _, bad := range []string{"", "tcp", "tcp 1>2", "nope 10.0.0.1:1>10.0.0.2:1", "tcp 10.0.0.1:1>[fd00::1]:1",
		"tcp 10.0.0.1>10.0.0.2", "icmp 10.0.0.1>10.0.0.2", "icmp 10.0.0.1>10.0.0.2 type=8 code=0 id=70000", "udp [fe80::1%eth0]:1>[fd00::1]:1"} {
		if v, err := ParseTuple(bad); err == nil || v != (Tuple{}) {
			t.Errorf("ParseTuple(%q) = %v, %v", bad, v, err)
		}
	}
}

func TestNames(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{TCPNone.String(), "NONE"}, {TCPSynSent2.String(), "SYN_SENT2"}, {TCPState(77).String(), "77"},
		{FromNone.String(), "none"}, {FromKernel.String(), "kernel"}, {FromUserspace.String(), "userspace"}, {FromOverlay.String(), "overlay"},
		{UserTCPFinWait2.String(), "FIN_WAIT_2"}, {Release{6, 1, 3}.String(), "6.1.3"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func TestParseRelease(t *testing.T) {
	for in, want := range map[string]Release{"6.1.0-13-amd64": {6, 1, 0}, "6.18.44-fc-v595": {6, 18, 44}, "5.10": {5, 10, 0}, "6.8-rc5": {6, 8, 0}} {
		if got, err := ParseRelease(in); err != nil || got != want {
			t.Errorf("ParseRelease(%q) = %v, %v", in, got, err)
		}
	}
	for _, bad := range []string{"", "6", "x.1", "6.x"} {
		if r, err := ParseRelease(bad); err == nil || r != (Release{}) {
			t.Errorf("ParseRelease(%q) = %v, %v", bad, r, err)
		}
	}
}

func TestEntryJSON(t *testing.T) {
	master := tup(t, "tcp 10.0.0.1:5>10.0.0.2:21")
	e := OverlayEntry{At: 7, Entry: Entry{Zone: 3, Orig: tup(t, "tcp 10.0.0.1:1>10.0.0.2:80"), Reply: tup(t, "tcp 10.0.0.2:80>10.0.0.1:1"),
		Status: Confirmed | SeenReply, Timeout: 9, HasTimeout: true, Mark: 2, Label: Label{Lo: 4}, TCP: &TCPInfo{State: TCPEstablished},
		Master: &master, Source: FromOverlay}}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(e); err != nil {
		t.Fatal(err)
	}
	b := bytes.TrimSpace(buf.Bytes())
	const want = `{"zone":3,"orig":"tcp 10.0.0.1:1>10.0.0.2:80","reply":"tcp 10.0.0.2:80>10.0.0.1:1","status":"SEEN_REPLY|CONFIRMED",` +
		`"timeout":9,"has_timeout":true,"mark":2,"label":"0x4","tcp":{"state":"ESTABLISHED"},"master":"tcp 10.0.0.1:5>10.0.0.2:21","source":"overlay","at":7}`
	if string(b) != want {
		t.Errorf("got  %s\nwant %s", b, want)
	}
	var back OverlayEntry
	if err := json.Unmarshal(b, &back); err != nil || *back.TCP != *e.TCP || *back.Master != master || back.Orig != e.Orig || back.At != 7 {
		t.Errorf("read back %+v, %v", back, err)
	}
}

func FuzzState(f *testing.F) {
	for _, s := range []string{"est|trk", "0x22", "trk|0x100000", "0", "nope", "|"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		s, err := ParseState(in)
		if err != nil && s != 0 {
			t.Errorf("error with %v", s)
		}
		if err == nil {
			if back, err := ParseState(s.String()); err != nil || back != s {
				t.Errorf("%q: %v prints %q, read back %v, %v", in, uint32(s), s, back, err)
			}
		}
	})
}

func FuzzTuple(f *testing.F) {
	for _, s := range []string{"tcp 10.0.0.1:1>10.0.0.2:80", "icmp 10.0.0.1>10.0.0.2 type=8 code=0 id=5", "gre fd00::1>fd00::2", "x", "tcp [::ffff:1.2.3.4]:1>1.2.3.4:2"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		v, err := ParseTuple(in)
		if err != nil {
			if v != (Tuple{}) {
				t.Errorf("error with %v", v)
			}
			return
		}
		if back, err := ParseTuple(v.String()); err != nil || back != v {
			t.Errorf("%q prints %q, read back %v, %v", in, v, back, err)
		}
		if inv, ok := v.Invert(); ok {
			if back, ok := inv.Invert(); !ok || back != v {
				t.Errorf("%v inverted twice is %v", v, back)
			}
		}
	})
}

func FuzzLabel(f *testing.F) {
	for _, s := range []string{"0x0", "12", "0xffffffffffffffffffffffffffffffff", "0x", "y"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		l, err := ParseLabel(in)
		if err != nil {
			if l != (Label{}) {
				t.Errorf("error with %v", l)
			}
			return
		}
		if back, err := ParseLabel(l.String()); err != nil || back != l {
			t.Errorf("%q prints %q, read back %v, %v", in, l, back, err)
		}
	})
}
