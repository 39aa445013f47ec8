package pinctrl

import (
	"os"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ofreplay"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv/ofctl"
)

// captured returns the controller actions of the corpus.
func captured(t testing.TB) []string {
	t.Helper()
	var out []string
	for _, f := range testenv.Corpus(t, "testdata/userdata-*.txt") {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for l := range strings.Lines(string(b)) {
			if l = strings.TrimSpace(l); l != "" && l[0] != '#' {
				out = append(out, l)
			}
		}
	}
	return out
}

// TestCaptured decodes the controller actions of a real ovn-controller: each prints back to the
// same text and contains nothing opaque, and together they have the expected opcodes.
func TestCaptured(t *testing.T) {
	seen := map[Opcode]bool{}
	for _, text := range captured(t) {
		p, err := Decode(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := p.String(); got != text {
			t.Errorf("printed %s, read %s", got, text)
		}
		ofreplay.Walk(p.Nested, func(a ofreplay.Action) {
			if o, ok := a.(ofreplay.Opaque); ok {
				t.Errorf("%s: opaque: %s", text, o.Why)
			}
			if c, ok := a.(ofreplay.Controller); ok {
				seen[nestedPunt(c).Opcode] = true
			}
		})
		seen[p.Opcode] = true
	}
	for op := range numOpcodes {
		switch op {
		case OpSplitBufAction, OpDHCPRelayReqChk, OpDHCPRelayRespChk, OpPutICMP4InnerIP4Src: // newer than 23.03
			continue
		}
		if !seen[op] {
			t.Errorf("no %v in the corpus", op)
		}
	}
}

// TestNestedAgainstOVS compares the text of nested actions with ovs-ofctl's.
func TestNestedAgainstOVS(t *testing.T) {
	var lists [][]byte
	var ours []string
	for _, text := range captured(t) {
		p, err := Decode(text)
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Nested) > 0 {
			lists = append(lists, p.Args)
			ours = append(ours, ofreplay.Text(p.Nested))
		}
	}
	for i, want := range ofctl.ParseActions(t, "OpenFlow15", lists) {
		if ours[i] != want {
			t.Errorf("got  %s\nwant %s", ours[i], want)
		}
	}
}
