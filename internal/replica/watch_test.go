package replica

import "testing"

// What ovs-vswitchd says of changed flows selects the look-ups that may meet one.
func TestWatch(t *testing.T) {
	ctx := t.Context()
	room, c := newSwitch(t, "ovs-ofctl")
	if err := c.sw.Vsctl(ctx, "add-br", "br-int", "--", "set", "Bridge", "br-int", "datapath_type=dummy"); err != nil {
		t.Fatal(err)
	}
	ofctl := func(args ...string) {
		t.Helper()
		if _, err := c.sw.Ofctl(ctx, args...); err != nil {
			t.Fatal(err)
		}
	}
	ofctl("add-flow", "br-int", "table=8,priority=5,metadata=0x5,ip,actions=drop")
	ofctl("add-flow", "br-int", "table=9,metadata=0x5,actions=resubmit(,10)")
	ofctl("add-flow", "br-int", "table=11,metadata=0x5,actions=resubmit(,12)")
	r := &Replica{room: room, chassis: map[string]*chassis{"hv1": c}}
	if err := r.Watch(ctx); err != nil {
		t.Fatal(err)
	}
	ofctl("del-flows", "br-int", "table=8,metadata=0x5")
	ofctl("mod-flows", "br-int", "table=9,metadata=0x5,actions=drop")
	ofctl("--bundle", "add-flow", "br-int", "table=10,conj_id=7,metadata=0x6,actions=note:6d.65.74.61.64.61.74.61.3d.30.78.35")
	ofctl("add-flow", "br-int", "table=65,metadata=0x4/0x4,actions=drop")
	ofctl("add-flow", "br-int", "table=0,priority=3,in_port=1,actions=drop")
	changes := r.Watched(ctx)["hv1"]
	if changes == nil {
		t.Fatal("the changes are not known")
	}
	for _, c := range []struct {
		table    int
		metadata uint64
		want     bool
	}{
		{8, 5, true}, {8, 6, false}, {8, 0, true}, // removed
		{9, 5, true}, {9, 6, false}, // modified
		{10, 6, true}, {10, 5, false}, // added
		{11, 5, false}, {11, 0, false}, {12, 0, false}, // as before
		{65, 1, true}, {0, 1, true}, // for any datapath
	} {
		if got := changes.Meets(c.table, c.metadata); got != c.want {
			t.Errorf("table %d, metadata %d: %v", c.table, c.metadata, got)
		}
	}
}

func TestParseFlowChanges(t *testing.T) {
	const reply = "NXST_FLOW_MONITOR reply (xid=0x0):\n"
	for _, c := range []struct {
		name, log string
		ok        bool
	}{
		{"none", "", true},
		{"the first reply and a barrier", "NXST_FLOW_MONITOR reply (xid=0x6):\n\nOFPT_BARRIER_REPLY (OF1.3) (xid=0x9):\n", true},
		{"later protocols", "OFPST_FLOW_MONITOR reply (OF1.4) (xid=0x0):\n event=ADDED table=8 cookie=0 ip,metadata=0x6\n", true},
		{"a removed flow", reply + " event=DELETED reason=delete table=8 cookie=0x77 ip,metadata=0x5\n", true},
		{"a change of one's own", reply + " event=ABBREV xid=0x2\n", false},
		{"a probe of the connection", reply + " event=ADDED table=8 cookie=0 ip\nOFPT_ECHO_REQUEST (xid=0x0): 0 bytes of payload\n", true},
		{"a port that goes down", "OFPT_PORT_STATUS (xid=0x0): MOD: 1(p): addr:aa:55:aa:55:00:01\n", false},
		{"a pause", "NXT_FLOW_MONITOR_PAUSED (xid=0x0):\n", false},
		{"an error", "ovs-ofctl: br-int: connection dropped\n", false},
		{"a table that is none", reply + " event=ADDED table=ls_in cookie=0 ip\n", false},
		{"no table", reply + " event=ADDED cookie=0 ip\n", false},
		{"metadata that is no number", reply + " event=ADDED table=1 cookie=0 metadata=x\n", false},
	} {
		if _, ok := ParseFlowChanges(c.log); ok != c.ok {
			t.Errorf("%s: %v", c.name, ok)
		}
	}
}

func FuzzParseFlowChanges(f *testing.F) {
	f.Add("NXST_FLOW_MONITOR reply (xid=0x0):\n event=MODIFIED table=8 cookie=0 ip,metadata=0x6 actions=resubmit(,9)\n")
	f.Add(" event=DELETED reason=delete table=254 cookie=0x77 metadata=0x5/0xff\n")
	f.Fuzz(func(t *testing.T, log string) {
		out, ok := ParseFlowChanges(log)
		if (out != nil) != ok {
			t.Fatal("changes without an answer")
		}
		if ok {
			for table := range out.tables {
				if table < 0 || table > 255 || !out.Meets(table, 0) {
					t.Fatalf("table %d", table)
				}
			}
		}
	})
}
