package pinctrl

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/syntax"
)

// Encoded actions to nest.
const (
	swapEthIP  = "ff.ff.00.18.00.00.23.20.00.1b.00.00.00.00.04.06.00.30.00.00.00.00.00.00." + "ff.ff.00.18.00.00.23.20.00.1b.00.00.00.00.02.06.00.30.00.00.00.00.00.00." + "ff.ff.00.18.00.00.23.20.00.1c.00.00.00.00.04.06.00.30.00.00.00.00.00.00." + "ff.ff.00.18.00.00.23.20.00.1c.00.00.00.00.02.06.00.30.00.00.00.00.00.00"
	resubmit37 = "ff.ff.00.10.00.00.23.20.00.0e.ff.f8.25.00.00.00"
	noteMTU4   = "ff.ff.00.18.00.00.23.20.00.08.6f.76.6e.00.00.00.00.00.05.78.00.00.00.00"
	noteMTU6   = "ff.ff.00.18.00.00.23.20.00.08.6f.76.6e.00.00.01.00.00.00.00.05.78.00.00"
	opaqueNX   = "ff.ff.00.10.00.00.23.20.00.c8.00.00.00.00.00.00"
	resultReg0 = "00.01.de.10.00.00.00.63" // xxreg0[99]
)

const (
	tcpFlow  = "tcp,dl_src=00:00:00:00:00:01,dl_dst=00:00:00:00:00:02,nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_ttl=64,tp_src=1234,tp_dst=80,tcp_flags=syn"
	udp6Flow = "udp6,dl_src=00:00:00:00:00:01,dl_dst=00:00:00:00:00:02,ipv6_src=fd00::1,ipv6_dst=fd00::2,nw_ttl=64,tp_src=1234,tp_dst=80"
	sctpFlow = "sctp,dl_src=00:00:00:00:00:01,dl_dst=00:00:00:00:00:02,nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_ttl=64,tp_src=7,tp_dst=8"
	udpFlow  = "udp,dl_src=00:00:00:00:00:01,dl_dst=00:00:00:00:00:02,nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_ttl=64,tp_src=7,tp_dst=8"
	vlanFlow = "udp,dl_vlan=5,dl_vlan_pcp=0,dl_src=00:00:00:00:00:01,dl_dst=00:00:00:00:00:02,nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_ttl=64,tp_src=7,tp_dst=8"
	icmpErr  = "icmp,dl_src=00:00:00:00:00:01,dl_dst=00:00:00:00:00:02,nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_ttl=64,icmp_type=3,icmp_code=1"
	arpFlow  = "arp,dl_src=00:00:00:00:00:01,dl_dst=ff:ff:ff:ff:ff:ff,arp_spa=10.0.0.1,arp_tpa=10.0.0.2,arp_op=1,arp_sha=00:00:00:00:00:01"
	routed   = "reg0=0xac100009,reg1=0xac100001,reg15=0x2,metadata=0x3"
	routed6  = "reg0=0xfd160000,reg3=0x9,reg15=0x2,metadata=0x3"
)

