package probe

import (
	"strings"
	"testing"
)

// TestRecordingMissing: what is expected of a replay must be there.
func TestRecordingMissing(t *testing.T) {
	agree := []RPkt{{Label: "SYN", Frame: 1}, {Label: "SYN-ACK", Frame: 2}}
	differ := []RPkt{{Label: "SYN", Frame: 1, Differs: "frame 2 answers it; predicted: dropped on hv1: a rule"}}
	for _, c := range []struct {
		name    string
		rec     Recording
		packets []RPkt
		status  int
		want    string // in the first difference; empty: none
	}{
		{"agrees", Recording{}, agree, 0, ""},
		{"status", Recording{}, agree, 1, "exit status 1"},
		{"too few", Recording{}, agree[:1], 0, "1 packets of 2"},
		{"no frame", Recording{}, []RPkt{agree[0], {Label: "SYN-ACK"}}, 0, "SYN-ACK has no frame"},
		{"differs", Recording{}, differ, 1, "differs at"},
		{"differs as expected", Recording{Differs: "SYN", Says: "frame 2 answers it"}, differ, 1, ""},
		{"another packet", Recording{Differs: "ACK", Says: "frame 2 answers it"}, differ, 1, "not \"ACK: "},
		{"another reason", Recording{Differs: "SYN", Says: "the capture"}, differ, 1, "not \"SYN: the capture"},
		{"agrees, and should not", Recording{Differs: "SYN"}, agree, 0, "exit status 0"},
	} {
		got := strings.Join(c.rec.missing(&Prediction{Report: Report{Packets: c.packets}, Status: c.status}, make([]playedPacket, 2)), "; ")
		if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q", c.name, got)
		}
	}
}
