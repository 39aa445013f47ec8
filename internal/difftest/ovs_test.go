package main

import (
	"io"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv"
)

func userspaceRun(t *testing.T, as *ctstate.Release, steps int) (*ovsDiffer, string) {
	t.Helper()
	for _, tool := range []string{"ovs-vswitchd", "ovsdb-server", "ovsdb-tool", "ovs-vsctl", "ovs-ofctl"} {
		testenv.Tool(t, tool)
	}
	var out strings.Builder
	d := &ovsDiffer{tally: tally{seed: 1, show: 2, out: &out, kinds: make(map[string]int)}, perZone: 10, as: as}
	compareAll(t.Context(), d, steps, false, io.Discard, &out)
	return d, out.String()
}

// TestUserspace checks that a short comparison finds no disagreement, and that one with the model
// of another release does.
func TestUserspace(t *testing.T) {
	d, out := userspaceRun(t, nil, 400)
	if d.steps < 400 || d.wrong > 0 {
		t.Errorf("%d steps, %d disagreements\n%s", d.steps, d.wrong, out)
	}
	wrong := &ctstate.Release{} // the newest
	if d.v.release.AtLeast(3, 3) {
		wrong = &ctstate.Release{Major: 3, Minor: 1}
	}
	if d, out := userspaceRun(t, wrong, 2000); d.wrong == 0 {
		t.Errorf("a wrong model was not noticed in %d steps\n%s", d.steps, out)
	}
}

func TestProgramText(t *testing.T) {
	n := &ctstate.NAT{Dst: true, MinAddr: v4(20 << 24), MaxAddr: v4(20<<24 + 3), MinPort: 5, MaxPort: 9, Random: true}
	p := program{zone: 1, one: true, ops: []op{
		{act: ctstate.Action{Zone: 1, NAT: &ctstate.NAT{}}, pause: true},
		{clear: true},
		{act: ctstate.Action{Zone: 2, Commit: true, Force: true, NAT: n, Mark: 1, MarkMask: 3}, pause: true},
	}}
	text := flowText([]program{p})
	for _, want := range []string{
		"table=0,ip,dl_dst=02:00:00:00:00:00 actions=ct(zone=1,nat,table=1)\n",
		"table=1,ip,dl_dst=02:00:00:00:00:00 actions=move:NXM_NX_CT_STATE[0..7]->NXM_NX_REG0[0..7],ct_clear," +
			"ct(zone=2,commit,force,nat(dst=20.0.0.0-20.0.0.3:5-9,random),exec(set_field:0x1/0x3->ct_mark),table=100)\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}