// TestAnswer has the cases that the corpus of 23.03 lacks, and those that differ by release.
func TestAnswer(t *testing.T) {
	for _, c := range []struct{ release, userdata, flow, regs, want string }{
		{"", "00.00.00.16", tcpFlow, "", "generates/rejected: tcp 10.0.0.2:80 > 10.0.0.1:1234 [rst|ack] ttl 63 len 40"},
		{"", "00.00.00.16", udpFlow, "", "generates/rejected: icmp 10.0.0.2 > 10.0.0.1 type 3 code 3 about udp 10.0.0.1:7 > 10.0.0.2:8 ttl 255"},
		{"", "00.00.00.16", udp6Flow, "", "generates/rejected: icmp6 fd00::2 > fd00::1 type 1 code 4 about udp [fd00::1]:1234 > [fd00::2]:80 ttl 255"},
		{"", "00.00.00.16", sctpFlow, "", "generates/rejected: sctp 10.0.0.2:8 > 10.0.0.1:7 ttl 63 len 36"},
		{"20.12", "00.00.00.16", sctpFlow, "", "generates/rejected: icmp 10.0.0.2 > 10.0.0.1 type 3 code 1 about sctp 10.0.0.1:7 > 10.0.0.2:8 ttl 255"},
		{"", "00.00.00.16", icmpErr, "", "ignores/dropped"},
		{"21.06", "00.00.00.16", icmpErr, "", "generates/rejected: icmp 10.0.0.2 > 10.0.0.1 type 3 code 1 about icmp 10.0.0.1 > 10.0.0.2 ttl 255"},
		{"", "00.00.00.16", strings.Replace(tcpFlow, "syn", "rst", 1), "", "ignores/dropped"},
		{"", "00.00.00.16", vlanFlow, "", "generates/rejected: vlan 5 icmp 10.0.0.2 > 10.0.0.1 type 3 code 3 about udp 10.0.0.1:7 > 10.0.0.2:8 ttl 255"},
		{"", "00.00.00.16", arpFlow, "", "ignores/dropped"},
		{"", "00.00.00.18 " + swapEthIP, sctpFlow, "", "generates/rejected: sctp 10.0.0.1:8 > 10.0.0.2:7 ttl 63 len 36"},
		{"", "00.00.00.18", tcpFlow, "", "ignores/dropped"},
		{"", "00.00.00.0b", udpFlow, "", "ignores/dropped"},
		{"", "00.00.00.0e " + noteMTU4, udpFlow, "", "generates/controller: icmp 10.0.0.1 > 10.0.0.2 type 3 code 4 about udp 10.0.0.1:7 > 10.0.0.2:8 ttl 255 mtu 1400"},
		{"", "00.00.00.14 " + noteMTU6, udp6Flow, "", "generates/controller: icmp6 fd00::1 > fd00::2 type 2 about udp [fd00::1]:1234 > [fd00::2]:80 ttl 255 mtu 1400"},
		{"", "00.00.00.0a " + opaqueNX, udpFlow, "", "generates/rejected: unknown: nested action not understood: experimenter action 0x2320:200"},
		{"", "00.00.00.00 " + resubmit37, udpFlow, routed, "generates/controller: arp who-has 10.0.0.2 tell 10.0.0.1 len 28 await 10.0.0.2"},
		{"", "00.00.00.00 " + resubmit37, udp6Flow, routed, "generates/controller: arp who-has 0.0.0.0 tell 0.0.0.0 len 28 await 0.0.0.0"},
		{"", "00.00.00.00", arpFlow, routed, "ignores/dropped"},
		{"", "00.00.00.09", udp6Flow, routed6, "generates/controller: icmp6 fe80::200:ff:fe00:1 > ff02::1:ff00:9 neighbour solicitation for fd16::9 ttl 255 len 72 await fd16::9"},
		{"23.03", "00.00.00.09", udp6Flow, routed6, "generates/controller: icmp6 fe80::200:ff:fe00:1 > ff02::1:ff00:2 neighbour solicitation for fd00::2 ttl 255 len 72 await fd00::2"},
		{"20.03", "00.00.00.09", udp6Flow, routed6, "generates/controller: icmp6 fd00::1 > ff02::1:ff00:2 neighbour solicitation for fd00::2 ttl 255 len 72 await fd00::2"},
		{"", "00.00.00.03", udp6Flow, "", "ignores/dropped"},
		{"", "00.00.00.02 " + resultReg0 + ".0a.00.00.05", udpFlow, "", "resumes/follow: reg0[3]: 1 udp 10.0.0.1:7 > 10.0.0.5:8 ttl 64; 0 udp 10.0.0.1:7 > 10.0.0.2:8 ttl 64; undetermined"},
		{"", "00.00.00.05 " + resultReg0, udp6Flow, "", "resumes/follow: reg0[3]: 1 udp [fd00::1]:1234 > [fd00::2]:80 ttl 64; 0 udp [fd00::1]:1234 > [fd00::2]:80 ttl 64; undetermined"},
		{"", "00.00.00.08 " + resultReg0 + ".86.00", udp6Flow, "", "resumes/follow: reg0[3]: 0 udp [fd00::1]:1234 > [fd00::2]:80 ttl 64"},
		{"", "00.00.00.1c " + resultReg0, udpFlow, "", "resumes/follow: reg0[3]: 1 udp 10.0.0.1:7 > 10.0.0.2:8 ttl 64; 0 udp 10.0.0.1:7 > 10.0.0.2:8 ttl 64; undetermined"},
		{"", "00.00.00.1d " + resultReg0, udpFlow, "", "resumes/follow: reg0[3]: 1 udp 10.0.0.1:7 > 10.0.0.2:8 ttl 64; 0 udp 10.0.0.1:7 > 10.0.0.2:8 ttl 64; undetermined"},
		{"", "00.00.00.06 00.00.00.00", udpFlow, "", "resumes/follow: -1 udp 10.0.0.1:7 > 10.0.0.2:8 ttl 64"},
		{"", "00.00.00.1e 0a.09.09.09", icmpErr, "", "resumes/follow: -1 icmp 10.0.0.1 > 10.0.0.2 type 3 code 1 ttl 64"},
		{"", "00.00.00.1b 00.00.00.05.00.00.00.02.28", udpFlow, "reg14=0x1", "generates/follow: udp 10.0.0.1:7 > 10.0.0.2:8 ttl 64 actions set_field:0x1->reg14,set_field:0x5->reg6,set_field:0x2->reg15,resubmit(CONTROLLER,40)"},
		{"", "00.00.00.1b", udpFlow, "", "ignores/dropped"},
		{"", "00.00.00.07 03.04.61", udpFlow, "", "logs/goes on"},
		{"", "00.00.00.0f", udpFlow, "", "consumes/controller"},
		{"", "00.00.00.10", udpFlow, "", "consumes/controller"},
		{"", "00.00.00.12", tcpFlow, "", "consumes/controller"},
		{"", "00.00.00.13", udp6Flow, "", "consumes/controller"},
		{"", "00.00.00.17", udpFlow, "", "consumes/controller"},
		{"", "00.00.00.01", arpFlow, "", "learns/goes on"},
		{"", "00.00.00.19", udpFlow, "", "learns/goes on"},
		{"", "00.00.00.77", udpFlow, "", "unknown/unknown: unknown: controller action opcode 119 is of a newer OVN than this tool knows"},
	} {
		op, args, _ := strings.Cut(c.userdata, " ")
		text := "controller(userdata=" + op + ".00.00.00.00"
		if args != "" {
			text += "." + args
		}
		p, err := Decode(text + ")")
		if err != nil {
			t.Errorf("%s: %v", c.userdata, err)
			continue
		}
		rel, _ := ParseRelease(c.release)
		pkt, err := openflow.ToPacket(flowOf(t, c.flow))
		if err != nil {
			t.Fatal(err)
		}
		r := Responder{rel}.Answer(p, pkt, flowOf(t, c.regs))
		if got := sketch(r); got != c.want {
			t.Errorf("%s %q %s\ngot  %s\nwant %s", p.Name(), c.release, pkt, got, c.want)
		}
		if r.Text == "" {
			t.Errorf("%s: no text", p.Name())
		}
	}
}

