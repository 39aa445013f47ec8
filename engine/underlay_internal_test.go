package engine

import (
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/oftrace"
)

// A guarded request differs from the packet's own only in its mark, which is removed from the
// result.
func TestMarked(t *testing.T) {
	for _, c := range []struct{ bridge, flow, guarded, printed, restored string }{
		{"br", "in_port=1,tcp,nw_src=1.1.1.1", "in_port=1,tcp,nw_src=1.1.1.1,pkt_mark=0x7", "pkt_mark=0x7,tcp,in_port=1", "tcp,in_port=1"},
		{"br", "in_port=1,pkt_mark=0x2,tcp", "in_port=1,pkt_mark=0x7,tcp", "pkt_mark=0x7,tcp,in_port=1", "pkt_mark=0x2,tcp,in_port=1"},
		{"", "recirc_id(0x1),in_port(2),ct_state(0x24),eth()", "recirc_id(0x1),in_port(2),skb_mark(0x7),ct_state(0x24),eth()", "recirc_id=0x1,pkt_mark=0x7,tcp", "recirc_id=0x1,tcp"},
		{"", "recirc_id(0x1),in_port(2),skb_mark(0x2),ct_state(0x24),eth()", "recirc_id(0x1),in_port(2),skb_mark(0x7),ct_state(0x24),eth()", "pkt_mark=0x7,tcp", "pkt_mark=0x2,tcp"},
	} {
		f, m := flowText{bridge: c.bridge, flow: c.flow}.marked(7)
		if f.flow != c.guarded {
			t.Errorf("%s: %s, want %s", c.flow, f.flow, c.guarded)
		}
		sec := oftrace.Section{Flow: c.printed, FinalFlow: "tcp"}
		if m.restore(&sec); sec.Flow != c.restored || sec.FinalFlow != "tcp" {
			t.Errorf("%s: shown as %s, %s", c.flow, sec.Flow, sec.FinalFlow)
		}
	}
}
