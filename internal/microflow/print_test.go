package microflow

import (
	"reflect"
	"slices"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet/packettest"
)

// printed returns what of a packet an expression has fields for.
func printed(p packet.Packet) packet.Packet {
	p.Length, p.Inner, p.ICMPID, p.HasID, p.IDChosen = 0, nil, 0, false, false
	if p.IsIGMP() {
		p.ICMPType, p.ICMPCode = 0, 0
	}
	if len(p.VLANs) > 0 {
		p.VLANs = []packet.VLAN{p.VLANs[0]}
		p.VLANs[0].TPID = packet.EthVLAN
	}
	if p.IsND() && p.TTL != ndTTL {
		p.NDTarget, p.NDSLL, p.NDTLL = packet.Packet{}.NDTarget, packet.MAC{}, packet.MAC{}
	}
	p.MPLS, p.NSH = nil, nil
	return p
}

// check prints a packet, reads it, and compares.
func check(t *testing.T, inport string, p packet.Packet) {
	t.Helper()
	text, lost := Expression(inport, p)
	mf, err := Parse(text, Options{})
	if err != nil {
		t.Fatalf("%v\n%s: %v", p, text, err)
	}
	want := printed(p)
	if len(p.VLANs) > 1 {
		want = packet.Packet{EthSrc: p.EthSrc, EthDst: p.EthDst, VLANs: want.VLANs, EthType: p.VLANs[1].TPID}
	}
	if mf.InPort != inport || !reflect.DeepEqual(mf.Packet, want) {
		t.Fatalf("%s:\n got %q %+v\nwant %q %+v", text, mf.InPort, mf.Packet, inport, want)
	}
	if !reflect.DeepEqual(want, p) && len(lost) == 0 {
		t.Fatalf("%+v: %s leaves something out and does not say so", p, text)
	}
}

func TestExpression(t *testing.T) {
	kinds := map[string]int{}
	for _, p := range packettest.Generate(5, 3000) {
		p.IDChosen = false
		check(t, "sw0-p1", p)
		kinds[packet.ProtoName(p.Proto)]++
	}
	if len(kinds) < 6 {
		t.Errorf("protocols: %v", kinds)
	}
	for _, name := range []string{`a"b\c`, "a b\tc", "ünï", "x\x01y"} {
		text, _ := Expression(name, packet.Packet{EthType: 0x88cc})
		mf, err := Parse(text, Options{})
		if err != nil || mf.InPort != name {
			t.Errorf("%s: %q, %v", text, mf.InPort, err)
		}
	}
}

func TestExpressionText(t *testing.T) {
	mf, err := Parse(`inport == "p" && eth.src == 02:00:00:00:00:01 && eth.dst == 02:00:00:00:00:02 && ip4.src == 10.0.0.3 && ip4.dst == 30.0.0.10 && tcp.src == 1000 && tcp.dst == 80 && tcp.flags == 2 && ip.ttl == 64`, Options{})
	if err != nil {
		t.Fatal(err)
	}
	got, lost := Expression(mf.InPort, mf.Packet)
	want := `inport == "p" && eth.src == 02:00:00:00:00:01 && eth.dst == 02:00:00:00:00:02 && ip4.src == 10.0.0.3 && ip4.dst == 30.0.0.10 && ` +
		`ip.proto == 6 && ip.ttl == 64 && tcp.src == 1000 && tcp.dst == 80 && tcp.flags == 0x002`
	if got != want || len(lost) > 0 {
		t.Errorf("%s %v\nwant %s", got, lost, want)
	}
	_, lost = Expression("p", packet.Packet{EthType: packet.EthMPLS, MPLS: []packet.MPLS{{Label: 16, BOS: true}}})
	if !slices.Equal(lost, []string{"MPLS labels"}) {
		t.Errorf("lost %v", lost)
	}
}

// A packet read from an expression is printed as one that is read as the same packet.
func FuzzExpression(f *testing.F) {
	for _, cases := range corpus(f) {
		for _, c := range cases {
			f.Add(c.expr)
		}
	}
	f.Fuzz(func(t *testing.T, in string) {
		mf, err := Parse(in, Options{Symbols: names{}})
		if err != nil {
			return
		}
		p := mf.Packet
		if p.IsIP() && (!p.Src.IsValid() || !p.Dst.IsValid()) || p.IsARP() && (!p.Src.IsValid() || !p.Dst.IsValid()) || p.IsND() && !p.NDTarget.IsValid() {
			return // not filled in
		}
		check(t, mf.InPort, p)
	})
}
