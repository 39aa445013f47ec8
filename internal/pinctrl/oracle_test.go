package pinctrl

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ofreplay"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv"
)

// message is one OpenFlow message of the corpus.
type message struct {
	head     string // NXT_PACKET_IN2, OFPT_PACKET_OUT, NXT_RESUME
	metadata openflow.Flow
	userdata string
	paused   bool
	actions  string
	packet   packet.Packet
}

// messages reads a capture of what ovn-controller received and sent.
func messages(t *testing.T, text string) []message {
	t.Helper()
	var out []message
	for _, block := range strings.Split(text, "\n\n") {
		lines := strings.Split(strings.TrimSpace(block), "\n")
		for len(lines) > 0 && strings.HasPrefix(lines[0], "#") {
			lines = lines[1:]
		}
		if len(lines) < 2 {
			continue
		}
		_, rest, _ := strings.Cut(lines[0], ": ")
		head, rest, _ := strings.Cut(rest, " ")
		m := message{head: head}
		if _, a, ok := strings.Cut(rest, "actions="); ok {
			m.actions, _, _ = strings.Cut(a, " data_len=")
		} else {
			_, f, _ := strings.Cut(rest, "total_len=")
			_, f, _ = strings.Cut(f, " ")
			f, _, _ = strings.Cut(f, " (via")
			m.metadata = flowOf(t, f)
		}
		for _, l := range lines[1 : len(lines)-1] {
			if u, ok := strings.CutPrefix(strings.TrimSpace(l), "userdata="); ok {
				m.userdata = u
			}
			m.paused = m.paused || strings.Contains(l, "continuation.")
		}
		last, _, _ := strings.Cut(lines[len(lines)-1], " ")
		// The type of an IGMP message is printed as tp_src, which is no field of the packet model.
		last = strings.Replace(last, "nw_ttl=1,nw_frag=no,tp_src=22,tp_dst=0", "nw_ttl=1,nw_frag=no", 1)
		p, err := openflow.ToPacket(flowOf(t, last))
		if err != nil {
			t.Fatalf("%s: %v", last, err)
		}
		m.packet = p
		out = append(out, m)
	}
	return out
}

func flowOf(t testing.TB, text string) openflow.Flow {
	t.Helper()
	f, err := openflow.Parse(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return f
}

// bare removes the fields that a printed flow does not contain.
func bare(p packet.Packet) packet.Packet {
	p.Length, p.Inner = 0, nil
	return p
}

var addrs = cmp.Comparer(func(a, b packet.Packet) bool {
	return a.String() == b.String() && a.EthSrc == b.EthSrc && a.EthDst == b.EthDst && a.NDTLL == b.NDTLL && a.TOS == b.TOS
})

// TestAnswersOfRealController gives Answer each packet-in that a real ovn-controller received, and
// compares with the packet-out or resume that it sent.
func TestAnswersOfRealController(t *testing.T) {
	r := Responder{Release{23, 3}}
	seen := map[Opcode]int{}
	for _, file := range testenv.Corpus(t, "testdata/answers-*.txt") {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all := messages(t, string(b))
		for i, in := range all {
			if in.head != "NXT_PACKET_IN2" {
				continue
			}
			text := "controller(userdata=" + in.userdata
			if in.paused {
				text += ",pause"
			}
			p, err := Decode(text + ")")
			if err != nil {
				t.Fatal(err)
			}
			got := r.Answer(p, in.packet, in.metadata)
			var next message
			if i+1 < len(all) {
				next = all[i+1]
			}
			t.Logf("%s: %s [%s, %s]", in.packet, got.Text, got.Kind, got.Hint)
			compare(t, in, got, next)
			seen[p.Opcode]++
		}
	}
	for _, op := range []Opcode{OpReject, OpTCPReset, OpICMP, OpICMP4Error, OpICMP6Error, OpARP, OpNDNS, OpNDNA, OpNDNARouter, OpPutDHCPOpts, OpDNSLookup, OpPutNDRAOpts, OpPutICMP4FragMTU, OpPutICMP6FragMTU} {
		if seen[op] == 0 {
			t.Errorf("no %v answered in the corpus", op)
		}
	}
}

func compare(t *testing.T, in message, got Result, next message) {
	t.Helper()
	switch got.Kind {
	case Generates:
		if next.head != "OFPT_PACKET_OUT" {
			t.Errorf("%s %s: composed a packet, ovn-controller sent none", got.Name, in.packet)
			return
		}
		want := next.actions
		for _, paused := range []string{"controller(userdata=00.00.00.0d.00.00.00.00.05.78,pause),", "controller(userdata=00.00.00.15.00.00.00.00.00.00.05.78,pause),"} {
			want = strings.ReplaceAll(want, paused, "")
		}
		if got.Actions != want {
			t.Errorf("%s %s: actions\ngot  %s\nwant %s", got.Name, in.packet, got.Actions, want)
		}
		if d := cmp.Diff(bare(next.packet), bare(*got.Generated), addrs); d != "" {
			t.Errorf("%s %s: packet (-ovn-controller +ours):\n%s", got.Name, in.packet, d)
		}
		if got.Unknown != "" || got.Answer == nil {
			t.Errorf("%s %s: %s", got.Name, in.packet, got.Unknown)
		}
	case Resumes:
		if next.head != "NXT_RESUME" {
			t.Errorf("%s %s: not resumed by ovn-controller", got.Name, in.packet)
			return
		}
		for _, o := range got.Outcomes {
			if cmp.Equal(bare(o.Packet), bare(next.packet), addrs) && bitIs(got.Bit, next.metadata, o.Value) {
				want := ofreplay.Text(append(reload(ofreplay.RegistersOf(next.metadata)), ofreplay.Resubmit{InPort: ofreplay.PortInPort, Table: 31}))
				if a := got.Resume(o, 30); a != want {
					t.Errorf("%s %s: resumed by %s, want %s", got.Name, in.packet, a, want)
				}
				return
			}
		}
		t.Errorf("%s %s: resumed as %s %s, which is none of %+v", got.Name, in.packet, next.metadata, next.packet, got.Outcomes)
	case Ignores:
		if next.head == "OFPT_PACKET_OUT" {
			t.Errorf("%s %s: ovn-controller sent %s", got.Name, in.packet, next.packet)
		}
	case KindUnknown:
		t.Errorf("%s %s: unknown", got.Name, in.packet)
	}
}

// bitIs reports whether the result bit has this value.
func bitIs(b *Bit, f openflow.Flow, want int) bool {
	if b == nil || want < 0 {
		return true
	}
	return int(ofreplay.RegistersOf(f).Reg[b.Reg]>>b.Bit&1) == want
}
