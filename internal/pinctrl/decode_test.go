package pinctrl

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv"
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

// TestCaptured decodes what a real ovn-controller installed: it prints back to the same
// text, leaves nothing opaque, and covers the opcodes that the corpus is known to have.
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
		Walk(p.Nested, func(a Action) {
			if o, ok := a.(Opaque); ok {
				t.Errorf("%s: opaque: %s", text, o.Why)
			}
			if c, ok := a.(Controller); ok {
				seen[c.Punt.Opcode] = true
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

// ovsActions asks ovs-ofctl to print encoded actions.
func ovsActions(t *testing.T, version string, lists [][]byte) []string {
	t.Helper()
	tool := testenv.Tool(t, "ovs-ofctl")
	var in bytes.Buffer
	for _, b := range lists {
		fmt.Fprintln(&in, hex.EncodeToString(b))
	}
	cmd := exec.Command(tool, "parse-actions", version)
	cmd.Stdin = &in
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range strings.Split(strings.TrimSpace(string(out)), "\n\n") {
		// Lines that follow tell where encoding it again differs.
		l, _, _ = strings.Cut(strings.TrimSpace(l), "\n")
		got = append(got, strings.TrimPrefix(l, "actions="))
	}
	if len(got) != len(lists) {
		t.Fatalf("ovs-ofctl printed %d lists of %d:\n%s", len(got), len(lists), out)
	}
	return got
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
			ours = append(ours, Text(p.Nested))
		}
	}
	for i, want := range ovsActions(t, "OpenFlow15", lists) {
		if ours[i] != want {
			t.Errorf("got  %s\nwant %s", ours[i], want)
		}
	}
}
