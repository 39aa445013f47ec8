package probe

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"golang.org/x/sys/unix"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab"
)

// Marks of the traffic's packets: the payload of UDP and ICMP, the window of TCP, which nothing on
// the way rewrites.
var (
	trafficAsk    = []byte("ct-beat?")
	trafficAnswer = []byte("ct-beat!")
)

const (
	trafficWindow = 4321
	trafficPeriod = 500 * time.Millisecond
)

// Traffic is healthy traffic that runs beside the packets of a Runner: each flow is sent again and
// again, and whoever receives a packet answers it. TCP connections are opened and closed.
type Traffic struct {
	taps   map[string]*tap
	cancel context.CancelFunc
	done   chan struct{}
}

// StartTraffic opens taps of its own at the ends of the flows and begins to send. Ends lists the
// other ports and hosts that answer.
func StartTraffic(ctx context.Context, l *lab.Lab, flows []Packet, ends ...string) (*Traffic, error) {
	ctx, cancel := context.WithCancel(ctx)
	t := &Traffic{taps: map[string]*tap{}, cancel: cancel, done: make(chan struct{})}
	for _, f := range flows {
		ends = append(ends, f.From)
	}
	for _, name := range ends {
		if t.taps[name] != nil {
			continue
		}
		tap, err := openTap(name, "e0", name)
		if err != nil {
			t.close()
			return nil, err
		}
		t.taps[name] = tap
		go t.answer(ctx, tap, macOf(l.Topo, name))
	}
	go func() {
		defer close(t.done)
		t.send(ctx, flows)
	}()
	return t, nil
}

// Stop ends the traffic.
func (t *Traffic) Stop() {
	t.cancel()
	<-t.done
	time.Sleep(250 * time.Millisecond) // until the readers have seen the end of the context
	t.close()
}

func (t *Traffic) close() {
	t.cancel()
	for _, tap := range t.taps {
		tap.close()
	}
}

func macOf(t *lab.Topology, name string) string {
	for _, h := range t.Hosts {
		if h.Name == name {
			return h.MAC
		}
	}
	v, _ := t.VIF(name)
	return v.MAC
}

// send sends each flow once a period. A new TCP connection has the next source port; where the
// ports begin depends on the time, so that a connection of an earlier run is not opened again while
// it closes, which Open vSwitch 3.1's userspace conntrack does not survive (conn_update_state).
func (t *Traffic) send(ctx context.Context, flows []Packet) {
	for n := int(time.Now().UnixNano()/int64(trafficPeriod)) % 1000; ctx.Err() == nil; n++ {
		for _, p := range flows {
			if p.Proto == "tcp" {
				p.Sport += n % 1000
				p.Seq, p.window = uint32(n)<<12, trafficWindow
			} else {
				p.Payload = trafficAsk
			}
			frame, err := p.Bytes()
			if err != nil {
				return
			}
			t.taps[p.From].send(frame) // a lost packet is sent again in the next round
		}
		select {
		case <-time.After(trafficPeriod):
		case <-ctx.Done():
		}
	}
}

// answer answers the traffic's packets that arrive at one tap for its MAC address.
func (t *Traffic) answer(ctx context.Context, tap *tap, mac string) {
	buf, oob := make([]byte, 65536), make([]byte, 256)
	for ctx.Err() == nil {
		n, oobn, _, from, err := unix.Recvmsg(tap.fd, buf, oob, 0)
		if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return
		}
		if sa, ok := from.(*unix.SockaddrLinklayer); !ok || sa.Pkttype == unix.PACKET_OUTGOING {
			continue
		}
		for _, a := range answers(withVLAN(append([]byte(nil), buf[:n]...), oob[:oobn]), mac) {
			tap.send(a)
		}
	}
}

// answers returns the frames with which a machine answers a frame of the traffic, nil for any
// other frame.
func answers(frame []byte, mac string) [][]byte {
	pkt := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.DecodeOptions{NoCopy: true})
	eth, ok := pkt.Layer(layers.LayerTypeEthernet).(*layers.Ethernet)
	if !ok || !strings.EqualFold(eth.DstMAC.String(), mac) {
		return nil
	}
	if tcp, ok := pkt.Layer(layers.LayerTypeTCP).(*layers.TCP); ok {
		if tcp.Window != trafficWindow {
			return nil
		}
		return answersTCP(frame, tcp)
	}
	if !bytes.Contains(frame, trafficAsk) {
		return nil
	}
	if i, ok := pkt.Layer(layers.LayerTypeICMPv4).(*layers.ICMPv4); ok && i.TypeCode.Type() != layers.ICMPv4TypeEchoRequest {
		return nil // an ICMP error that quotes a packet
	}
	return [][]byte{reply(frame, nil)}
}

// answersTCP opens a connection and closes it at once: SYN, SYN|ACK, ACK and FIN|ACK, FIN|ACK, ACK.
func answersTCP(frame []byte, in *layers.TCP) [][]byte {
	answer := func(flags string, step uint32) []byte {
		return reply(frame, func(t *layers.TCP) {
			bits := FlagBits(flags)
			t.FIN, t.SYN, t.RST, t.PSH, t.ACK = bits&1 != 0, bits&2 != 0, false, false, bits&16 != 0
			t.Seq, t.Ack = in.Ack, in.Seq+step
			if in.SYN && !in.ACK {
				t.Seq = in.Seq ^ 0x40000000
			}
		})
	}
	switch {
	case in.RST:
	case in.SYN && in.ACK:
		return [][]byte{answer("ack", 1), answer("fin|ack", 1)}
	case in.SYN:
		return [][]byte{answer("syn|ack", 1)}
	case in.FIN && in.Seq&0x40000000 == 0: // from the client
		return [][]byte{answer("fin|ack", 1)}
	case in.FIN:
		return [][]byte{answer("ack", 1)}
	}
	return nil
}

// reply returns a frame with addresses and ports exchanged. Edit changes its TCP header.
func reply(frame []byte, edit func(*layers.TCP)) []byte {
	pkt := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.DecodeOptions{NoCopy: true})
	var stack []gopacket.SerializableLayer
	var network gopacket.NetworkLayer
	for _, l := range pkt.Layers() {
		switch l := l.(type) {
		case *layers.Ethernet:
			l.SrcMAC, l.DstMAC = l.DstMAC, l.SrcMAC
			stack = append(stack, l)
		case *layers.Dot1Q:
			stack = append(stack, l)
		case *layers.IPv4:
			l.SrcIP, l.DstIP, l.TTL = l.DstIP, l.SrcIP, 64
			network = l
			stack = append(stack, l)
		case *layers.UDP:
			l.SrcPort, l.DstPort = l.DstPort, l.SrcPort
			l.SetNetworkLayerForChecksum(network)
			return serialize(append(stack, l, gopacket.Payload(trafficAnswer)))
		case *layers.ICMPv4:
			l.TypeCode = layers.CreateICMPv4TypeCode(layers.ICMPv4TypeEchoReply, 0)
			return serialize(append(stack, l, gopacket.Payload(trafficAnswer)))
		case *layers.TCP:
			l.SrcPort, l.DstPort = l.DstPort, l.SrcPort
			l.SetNetworkLayerForChecksum(network)
			edit(l)
			return serialize(append(stack, l))
		}
	}
	return nil
}

func serialize(stack []gopacket.SerializableLayer) []byte {
	buf := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, stack...); err != nil {
		return nil
	}
	b := buf.Bytes()
	if n := 60 - len(b); n > 0 {
		b = append(b, make([]byte, n)...)
	}
	return b
}
