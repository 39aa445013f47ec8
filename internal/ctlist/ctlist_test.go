package ctlist

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv/corpus"
)

func tuple(proto uint8, src, dst string) ctstate.Tuple {
	return ctstate.Tuple{Proto: proto, Src: netip.MustParseAddrPort(src), Dst: netip.MustParseAddrPort(dst)}
}

// The captured lines are read whole: zones, states, timeouts, flags, both directions.
func TestCaptured(t *testing.T) {
	caps := corpus.Load(t, "conntrack-list/*")
	l, err := Read(strings.NewReader(strings.TrimSuffix(caps[0].Text, "\n") + "\n"))
	if err != nil || !l.Whole || l.Len() != 8 {
		t.Fatalf("%d entries, whole %v, %v", l.Len(), l.Whole, err)
	}
	nat, ok := l.Find(7, tuple(6, "20.0.0.4:8080", "10.0.0.3:4000"))
	if !ok || nat.Orig != tuple(6, "10.0.0.3:4000", "30.0.0.10:80") || nat.State != "ESTABLISHED" || !nat.Assured || nat.Unreplied || nat.Mark != 2 || nat.Timeout != 97 || !nat.HasTimeout {
		t.Errorf("%v %+v", ok, nat)
	}
	syn, ok := l.Find(8, tuple(6, "10.0.0.3:4001", "10.0.0.9:80"))
	if !ok || syn.State != "SYN_SENT" || !syn.Unreplied || syn.Assured {
		t.Errorf("%v %+v", ok, syn)
	}
	echo := tuple(1, "127.0.0.1:0", "127.0.0.1:0")
	echo.ICMPType, echo.ICMPID = 8, 77
	if e, ok := l.Find(0, echo); !ok || e.State != "" {
		t.Errorf("%v %+v", ok, e)
	}
	if _, ok := l.Find(8, tuple(6, "10.0.0.3:4000", "30.0.0.10:80")); ok {
		t.Error("an entry is found in another zone")
	}
	if !l.Knows(syn.Orig) || !l.Knows(tuple(17, "[fd00::1]:1", "[fd00::2]:2")) {
		t.Error("the list knows less than it has")
	}
	// A list without its end, or without its first line, does not know what is not in it.
	text := strings.TrimSuffix(caps[0].Text, "\n") + "\n"
	for name, part := range map[string]string{"end": text[:len(text)-40], "line": strings.Replace(text, "ipv4     2 udp", "ipv", 1), "beginning": text[strings.Index(text, "ipv"):]} {
		if l, err := Read(strings.NewReader(part)); err == nil && l.Knows(syn.Orig) {
			t.Errorf("without its %s it is whole", name)
		}
	}
	old, err := Read(strings.NewReader("ipv4 2 udp 17 29 src=1.1.1.1 dst=2.2.2.2 sport=1 dport=2 src=2.2.2.2 dst=1.1.1.1 sport=2 dport=1 mark=0 use=1\nconntrack v1.4.4 (conntrack-tools): 1 flow entries have been shown.\n"))
	if err != nil || old.Knows(tuple(17, "[fd00::1]:1", "[fd00::2]:2")) || !old.Knows(syn.Orig) {
		t.Errorf("a list of IPv4: %+v, %v", old, err)
	}
}

func TestParseErrors(t *testing.T) {
	for _, line := range []string{
		"", "tcp 6 src=1.1.1.1", "ipv4 2 tcp x", "ipv4 2 tcp 6 9 src=1.1.1.1 dst=2.2.2.2",
		"ipv4 2 tcp 6 src=1.1.1.1 dst=::1 sport=1 dport=2 src=2.2.2.2 dst=1.1.1.1 sport=2 dport=1",
		"ipv4 2 tcp 6 src=1.1.1.1 dst=2.2.2.2 sport=70000 dport=2 src=2.2.2.2 dst=1.1.1.1 sport=2 dport=1",
		"ipv4 2 tcp 6 src=1.1.1.1 dst=2.2.2.2 src=2.2.2.2 dst=1.1.1.1 src=3.3.3.3 dst=1.1.1.1",
		"ipv4 2 tcp 6 99999999999 src=1.1.1.1 dst=2.2.2.2 src=2.2.2.2 dst=1.1.1.1",
		"ipv4 2 tcp 6 src=1.1.1.1 dst=2.2.2.2 src=2.2.2.2 dst=1.1.1.1 zone=70000",
	} {
		if e, err := Parse(line); err == nil || e != (Entry{}) {
			t.Errorf("%q: %+v, %v", line, e, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, l := range corpus.Lines(f, "conntrack-list/*") {
		f.Add(l)
	}
	f.Fuzz(func(t *testing.T, line string) {
		e, err := Parse(line)
		if err != nil && e != (Entry{}) {
			t.Errorf("%q: an error, and %+v", line, e)
		}
		if err == nil && (!e.Orig.Src.IsValid() || !e.Reply.Dst.IsValid() || e.Orig.Src.Addr().Is4() != e.Orig.Dst.Addr().Is4()) {
			t.Errorf("%q: %+v", line, e)
		}
	})
}
