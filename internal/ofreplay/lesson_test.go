package ofreplay

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/oftrace"
)

// lessons replays a trace whose first table runs lines; table 8 behind it has no actions.
func lessons(t *testing.T, flow string, start Start, lines ...string) []Lesson {
	t.Helper()
	text := "Flow: " + flow + "\n\nbridge(\"br0\")\n-------------\n 0. priority 32768\n    " + strings.Join(lines, "\n    ") +
		"\n\nFinal flow: unchanged\nMegaflow: recirc_id=0\nDatapath actions: drop\n"
	tr, err := oftrace.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return Follow(tr.Sections[0], start).Lessons
}

// A lesson contains Open vSwitch's defaults for the parts that learn() omits, and the packet at
// that place: with the changes of the tables before it, and without those of a clone.
func TestLessons(t *testing.T) {
	const (
		flow = "ct_state=new|trk,metadata=0x5,tcp,nw_src=10.0.0.3"
		rest = "dl_src=00:00:00:00:00:00,dl_dst=00:00:00:00:00:00,tcp,nw_src=10.0.0.3,nw_tos=0,nw_ecn=0,nw_ttl=0,tcp_src=0,tcp_dst=0,tcp_flags=0"
	)
	for _, c := range []struct {
		lines []string
		want  []Lesson
	}{
		{[]string{"set_field:0x80->reg10", "move:NXM_NX_REG10[]->NXM_NX_REG9[]", "-> NXM_NX_REG9[] is now 0x80", "learn(table=69,delete_learned,NXM_OF_IP_SRC[])"},
			[]Lesson{{"br0", 69, 32768, []string{"table=69", "delete_learned", "NXM_OF_IP_SRC[]"}, "reg9=0x80,reg10=0x80,metadata=0x5,ct_state=new|trk," + rest}}},
		{[]string{"resubmit(,8)", " 8. priority 32768", "        set_field:0x7->reg2", "learn(NXM_OF_IP_SRC[],priority=7)"},
			[]Lesson{{"br0", 1, 7, []string{"NXM_OF_IP_SRC[]", "priority=7"}, "reg2=0x7,metadata=0x5,ct_state=new|trk," + rest}}},
		// Like gr0's flow in lr_in_ecmp_stateful: a ct() changes the entry and not the packet,
		// which goes on untracked.
		{[]string{
			"ct(commit,zone=NXM_NX_REG11[0..15],nat(src),exec(move:NXM_OF_ETH_SRC[]->NXM_NX_CT_LABEL[32..79],set_field:0x10000/0xffff0000->ct_mark))",
			"nat(src)", "move:NXM_OF_ETH_SRC[]->NXM_NX_CT_LABEL[32..79]", " -> NXM_NX_CT_LABEL[32..79] is now 0x525400ee0003", "set_field:0x10000/0xffff0000->ct_mark",
			" -> Sets the packet to an untracked state, and clears all the conntrack fields.", "clone(set_field:0x9->reg1)", "set_field:0x9->reg1",
			"learn(table=76)", " >> suppressing side effects, so learn action ignored", "set_field:0x7->reg2", "learn(table=77)"},
			[]Lesson{{"br0", 76, 32768, []string{"table=76"}, "metadata=0x5," + rest}, {"br0", 77, 32768, []string{"table=77"}, "reg2=0x7,metadata=0x5," + rest}}},
		// The packet is unknown after an action that is not followed, and after a learn() that
		// stores whether its limit was reached.
		{[]string{"frobnicate:1", "learn(table=69)"}, []Lesson{{"br0", 69, 32768, []string{"table=69"}, ""}}},
		{[]string{"learn(table=1,limit=4,result_dst=NXM_NX_REG0[0])", "learn(table=69)"},
			[]Lesson{{"br0", 1, 32768, []string{"table=1", "limit=4", "result_dst=NXM_NX_REG0[0]"}, "metadata=0x5,ct_state=new|trk," + rest},
				{"br0", 69, 32768, []string{"table=69"}, ""}}},
	} {
		if d := cmp.Diff(c.want, lessons(t, flow, Start{}, c.lines...)); d != "" {
			t.Errorf("%s: -want +got\n%s", c.lines, d)
		}
	}
	// A section whose packet is unknown still has its lesson.
	for flow, start := range map[string]Start{flow: {Lost: "nobody knows"}, "tcp,nw_src=ten": {}} {
		if got, want := fmt.Sprint(lessons(t, flow, start, "learn(table=69)")), "[{br0 69 32768 [table=69] }]"; got != want {
			t.Errorf("%s, lost %q: %s, want %s", flow, start.Lost, got, want)
		}
	}
}
