package replica

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/pinctrl"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/rebuild"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv"
)

// besideLab is a switch that stands for a live chassis, and one that stands for its copy.
type besideLab struct {
	t          *testing.T
	live, copy *rebuild.Switch
	replica    *Replica
	node       *node.Service
}

// The flows that a copy is tried with: one that learns, as OVN's do, and what it has taught.
const (
	learner = "table=17,priority=100,cookie=0x17,tcp,metadata=0xf,actions=learn(table=76,idle_timeout=20,hard_timeout=30,delete_learned,cookie=0x17,OXM_OF_METADATA[],eth_type=0x800,NXM_OF_IP_SRC[],nw_proto=6,load:0x1->NXM_NX_REG10[13])"
	taught  = "table=76,cookie=0x17,idle_timeout=500,hard_timeout=600,tcp,metadata=0xf,nw_src=10.0.0.3,actions=load:0x1->NXM_NX_REG10[13]"
)

func newBesideLab(t *testing.T) *besideLab {
	t.Helper()
	for _, tool := range []string{"ovs-vswitchd", "ovsdb-server", "ovs-vsctl", "ovs-ofctl"} {
		testenv.Tool(t, tool)
	}
	room, err := rebuild.Open(rebuild.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { room.Close() })
	l := &besideLab{t: t}
	for name, s := range map[string]**rebuild.Switch{"live": &l.live, "copy": &l.copy} {
		if *s, err = room.Switch(t.Context(), name, ""); err != nil {
			t.Fatal(err)
		}
		for _, br := range []string{"br-int", "br-ex"} {
			l.vsctl(*s, "add-br", br, "--", "set", "Bridge", br, "datapath_type=dummy")
		}
		l.vsctl(*s, "set-fail-mode", "br-int", "secure")
	}
	l.vsctl(l.live, "set", "Open_vSwitch", ".", "external_ids:system-id=hv1", "external_ids:ovn-remote=tcp:192.0.2.1:6642", "external_ids:ovn-bridge-mappings=physnet1:br-ex")
	l.port(l.live, "wire", 1)
	l.port(l.live, "patch", 2)
	l.port(l.copy, "wire", 5)
	l.port(l.copy, "patch", 1)
	l.node = node.NewService(node.Options{RunDir: l.live.RunDir, OVNRunDir: t.TempDir(), DB: l.live.DB.Remote})
	t.Cleanup(func() { l.node.Close(context.Background()) })
	l.replica = &Replica{room: room, chassis: map[string]*chassis{"hv1": {name: "hv1", bridge: "br-int", sw: l.copy}}}
	return l
}

func (l *besideLab) vsctl(s *rebuild.Switch, args ...string) {
	l.t.Helper()
	if err := s.Vsctl(l.t.Context(), args...); err != nil {
		l.t.Fatal(err)
	}
}

// port adds a port of br-ex.
func (l *besideLab) port(s *rebuild.Switch, name string, number int) {
	l.t.Helper()
	l.vsctl(s, "add-port", "br-ex", name, "--", "set", "Interface", name, "type=dummy", fmt.Sprintf("ofport_request=%d", number))
}

func (l *besideLab) ofctl(s *rebuild.Switch, args ...string) string {
	l.t.Helper()
	out, err := s.Ofctl(l.t.Context(), append([]string{"-OOpenFlow15"}, args...)...)
	if err != nil {
		l.t.Fatal(err)
	}
	return out
}

func (l *besideLab) add(s *rebuild.Switch, bridge string, flows ...string) {
	l.t.Helper()
	if err := s.AddFlows(l.t.Context(), bridge, flows); err != nil {
		l.t.Fatal(err)
	}
}

// flows returns the flows of a bridge of the copy, without ages.
func (l *besideLab) flows(bridge string) (out []string) {
	l.t.Helper()
	for line := range strings.Lines(l.ofctl(l.copy, "--no-stats", "dump-flows", bridge)) {
		if strings.Contains(line, "actions=") {
			out = append(out, strings.TrimSpace(line))
		}
	}
	slices.Sort(out)
	return out
}

// take takes the flows of the live switch over, and returns the notes.
func (l *besideLab) take(n node.Node) []string {
	l.t.Helper()
	info, err := l.node.Info(l.t.Context())
	if err != nil {
		l.t.Fatal(err)
	}
	notes, err := l.replica.TakeFlows(l.t.Context(), "hv1", info, n)
	if err != nil {
		l.t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(l.replica.room.Dir, "hv1-flows*")); len(left) > 0 {
		l.t.Errorf("%q are left", left)
	}
	return notes
}

// A learned flow is taken over without its timeouts, and goes when the flow that taught it does.
func TestTakeLearned(t *testing.T) {
	l := newBesideLab(t)
	l.add(l.live, "br-int", learner, taught, "table=75,actions=drop")
	l.add(l.copy, "br-int", learner)
	if notes := l.take(l.node); len(notes) > 0 {
		t.Errorf("notes: %q", notes)
	}
	got := l.flows("br-int")
	want := "cookie=0x17, table=76, tcp,metadata=0xf,nw_src=10.0.0.3 actions=set_field:0x2000/0x2000->reg10"
	if len(got) != 2 || !slices.Contains(got, want) {
		t.Errorf("the copy has %q, want %s", got, want)
	}
	l.ofctl(l.copy, "del-flows", "br-int", "table=17")
	if got := l.flows("br-int"); len(got) > 0 {
		t.Errorf("without the flow that taught it: %q", got)
	}
}

