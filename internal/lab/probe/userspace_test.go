package probe

import (
	"net/netip"
	"strings"
	"testing"
)

// TestParseDumped parses lines of dpctl/dump-conntrack of OVS 3.1.0.
func TestParseDumped(t *testing.T) {
	ip := netip.MustParseAddr
	for _, c := range []struct {
		line string
		want Entry
	}{
		{"tcp,orig=(src=10.0.0.3,dst=30.0.0.10,sport=40080,dport=80),reply=(src=20.0.0.4,dst=10.0.0.3,sport=8080,dport=40080),zone=8,mark=2,labels=0x4d200000000000000000000,protoinfo=(state=SYN_SENT)", Entry{
			Zone: 8, Mark: 2, Label: "0x4d200000000000000000000",
			Orig:  Tuple{Proto: 6, Src: ip("10.0.0.3"), Dst: ip("30.0.0.10"), Sport: 40080, Dport: 80},
			Reply: Tuple{Proto: 6, Src: ip("20.0.0.4"), Dst: ip("10.0.0.3"), Sport: 8080, Dport: 40080},
			info:  "protoinfo=state=SYN_SENT",
		}},
		{"icmp,orig=(src=10.0.0.3,dst=40.0.0.4,id=1,type=8,code=0),reply=(src=40.0.0.4,dst=10.0.0.3,id=1,type=0,code=0),zone=65535", Entry{
			Zone: 65535, Label: "0x0",
			Orig:  Tuple{Proto: 1, Src: ip("10.0.0.3"), Dst: ip("40.0.0.4"), ID: 1, Type: 8},
			Reply: Tuple{Proto: 1, Src: ip("40.0.0.4"), Dst: ip("10.0.0.3"), ID: 1},
		}},
		{"89,orig=(src=fd00:10::3,dst=fd00:20::4,sport=0,dport=0),reply=(src=fd00:20::4,dst=fd00:10::3,sport=0,dport=0),zone=3", Entry{
			Zone: 3, Label: "0x0", Orig: Tuple{Proto: 89, Src: ip("fd00:10::3"), Dst: ip("fd00:20::4")}, Reply: Tuple{Proto: 89, Src: ip("fd00:20::4"), Dst: ip("fd00:10::3")},
		}},
	} {
		c.want.noStatus = true
		if got, err := parseDumped(c.line); err != nil || got != c.want {
			t.Errorf("%s:\n got %+v, %v\nwant %+v", c.line, got, err, c.want)
		}
		for i := range len(c.line) { // a truncated line must be an error, or at least keep the protocol
			if got, err := parseDumped(c.line[:i]); err == nil && got.Orig.Proto != c.want.Orig.Proto {
				t.Errorf("%q was taken", c.line[:i])
			}
		}
	}
	for _, bad := range []string{"", "tcp", "what,orig=()", "tcp,orig=(src=1.1.1.1", "tcp,zone=1", "udp,orig=(src=1.1.1.1,dst=2.2.2.2,odd=1),reply=(src=2.2.2.2,dst=1.1.1.1)"} {
		if e, err := parseDumped(bad); err == nil {
			t.Errorf("%q was taken as %v", bad, e)
		}
	}
	if !strings.Contains(mustDump(t, "udp,orig=(src=1.1.1.1,dst=2.2.2.2,sport=1,dport=2),reply=(src=2.2.2.2,dst=1.1.1.1,sport=2,dport=1),zone=1").String(), "zone 1 udp") {
		t.Error("an entry does not say what it is")
	}
}

func mustDump(t *testing.T, line string) Entry {
	t.Helper()
	e, err := parseDumped(line)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// TestSameEntryWithoutStatus checks that for an entry without status bits only the tuples are
// compared.
func TestSameEntryWithoutStatus(t *testing.T) {
	real := mustDump(t, "udp,orig=(src=1.1.1.1,dst=2.2.2.2,sport=1,dport=2),reply=(src=3.3.3.3,dst=1.1.1.1,sport=2,dport=1),zone=1")
	want := real
	want.noStatus, want.DNAT = false, true
	if !sameEntry(predicted{entry: want}, real) {
		t.Error("a bit that the text does not show was compared")
	}
	want.Reply.Src = netip.MustParseAddr("3.3.3.4")
	if sameEntry(predicted{entry: want}, real) {
		t.Error("another translation was taken for the same")
	}
}
