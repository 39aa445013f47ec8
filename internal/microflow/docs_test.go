package microflow

import (
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
)

// vm1, vm2 and the next hop are those of docs/microflow.md.
func vm1() Endpoint {
	return Endpoint{Port: "vm1", MAC: packet.MAC{0x0a, 0, 0, 0, 0, 1},
		Addrs: []netip.Addr{netip.MustParseAddr("10.0.0.3"), netip.MustParseAddr("fd00::3")}}
}

func vm2() Endpoint {
	return Endpoint{Port: "vm2", MAC: packet.MAC{0x0a, 0, 0, 0, 0, 2},
		Addrs: []netip.Addr{netip.MustParseAddr("10.0.0.5"), netip.MustParseAddr("fd00::5")}}
}

var hop = packet.MAC{0x0a, 0, 0, 0, 0, 0xfe}

// made runs the whole way from a command line's words to a packet.
func made(line string) (Microflow, error) {
	from, to := vm1(), Destination{}
	if rest, ok := strings.CutPrefix(line, "--from vm1"); ok {
		line = strings.TrimSpace(rest)
	}
	if rest, ok := strings.CutPrefix(line, "--to "); ok {
		word, rest, _ := strings.Cut(rest, " ")
		t, err := ParseTarget(word)
		if err != nil {
			return Microflow{}, err
		}
		to.Target, line = t, rest
		if t.Kind != TargetIP {
			to.Endpoint = vm2()
		}
	}
	mf, err := Microflow{}, error(nil)
	switch {
	case strings.HasPrefix(line, "--of-flow "):
		mf, err = FromOpenFlow(line[len("--of-flow "):])
	case strings.HasPrefix(line, "--packet "):
		mf, err = FromHex(line[len("--packet "):])
	case line != "":
		mf, err = Parse(line, Options{Symbols: names{}, Family: Family(from, to)})
	}
	if err == nil {
		err = Fill(&mf, from, to, FillOptions{NextHop: hop})
	}
	return mf, err
}

func TestDocs(t *testing.T) {
	text, err := os.ReadFile("../../docs/microflow.md")
	if err != nil {
		t.Fatal(err)
	}
	inside, example, n := false, "", 0
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		switch want, isAnswer := strings.CutPrefix(line, "=> "); {
		case strings.HasPrefix(line, "```"):
			inside = line == "```examples"
		case inside && isAnswer:
			mf, err := made(example)
			got := mf.Packet.String()
			if err != nil {
				got = err.Error()
			}
			if got != want {
				t.Errorf("%s\n got %s\nwant %s", example, got, want)
			}
			n++
		case inside:
			example = line
		}
	}
	if n < 20 {
		t.Errorf("only %d examples ran", n)
	}
}