// Where it is not known what a table has learned, a packet that it may be about is unknown, until
// what may have taught the table goes.
func TestTakeLearnedUnknown(t *testing.T) {
	l := newBesideLab(t)
	l.add(l.live, "br-int", strings.Replace(learner, "REG10[13]", "REG10[12]", 1), taught)
	l.add(l.copy, "br-int", learner)
	for _, c := range []struct {
		n    node.Node
		want string
	}{
		{l.node, "learns as the copy's does"},
		{struct{ node.Node }{l.node}, "too old to be asked for flows"},
		{refusing{l.node}, "it has 9 flows, more than the 8"},
	} {
		notes := l.take(c.n)
		if i := slices.IndexFunc(notes, func(s string) bool { return strings.Contains(s, "table 76") }); i < 0 || !strings.Contains(notes[i], c.want) {
			t.Errorf("notes %q, want %s", notes, c.want)
		}
		got := l.flows("br-int")
		if len(got) != 2 || !strings.HasPrefix(got[1], "cookie=0x17, table=76, priority=32767,tcp,metadata=0xf actions=controller(") || !strings.Contains(pinctrl.Lacking(got[1]), c.want) {
			t.Errorf("%s: the copy has %q", c.want, got)
		}
		l.ofctl(l.copy, "del-flows", "br-int", "table=17")
		if got := l.flows("br-int"); len(got) > 0 {
			t.Errorf("without the flow that may have taught it: %q", got)
		}
		l.add(l.copy, "br-int", learner)
	}
}

// refusing is a node that finds too many flows.
type refusing struct{ *node.Service }

func (refusing) Flows(_ context.Context, req node.FlowsRequest, yield func([]node.Chunk) error) (*node.Collected, error) {
	var chunks []node.Chunk
	end := &node.FileEnd{Error: (&node.TooManyFlowsError{Count: 9, Limit: 8}).Error()}
	for _, o := range req.Of {
		chunks = append(chunks, node.Chunk{File: node.FlowsFile(req.Bridge, o), End: end})
	}
	if len(chunks) == 0 {
		chunks = append(chunks, node.Chunk{File: node.FlowsFile(req.Bridge), End: end})
	}
	return &node.Collected{}, yield(chunks)
}

// A provider bridge's flows are taken over under its own port numbers, with the groups that they
// refer to; a flow that sends to a port which the copy lacks is unknown.
func TestTakeProvider(t *testing.T) {
	l := newBesideLab(t)
	l.port(l.live, "other", 7)
	if notes := l.take(l.node); len(notes) > 0 {
		t.Errorf("of a bridge that only switches: %q", notes)
	}
	if got := l.flows("br-ex"); len(got) != 1 || !strings.HasSuffix(got[0], "actions=NORMAL") {
		t.Errorf("a bridge that only switches: %q", got)
	}
	l.ofctl(l.live, "add-group", "br-ex", "group_id=3,type=all,bucket=output:1")
	l.ofctl(l.live, "del-flows", "br-ex")
	l.add(l.live, "br-ex", "priority=9,in_port=2,ip,actions=output:1", "priority=8,in_port=1,actions=group:3", "priority=7,udp,actions=output:7",
		"priority=6,tcp,actions=output:NXM_NX_REG0[]", "priority=5,arp,idle_timeout=900,actions=NORMAL")
	notes := l.take(l.node)
	if len(notes) != 1 || !strings.Contains(notes[0], "hv1: the copy of br-ex lacks its ports other") {
		t.Errorf("notes: %q", notes)
	}
	numbers, err := l.copy.Numbered(t.Context())
	if err != nil || numbers["wire"] != 1 || numbers["patch"] != 2 {
		t.Errorf("port numbers %v, %v", numbers, err)
	}
	got := l.flows("br-ex")
	if len(got) != 5 {
		t.Fatalf("the copy has %q", got)
	}
	for i, want := range []string{"priority=5,arp actions=NORMAL", "priority=6,tcp actions=controller(", "priority=7,udp actions=controller(",
		"priority=8,in_port=1 actions=group:3", "priority=9,ip,in_port=2 actions=output:1"} {
		if !strings.Contains(got[i], want) {
			t.Errorf("flow %q, want %s", got[i], want)
		}
	}
	if why := pinctrl.Lacking(got[2]); why != "a flow of br-ex sends to its port other, which is not copied" {
		t.Errorf("why: %q", why)
	}
	if text := l.ofctl(l.copy, "dump-groups", "br-ex"); !strings.Contains(text, "group_id=3") {
		t.Errorf("groups: %s", text)
	}

	notes = l.take(struct{ node.Node }{l.node})
	if len(notes) != 2 || !strings.Contains(notes[0], "the flows of br-ex are not known: the tool there is too old") {
		t.Errorf("of an older node: %q", notes)
	}
	if got := l.flows("br-ex"); len(got) < 250 || pinctrl.Lacking(got[0]) == "" {
		t.Errorf("of an older node: %d flows, %q", len(got), got[:min(len(got), 1)])
	}
}

// A node cannot fill the disk.
func TestFilesBounded(t *testing.T) {
	w := &files{dir: t.TempDir(), left: 5, out: map[string]*rebuild.Part{}}
	if err := w.take([]node.Chunk{{File: "a", Data: []byte("abc"), End: &node.FileEnd{}}, {File: "b", Data: []byte("ab")}}); err != nil {
		t.Fatal(err)
	}
	if err := w.take([]node.Chunk{{File: "b", Data: []byte("c")}}); err == nil {
		t.Error("more than the bound is taken")
	}
	w.drop()
	if text, err := os.ReadFile(w.out["a"].Path); err != nil || string(text) != "abc" || part(w.out, "b").Lacks() == "" {
		t.Errorf("%q, %v", text, err)
	}
}