// sketch returns a result on one line.
func sketch(r Result) string {
	s := fmt.Sprintf("%s/%s", r.Kind, r.Hint)
	var parts []string
	switch {
	case r.Answer != nil:
		parts = append(parts, r.Answer.String())
		if r.Answer.Length != 0 {
			parts = append(parts, fmt.Sprintf("len %d", r.Answer.Length))
		}
	case len(r.Outcomes) > 0:
		var o []string
		for _, x := range r.Outcomes {
			o = append(o, fmt.Sprintf("%d %s", x.Value, x.Packet))
		}
		if r.Bit != nil {
			parts = append(parts, r.Bit.String()+":")
		}
		if r.Unknown != "" {
			o = append(o, "undetermined")
		}
		parts = append(parts, strings.Join(o, "; "))
	case r.Unknown != "":
		parts = append(parts, "unknown: "+r.Unknown)
	}
	if r.Await != nil {
		parts = append(parts, "await "+r.Await.Addr.String())
	}
	if r.MTU != 0 {
		parts = append(parts, fmt.Sprintf("mtu %d", r.MTU))
	}
	if r.Opcode == OpSplitBufAction && r.Actions != "" {
		parts = append(parts, "actions "+r.Actions)
	}
	if len(parts) > 0 {
		s += ": " + strings.Join(parts, " ")
	}
	return s
}

// TestErrors checks the place at which bad text is refused.
func TestErrors(t *testing.T) {
	for _, c := range []struct {
		in  string
		off int
	}{
		{"", 0}, {"ct(commit)", 0}, {"controller(", 11}, {"controller(pause", 16}, {"controller(userdata=0)", 20},
		{"controller(userdata=zz)", 20}, {"controller(userdata=00.)", 23}, {"controller(colour=1)", 11}, {"controller(pause)x", 17},
		{"controller(max_len=70000)", 19}, {"CONTROLLER:x", 11},
		{"controller(userdata=00.00.00.0a.00.00.00.00.ff.ff.00.30.00.00.23.20.00.1b)", 20 + 3*8},
	} {
		p, err := Decode(c.in)
		se, ok := err.(*syntax.Error)
		if !ok || se.Off != c.off || p.HasOpcode {
			t.Errorf("%q: %v (offset wanted: %d), %+v", c.in, err, c.off, p)
		}
	}
	for _, in := range []string{"CONTROLLER:65535", "controller(reason=no_match,userdata=00.00.00.16.00.00.00.00)", "controller(userdata=00.00)"} {
		p, err := Decode(in)
		if err != nil {
			t.Fatal(err)
		}
		if r := (Responder{}).Answer(p, packet.Packet{}, openflow.Flow{}); r.Kind != Ignores || p.String() != in {
			t.Errorf("%s: %+v, printed %s", in, r, p)
		}
	}
}

// TestOpcodeNames checks the numbers that OVN's ABI fixes.
func TestOpcodeNames(t *testing.T) {
	for op, want := range map[Opcode]string{0: "arp", 3: "nd_na", 9: "nd_ns", 10: "icmp", 22: "reject", 25: "put_fdb", 27: "split_buf_action", 30: "put_icmp4_inner_ip4_src", 31: "opcode 31"} {
		if op.String() != want {
			t.Errorf("%d is %s, want %s", uint32(op), op, want)
		}
	}
	for op := range numOpcodes {
		if op.String() == "" || op.Since() == "" {
			t.Errorf("opcode %d has no name or release", uint32(op))
		}
	}
	for s, want := range map[string]Release{"23.03.1": {23, 3}, "26.03": {26, 3}, "main": {}, "": {}, "23": {}} {
		if got, _ := ParseRelease(s); got != want {
			t.Errorf("%q is %v", s, got)
		}
	}
}
