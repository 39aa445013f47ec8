package probe

import (
	"testing"

	"github.com/gopacket/gopacket/layers"
)

// A machine opens a connection of the traffic and closes it; both sides have what they sent
// acknowledged.
func TestTrafficTCP(t *testing.T) {
	const client, server = "50:54:00:00:00:03", "50:54:00:00:00:04"
	frame, err := Packet{EthSrc: client, EthDst: server, Proto: "tcp", Src: "10.0.0.3", Dst: "10.0.0.4", Sport: 55000, Dport: 80,
		Flags: "syn", Seq: 7 << 12, window: trafficWindow}.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	queue, to := [][]byte{frame}, map[bool]string{true: server, false: client}
	var next [2]uint32 // the next sequence number of client and server
	for len(queue) > 0 && len(said) < 20 {
		f := DecodeFrame(queue[0])
		fromClient := f.Header["eth_src"] == client
		in := f.pkt.Layer(layers.LayerTypeTCP).(*layers.TCP)
		said = append(said, tcpFlags(in))
		me, peer := 1, 0
		if fromClient {
			me, peer = 0, 1
		}
		if in.ACK && in.Ack != next[peer] {
			t.Errorf("%s acknowledges %d, not %d", f, in.Ack, next[peer])
		}
		next[me] = in.Seq
		if in.SYN || in.FIN {
			next[me]++
		}
		queue = append(queue[1:], answers(queue[0], to[fromClient])...)
	}
	want := []string{"syn", "syn|ack", "ack", "fin|ack", "fin|ack", "ack"}
	if len(said) != len(want) {
		t.Fatalf("%q, want %q", said, want)
	}
	for i := range want {
		if said[i] != want[i] {
			t.Errorf("packet %d: %s, want %s", i, said[i], want[i])
		}
	}
}

func TestTrafficOthers(t *testing.T) {
	p := Packet{EthSrc: "50:54:00:00:00:03", EthDst: "50:54:00:00:00:04", Src: "10.0.0.3", Dst: "10.0.0.4", Proto: "udp", Sport: 61001, Dport: 53, Payload: trafficAsk}
	with := func(f func(*Packet)) Packet {
		q := p
		f(&q)
		return q
	}
	for name, c := range map[string]struct {
		p    Packet
		want int
	}{
		"udp":             {p, 1},
		"echo":            {with(func(p *Packet) { p.Proto, p.Type = "icmp", 8 }), 1},
		"echo reply":      {with(func(p *Packet) { p.Proto, p.Type = "icmp", 0 }), 0},
		"an answer":       {with(func(p *Packet) { p.Payload = trafficAnswer }), 0},
		"another machine": {with(func(p *Packet) { p.EthDst = "50:54:00:00:00:05" }), 0},
		"a case's packet": {with(func(p *Packet) { p.Proto, p.Flags = "tcp", "syn" }), 0},
	} {
		frame, err := c.p.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		if got := answers(frame, "50:54:00:00:00:04"); len(got) != c.want {
			t.Errorf("%s: %d answers, want %d", name, len(got), c.want)
		}
	}
}
