package replay

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/oftrace"
)

func call(flow, reply string) Call {
	return Call{Chassis: "hv1", Method: "ofproto/trace", Args: []string{"br-int", flow}, Reply: reply}
}

var recorded = []Call{
	{Chassis: "hv1", Method: "dpif/show"},
	call("in_port=1", "Datapath actions: ct(zone=1),recirc(0x5)\nDatapath actions: clone(recirc(0x6)),recirc(0x7)"),
	call("recirc_id=0x5,ct_state=trk", oftrace.ContextLost),
	call("in_port=1", "Datapath actions: ct(zone=1),recirc(0x8)\nDatapath actions: clone(recirc(0x9)),recirc(0xa)"),
	call("recirc_id=0xa,ct_state=trk", "Datapath actions: hash(l4(0)),recirc(0xb)"),
	call("recirc_id=0xb,dp_hash=1", "Datapath actions: 1"),
	call("recirc_id=0xb,dp_hash=2", "Datapath actions: 2"),
	call("recirc_id=0xb,dp_hash=1", "Datapath actions: 1"),
}

func TestPlan(t *testing.T) {
	steps, err := Plan(recorded)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range steps {
		got = append(got, fmt.Sprintf("%s parent %d ordinal %d, %d times", s.Args[1], s.Parent, s.Ordinal, s.Times))
	}
	want := []string{
		"in_port=1 parent -1 ordinal 0, 2 times",
		"recirc_id=0xa,ct_state=trk parent 0 ordinal 2, 1 times",
		"recirc_id=0xb,dp_hash=1 parent 1 ordinal 0, 2 times",
		"recirc_id=0xb,dp_hash=2 parent 1 ordinal 0, 1 times",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if _, err := Plan(recorded[4:]); err == nil {
		t.Error("a parent that was not recorded is no error")
	}
}

// vswitchd allocates new ids for every trace, which expire after some calls.
type vswitchd struct {
	id, calls int
	born      map[string]int
	life      int
}

func (v *vswitchd) trace(_ context.Context, _ Call, args []string) (string, error) {
	v.calls++
	if id := resumed(args); id != "" && v.calls-v.born[id] > v.life {
		return oftrace.ContextLost, nil
	}
	fresh := func() string {
		v.id++
		id := fmt.Sprintf("%#x", 0x100+v.id)
		v.born[id] = v.calls
		return id
	}
	switch {
	case args[1] == "in_port=1":
		return fmt.Sprintf("ct(zone=1),recirc(%s) clone(recirc(%s)),recirc(%s)", fresh(), fresh(), fresh()), nil
	case strings.HasSuffix(args[1], "ct_state=trk"):
		return fmt.Sprintf("hash(l4(0)),recirc(%s)", fresh()), nil
	}
	return "1", nil
}

func TestRunner(t *testing.T) {
	steps, err := Plan(recorded)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		life  int
		works bool
	}{{10, true}, {2, true}, {1, true}, {0, false}} {
		v := &vswitchd{born: map[string]int{}, life: c.life}
		r := &Runner{Steps: steps, Timed: v.trace, Quick: v.trace}
		took, err := r.Run(t.Context())
		if works := err == nil; works != c.works {
			t.Errorf("ids that live for %d calls: %v", c.life, err)
		}
		if err == nil && len(took) != len(steps) {
			t.Errorf("%d times for %d calls", len(took), len(steps))
		}
	}
	failing := errors.New("failing")
	r := &Runner{Steps: steps, Timed: func(context.Context, Call, []string) (string, error) { return "", failing }}
	if _, err := r.Run(t.Context()); !errors.Is(err, failing) {
		t.Errorf("got %v", err)
	}
}

func TestRecorder(t *testing.T) {
	real, dir := t.TempDir(), filepath.Join(t.TempDir(), "run")
	if err := os.WriteFile(filepath.Join(real, "ovs-vswitchd.pid"), []byte("77\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", filepath.Join(real, "ovs-vswitchd.77.ctl"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for _, reply := range []string{`{"id":0,"result":"text","error":null}`, `{"id":0,"result":null,"error":"no"}`} {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Read(make([]byte, 4096))
			c.Write([]byte(reply))
			c.Close()
		}
	}()
	var r Recorder
	if err := r.Stand(t.Context(), "hv1", real, dir); err != nil {
		t.Fatal(err)
	}
	socket, err := Socket(dir)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := Ask(t.Context(), socket, "version"); err != nil || out != "text" {
		t.Errorf("%q, %v", out, err)
	}
	if _, err := Ask(t.Context(), socket, "ofproto/trace", "br-int", "x"); err == nil || err.Error() != "ofproto/trace: no" {
		t.Errorf("got %v", err)
	}
	calls := r.Close()
	for i := range calls {
		if calls[i].Took <= 0 {
			t.Error("a call took no time")
		}
		calls[i].Took = 0
	}
	want := []Call{
		{Chassis: "hv1", Method: "version", Args: []string{}, Reply: "text"},
		{Chassis: "hv1", Method: "ofproto/trace", Args: []string{"br-int", "x"}, Reply: "no", Refused: true},
	}
	if len(calls) == 2 && calls[0].Args == nil {
		calls[0].Args = []string{}
	}
	if d := cmp.Diff(want, calls); d != "" {
		t.Error(d)
	}
}
