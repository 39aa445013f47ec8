package engine_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
)

func tuple(t *testing.T, text string) ctstate.Tuple {
	t.Helper()
	v, err := ctstate.ParseTuple(text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func query() packet.Packet {
	p := syn()
	p.Proto, p.DstPort, p.TCPFlags = packet.ProtoUDP, 53, 0
	return p
}

// read returns an entry as the userspace table lists it.
func read(t *testing.T, zone uint16, orig, reply string) ctstate.Entry {
	return ctstate.Entry{Zone: zone, Orig: tuple(t, orig), Reply: tuple(t, reply), Timeout: 20, HasTimeout: true, Source: ctstate.FromUserspace}
}

const (
	asked   = "udp 10.0.0.1:1000>10.0.0.2:53"
	replied = "udp 10.0.0.2:53>10.0.0.1:1000"
)

// outcomes returns each outcome as "choice, choice: ends".
func outcomes(r *engine.Result) []string {
	var out []string
	for _, o := range r.Outcomes {
		var list []string
		for _, c := range o.Choices {
			list = append(list, string(c.Kind)+" "+c.Chosen)
		}
		out = append(out, strings.Join(list, ", ")+": "+strings.Join(ends(o), "; "))
	}
	return out
}

// State that the userspace table does not export leads to alternatives only if a flow matches it.
func TestUserspaceAlternatives(t *testing.T) {
	for _, c := range []struct {
		name  string
		flows string
		reply bool
		want  []string // outcomes, each by its beginning and end
		steps int      // ct() steps reported
		calls int      // requests to ovs-vswitchd: what is asked to compare answers is not asked again
	}{
		{"answered or not comes to the same", `
			table=0,ip,actions=ct(zone=7,table=1)
			table=1,ct_state=+new+trk,ip,actions=2
			table=1,ct_state=+est+trk,ip,actions=2`, false, []string{": output p2"}, 1, 3},
		{"answered or not decides", `
			table=0,ip,actions=ct(zone=7,table=1)
			table=1,ct_state=+new+trk,ip,actions=3
			table=1,ct_state=+est+trk,ip,actions=2`, false,
			[]string{"ct-answered answered in zone 7: output p2", "ct-answered not answered yet in zone 7: output p3"}, 2, 3},
		{"two zones", `
			table=0,ip,actions=ct(zone=7,table=1)
			table=1,ct_state=+new+trk,ip,actions=ct(zone=8,table=2)
			table=1,ct_state=+est+trk,ip,actions=ct(zone=8,table=2)
			table=2,ct_state=+new+trk,ip,actions=3
			table=2,ct_state=+est+trk,ip,actions=2`, false,
			[]string{"ct-answered answered in zone 8: output p2", "ct-answered not answered yet in zone 8: output p3"}, 3, 7},
		{"no flow looks at the translation's bits", `
			table=0,ip,actions=ct(zone=7,nat,table=1)
			table=1,ct_state=+rpl+trk,ip,actions=2`, true, []string{": output p2"}, 1, 2},
		{"a flow looks at one of them", `
			table=0,ip,actions=ct(zone=7,nat,table=1)
			table=1,priority=2,ct_state=+rpl+dnat+trk,ip,actions=3
			table=1,priority=1,ct_state=+rpl+trk,ip,actions=2`, true,
			[]string{"ct-nat committed with nat(src) in zone 7: output p3", "ct-nat committed with nat(dst) in zone 7 or committed without nat in zone 7: output p2"}, 2, 5},
		{"the bits are looked at later", `
			table=0,ip,actions=ct(zone=7,nat,table=1)
			table=1,ip,actions=ct(zone=7,table=2)
			table=2,priority=2,ct_state=+rpl+dnat+trk,ip,actions=3
			table=2,priority=1,ip,actions=2`, true,
			[]string{"ct-nat committed with nat(src) in zone 7: output p3", "ct-nat committed with nat(dst) in zone 7: output p2",
				"ct-nat committed without nat in zone 7: output p2"}, 0, 9},
	} {
		b, p := start(t, 3, c.flows)
		e := eng(b, p, table{read(t, 7, asked, replied), read(t, 8, asked, replied)})
		u := ctstate.NewUserspace()
		u.Release = ctstate.Release{Major: 3, Minor: 1}
		e.Tracker = u
		pk := query()
		if c.reply {
			pk.Src, pk.Dst = netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("10.0.0.1")
			pk.SrcPort, pk.DstPort = 53, 1000
		}
		r, err := e.Trace(t.Context(), engine.Request{Bridge: "br0", InPort: 1, InPortDatapath: "2", Packet: pk}, ctstate.OverlayData{})
		if err != nil {
			t.Fatal(err)
		}
		got := outcomes(r)
		if len(got) != len(c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
			continue
		}
		for i := range got {
			if !strings.HasPrefix(got[i], c.want[i]) {
				t.Errorf("%s: outcome %d is %q, want %q", c.name, i, got[i], c.want[i])
			}
		}
		steps := 0
		for _, s := range r.Segments {
			steps += len(s.CT)
		}
		if c.steps != 0 && steps != c.steps {
			t.Errorf("%s: %d steps told, want %d", c.name, steps, c.steps)
		}
		if b.calls != c.calls {
			t.Errorf("%s: %d requests, want %d", c.name, b.calls, c.calls)
		}
		// The state did not matter for this packet, and is still unknown for the next one.
		for _, s := range r.Outcomes[0].Overlay.Entries {
			if len(r.Outcomes) == 1 && s.Unknown == 0 {
				t.Errorf("%s: entry %v is known now", c.name, s.Orig)
			}
		}
	}
}
