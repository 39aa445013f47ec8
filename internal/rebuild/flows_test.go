package rebuild

import (
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/pinctrl"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv/corpus"
)

func part(text string) *Part {
	return &Part{Name: "part", Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }}
}

// A dumped flow keeps its match and actions, and loses counters and timeouts.
func TestFlow(t *testing.T) {
	for line, want := range map[string]string{
		" cookie=0x8c72e14d, duration=155.834s, table=0, n_packets=0, n_bytes=0, priority=180,conj_id=100,in_port=15 actions=resubmit(,8)":                                  "cookie=0x8c72e14d,table=0,priority=180,conj_id=100,in_port=15 actions=resubmit(,8)",
		" cookie=0x0, duration=1s, table=8, n_packets=0, n_bytes=0, idle_timeout=60, hard_timeout=90, send_flow_rem priority=5,ip actions=learn(table=1,idle_timeout=7)":    "cookie=0x0,table=8,priority=5,ip actions=learn(table=1,idle_timeout=7)",
		" cookie=0x1, duration=158.292s, table=20, n_packets=9, n_bytes=9, idle_age=158, hard_age=3, priority=120,tcp,nw_dst=30.0.0.20,tp_dst=80 actions=group:1":           "cookie=0x1,table=20,priority=120,tcp,nw_dst=30.0.0.20,tp_dst=80 actions=group:1",
		" cookie=0x0, duration=1.5s, table=0, n_packets=0, n_bytes=0, idle_age=1, importance=4, reset_counts in_port=1 actions=drop":                                        "cookie=0x0,table=0,importance=4,in_port=1 actions=drop",
		" cookie=0x1, duration=1s, table=17, n_packets=0, n_bytes=0, priority=100,ip,metadata=0xa actions=set_field:46/0x3f->ip_dscp,set_field:0x2/0x3->reg1,resubmit(,18)": "cookie=0x1,table=17,priority=100,ip,metadata=0xa actions=set_field:46->ip_dscp,set_field:0x2/0x3->reg1,resubmit(,18)",
		" cookie=0x0, duration=1s, table=0, n_packets=0, n_bytes=0, actions=NORMAL":                                                                                         "cookie=0x0,table=0 actions=NORMAL",
		" cookie=0x0, duration=1s, table=0, n_packets=0, n_bytes=0, idle_timeout=3, idle_age=2, priority=1,tun_metadata0=0x2 actions=set_field:0x1->tun_metadata0,output:3": "cookie=0x0,table=0,priority=1,tun_metadata0=0x2 actions=set_field:0x1->tun_metadata0,output:3",
	} {
		if got, ok := flow(line); got != want || !ok {
			t.Errorf("%s:\n got %s, %v\nwant %s", line, got, ok, want)
		}
	}
	for _, line := range []string{"OFPST_FLOW reply (OF1.5) (xid=0x2):", "", "ovs-ofctl: br-int is not a bridge or a socket"} {
		if got, ok := flow(line); ok {
			t.Errorf("%q is the flow %q", line, got)
		}
	}
}

// Flows and groups name what they need; what is missing is invented, or sends packets to the table
// where they end as unknown.
func TestNeeds(t *testing.T) {
	n := newNeeds()
	for _, l := range []string{"table=0 actions=meter:7,group:1", "actions=clone(group:2),set_field:0x1->tun_metadata0", "actions=controller(meter_id=9)", "table=1 actions=group:3"} {
		n.look(l)
	}
	n.tables["253"] = true
	if got := [][]string{sorted(n.groups), sorted(n.meters), sorted(n.tlvs)}; !slices.EqualFunc(got, [][]string{{"1", "2", "3"}, {"7"}, {"0"}}, slices.Equal[[]string]) {
		t.Errorf("needs: %v", got)
	}
	dump := part("OFPST_GROUP_DESC reply (OF1.5) (xid=0x2):\n group_id=1,type=select,bucket=actions=meter:8,output:1\n group_id=2,type=select,bucket=actio")
	text, missing, err := groups(dump, n, n.spare())
	want := "group_id=1,type=select,bucket=actions=meter:8,output:1\ngroup_id=2,type=indirect,bucket=actions=resubmit(,252)\ngroup_id=3,type=indirect,bucket=actions=resubmit(,252)\n"
	if text != want || !slices.Equal(missing, []string{"2", "3"}) || err != nil {
		t.Errorf("groups: %q, %v, %v", text, missing, err)
	}
	list, missing, err := meters(part("OFPST_METER_CONFIG reply (OF1.5) (xid=0x2):\nmeter=7 kbps burst stats bands=\ntype=drop rate=5 burst_size=6\ntype=dscp_remark rate=9 prec_level=1\n"), n)
	if !slices.Equal(list, []string{"meter=7,kbps,burst,stats,bands=type=drop,rate=5,burst_size=6,type=dscp_remark,rate=9,prec_level=1", "meter=8,pktps,bands=type=drop,rate=4294967295"}) ||
		!slices.Equal(missing, []string{"8"}) || err != nil {
		t.Errorf("meters: %q, %v, %v", list, missing, err)
	}
	for dump, want := range map[string]string{
		"NXT_TLV_TABLE_REPLY (xid=0x2):\n max option space=256 max fields=64\n\n mapping table:\n  class  type  length  match field\n ------\n  0x102  0x80       4  tun_metadata0\n  0xffff  0x1       8  tun_metadata3\n": "{class=0x102,type=0x80,len=4}->tun_metadata0 {class=0xffff,type=0x1,len=8}->tun_metadata3 false",
		"NXT_TLV_TABLE_REPLY (xid=0x2):\n": geneveOption + " true",
	} {
		list, invented, err := tlvs(part(dump), n)
		if got := strings.Join(list, " ") + map[bool]string{true: " true", false: " false"}[invented]; got != want || err != nil {
			t.Errorf("tlvs: %s, %v, want %s", got, err, want)
		}
	}
}

