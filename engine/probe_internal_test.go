package engine

import (
	"context"
	"errors"
	"testing"
)

// laterOVS refuses the names that ports of ct_tuple6 have up to Open vSwitch 3.5.
type laterOVS struct {
	Tracer
	reads string // the only flow that it reads
	asked int
}

func (l *laterOVS) Trace(_ context.Context, _, flow string) (string, error) {
	l.asked++
	if flow != l.reads {
		return "", errors.New("syntax error at " + flow + " (or the bridge name was omitted)")
	}
	return "Flow: tcp6\n\nbridge(\"br0\")\n-------------\n 0. priority 0\n    drop\n\nFinal flow: unchanged\nMegaflow: recirc_id=0\nDatapath actions: drop\n", nil
}

// TestLaterTuple6 checks that a refused IPv6 tuple is asked again with the later names of its ports.
func TestLaterTuple6(t *testing.T) {
	const before, after = "recirc_id(0x1),ct_state(0x30),ct_tuple6(src=fd00::1,dst=fd00::2,proto=6,", "),eth_type(0x86dd),tcp(src=1,dst=2)"
	ovs := &laterOVS{reads: before + "tp_src=1,tp_dst=2" + after}
	r := &run{engine: &Engine{OVS: ovs}}
	secs, err := r.sections(t.Context(), flowText{flow: before + "src_port=1,dst_port=2" + after})
	if err != nil || ovs.asked != 2 || len(secs) != 1 {
		t.Errorf("%d sections, error %v after %d requests", len(secs), err, ovs.asked)
	}
	// What is refused for another reason stays refused, once.
	ovs.asked = 0
	if _, err := r.sections(t.Context(), flowText{flow: "in_port=1,tcp,tp=1"}); err == nil || ovs.asked != 1 {
		t.Errorf("error %v after %d requests", err, ovs.asked)
	}
}