// Actions that depend on something unknown end a packet, and nothing else changes.
func TestUndecided(t *testing.T) {
	file := t.TempDir() + "/flows"
	p := part(" cookie=0x1, table=3, priority=1 actions=bundle(eth_src,0,active_backup,ofport,members:1,2)\n cookie=0x2, table=4, priority=1 actions=drop\n cut")
	n, err := writeFlows(p, file, func(_, actions string) string {
		if strings.Contains(actions, "bundle") {
			return "why"
		}
		return ""
	})
	if err != nil || !slices.Equal(sorted(n.tables), []string{"3", "4"}) {
		t.Fatal(n, err)
	}
	var got []string
	if err := lines(&Part{Open: opener(file)}, func(l string) error { got = append(got, l); return nil }); err != nil {
		t.Fatal(err)
	}
	if want := []string{"cookie=0x1,table=3,priority=1 actions=" + pinctrl.NotCollected("why"), "cookie=0x2,table=4,priority=1 actions=drop"}; !slices.Equal(got, want) {
		t.Errorf("flows: %q", got)
	}
}

// Real flows are restored as they were: what Open vSwitch dumps of the rebuilt table is what was
// dumped, but for counters and timeouts.
func TestRestored(t *testing.T) {
	tools(t)
	r := open(t, Options{})
	s, err := r.Switch(t.Context(), "hv1", "")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Vsctl(t.Context(), "add-br", "br-int", "--", "set", "bridge", "br-int", "fail-mode=secure", "protocols=OpenFlow10,OpenFlow13,OpenFlow15"); err != nil {
		t.Fatal(err)
	}
	flows, dumped := text(t, "flows/dump-flows-hv1-ovs3.1.0.txt"), text(t, "flows/dump-groups-hv1-ovs3.1.0.txt")
	file := s.RunDir + "/flows"
	n, err := writeFlows(part(flows), file, func(string, string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	b := &builder{room: r, sw: s, host: &Host{}, out: &Chassis{}}
	if err := b.refs(t.Context(), &bridge{name: "br-int"}, &Bridge{Groups: part(dumped)}, n, file); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Ofctl(t.Context(), openFlow, "--bundle", "replace-flows", "br-int", file); err != nil {
		t.Fatal(err)
	}
	again, err := s.Ofctl(t.Context(), "-OOpenFlow10", "dump-flows", "br-int")
	if err != nil {
		t.Fatal(err)
	}
	want, got := cleaned(flows), cleaned(again)
	if len(want) < 500 || !slices.Equal(want, got) {
		for i := range min(len(want), len(got)) {
			if want[i] != got[i] {
				t.Fatalf("of %d and %d flows:\n got %s\nwant %s", len(got), len(want), got[i], want[i])
			}
		}
		t.Fatalf("%d flows, want %d", len(got), len(want))
	}
}

// text returns a capture.
func text(t *testing.T, name string) string {
	t.Helper()
	var b strings.Builder
	for _, c := range corpus.Load(t, name) {
		b.WriteString(strings.TrimSuffix(c.Text, "\n") + "\n")
	}
	return b.String()
}

// cleaned returns the flows of a dump, sorted.
func cleaned(dump string) (out []string) {
	for line := range strings.Lines(dump) {
		if f, ok := flow(strings.TrimSuffix(line, "\n")); ok && !strings.Contains(f, pinctrl.NotCollected("")[:40]) {
			out = append(out, strings.ReplaceAll(f, "dec_ttl()", "dec_ttl"))
		}
	}
	slices.Sort(out)
	return out
}

func opener(file string) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return os.Open(file) }
}

// FuzzFlow: a line that is read has no counters any more, and reading it again changes nothing.
func FuzzFlow(f *testing.F) {
	for _, l := range corpus.Lines(f, "flows/dump-flows-hv2-ovs3.1.0.txt") {
		f.Add(l)
	}
	f.Fuzz(func(t *testing.T, line string) {
		if out, ok := flow(line); ok {
			match, _, _ := strings.Cut(out, " actions=")
			if strings.HasPrefix(match, "n_packets=") {
				t.Errorf("%q becomes %q", line, out)
			}
			newNeeds().look(out)
		}
	})
}
