package capture

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet/packettest"
)

// sentBy makes a packet of a text: "A>B syn", with A, B and C as ends of their own port, "udp",
// "echo" and "error" (an ICMP error about a packet from B to A).
func sentBy(t testing.TB, text string) packet.Packet {
	ends := map[byte]struct {
		ip   string
		port uint16
	}{'A': {"10.0.0.3", 1000}, 'B': {"10.0.0.5", 80}, 'C': {"10.0.0.9", 80}, 'D': {"10.0.0.3", 1001}}
	src, dst := ends[text[0]], ends[text[2]]
	p := packet.Packet{EthSrc: packet.MAC{2, 1}, EthDst: packet.MAC{2, 2}, EthType: packet.EthIPv4, TTL: 64, Src: addr(src.ip), Dst: addr(dst.ip),
		SrcPort: src.port, DstPort: dst.port, Proto: packet.ProtoTCP}
	what := text[4:]
	switch what {
	case "udp":
		p.Proto = packet.ProtoUDP
	case "echo", "answer":
		p.Proto, p.SrcPort, p.DstPort, p.ICMPType, p.ICMPID, p.HasID = packet.ProtoICMP, 0, 0, map[string]uint8{"echo": 8}[what], 7, true
	case "error":
		p.Proto, p.SrcPort, p.DstPort, p.ICMPType, p.ICMPCode = packet.ProtoICMP, 0, 0, 3, 3
		p.Inner = &packet.Inner{Proto: packet.ProtoTCP, Src: addr("10.0.0.3"), Dst: addr("10.0.0.5"), SrcPort: 1000, DstPort: 80}
	case "arp":
		p = packet.Packet{EthSrc: packet.MAC{2, 1}, EthDst: packet.Broadcast, EthType: packet.EthARP, ARPOp: 1, Src: addr(src.ip), Dst: addr(dst.ip)}
	default:
		flags, ok := map[string]packet.TCPFlags{"syn": packet.FlagSYN, "syn-ack": packet.FlagSYN | packet.FlagACK, "ack": packet.FlagACK, "rst": packet.FlagRST,
			"fin": packet.FlagFIN | packet.FlagACK}[what]
		if !ok {
			t.Fatal(text)
		}
		p.TCPFlags = flags
	}
	return p
}

// exchanged writes a capture of packets, and returns which of them are the connection's, with their
// direction: "1> 3<".
func exchanged(t testing.TB, n string, packets ...string) string {
	t.Helper()
	var recs []record
	for _, text := range packets {
		b := packettest.Frame(t, sentBy(t, text))
		recs = append(recs, record{data: b, wire: len(b)})
	}
	file := filepath.Join(t.TempDir(), "x.pcap")
	if err := os.WriteFile(file, pcapOf(binary.LittleEndian, 0xa1b2c3d4, 1, recs...), 0o600); err != nil {
		t.Fatal(err)
	}
	read, err := ReadExchange(file + n)
	if err != nil {
		return "! " + strings.TrimPrefix(err.Error(), file)
	}
	var out []string
	for _, f := range read.Frames {
		if f.File != file {
			t.Errorf("file %q", f.File)
		}
		out = append(out, fmt.Sprintf("%d%s", f.Number, map[bool]string{true: "<", false: ">"}[f.Reply]))
	}
	if read.Rest > 0 {
		out = append(out, fmt.Sprintf("and %d", read.Rest))
	}
	return strings.Join(out, " ")
}

func TestExchange(t *testing.T) {
	handshake := []string{"A>B arp", "A>B syn", "B>A syn-ack", "A>B ack"}
	for _, c := range []struct {
		n, want string
		packets []string
	}{
		{"", "2> 3< 4>", handshake},
		{":3", "2> 3< 4>", handshake},
		{":4", "2> 3< 4>", handshake},
		{":1", "! : frame 1: arp who-has 10.0.0.5 tell 10.0.0.3 is of no connection", handshake},
		{":5", "! : it has 4 whole frames, there is no frame 5", handshake},
		{"", "! : it has no frame of a connection", handshake[:1]},
		// Another connection of the same client, to which its port belongs, is not this one's.
		{"", "1> 4<", []string{"A>B udp", "A>C udp", "C>A udp", "B>A udp"}},
		{":2", "2> 3<", []string{"A>B udp", "A>C udp", "C>A udp", "B>A udp"}},
		{"", "1> 3>", []string{"A>B syn", "D>B syn", "A>B syn"}},
		// Nobody has asked C.
		{"", "1> 2<", []string{"A>B udp", "C>A udp"}},
		{"", "1> 2<", []string{"A>B syn", "C>A syn-ack"}},
		{"", "1>", []string{"A>B syn", "C>A syn"}},
		{"", "1> 2< 3>", []string{"A>B echo", "B>A answer", "A>B echo"}},
		{"", "1> 2<", []string{"A>B echo", "C>A answer"}},
		{"", "1>", []string{"A>B echo", "C>A echo"}},
		// Errors about it, to either end.
		{"", "1> 2< 3>", []string{"A>B syn", "C>A error", "C>B error"}},
		{"", "2> 3<", []string{"C>A error", "D>B syn", "B>D rst"}},
		// The same ports again.
		{"", "1> 2> 3< 4>", []string{"A>B syn", "A>B syn", "B>A syn-ack", "A>B fin", "A>B syn", "B>A syn-ack"}},
		{":3", "1> 2> 3< 4>", []string{"A>B syn", "A>B syn", "B>A syn-ack", "A>B fin", "A>B syn", "B>A syn-ack"}},
		{":6", "5> 6<", []string{"A>B syn", "A>B syn", "B>A syn-ack", "A>B fin", "A>B syn", "B>A syn-ack"}},
		// The capture began in the middle of it.
		{"", "1> 2<", []string{"B>A ack", "A>B ack"}},
	} {
		if got := exchanged(t, c.n, c.packets...); got != c.want {
			t.Errorf("%s of %q:\n got %s\nwant %s", c.n, c.packets, got, c.want)
		}
	}
}

// A busy server's other clients take no room from the connection that is asked for.
func TestExchangeOfBusyServer(t *testing.T) {
	packets := slices.Repeat([]string{"D>B udp"}, maxExchange+1)
	n := len(packets)
	packets = append(packets, "A>B udp", "C>A udp", "B>A udp")
	want := fmt.Sprintf("%d> %d< %d<", n+1, n+2, n+3)
	if got := exchanged(t, fmt.Sprintf(":%d", n+3), packets...); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	// What it has itself beyond the bound is counted.
	packets = append(packets[n:n+1:n+1], slices.Repeat([]string{"A>B udp"}, maxExchange+2)...)
	if got := exchanged(t, "", packets...); !strings.HasSuffix(got, fmt.Sprintf(" %d> and 3", maxExchange)) {
		t.Errorf("ends with %q", got[max(0, len(got)-40):])
	}
}

// TestExchangeInterface: the same packet on another interface is not another packet.
func TestExchangeInterface(t *testing.T) {
	var recs []record
	for _, ifindex := range []byte{4, 5, 4} {
		ip := packettest.Frame(t, sentBy(t, "A>B syn"))[14:]
		b := append([]byte{8, 0, 0, 0, 0, 0, 0, ifindex, 0, 1, 0, 6, 2, 1, 0, 0, 0, 0, 0, 0}, ip...)
		recs = append(recs, record{data: b, wire: len(b)})
	}
	for n, want := range map[int]string{0: "1 3", 2: "2", 3: "1 3"} {
		text, err := numbers(exchangeIn(bytes.NewReader(pcapOf(binary.LittleEndian, 0xa1b2c3d4, 276, recs...)), n))
		if err != nil || text != want {
			t.Errorf("frame %d: %s, %v; want %s", n, text, err, want)
		}
	}
}

// numbers returns the numbers of a connection's frames, and what is missing.
func numbers(e *Exchange, err error) (string, error) {
	if err != nil {
		return "", err
	}
	var got []string
	for _, f := range e.Frames {
		got = append(got, fmt.Sprint(f.Number))
	}
	if e.Unreadable > 0 {
		got = append(got, fmt.Sprintf("%d unread, %v", e.Unreadable, e.Unread))
	}
	if e.End != nil {
		got = append(got, e.End.Error())
	}
	return strings.Join(got, " "), nil
}

// TestExchangeUnnamed: the frames of pcapng's unnamed interface 0 are of one interface, before and
// after the file describes a second one, and not those of the first interface of another section.
func TestExchangeUnnamed(t *testing.T) {
	order := binary.LittleEndian
	iface := ngBlock(order, blockInterface, append(order.AppendUint16(nil, 1), 0, 0, 0, 0, 0, 0))
	frame := func(id uint32, text string) []byte {
		b := packettest.Frame(t, sentBy(t, text))
		body := append(order.AppendUint32(nil, id), make([]byte, 8)...)
		body = append(order.AppendUint32(order.AppendUint32(body, uint32(len(b))), uint32(len(b))), b...)
		return ngBlock(order, blockPacket, append(body, make([]byte, (4-len(b)%4)%4)...))
	}
	file := bytes.Join([][]byte{ngOf(order, 1), frame(0, "A>B syn"), iface, frame(1, "B>A syn-ack"), frame(0, "B>A syn-ack"), ngOf(order, 1), frame(0, "A>B ack")}, nil)
	for n, want := range map[int]string{0: "1 3", 2: "2", 3: "1 3", 4: "4"} {
		if got, err := numbers(exchangeIn(bytes.NewReader(file), n)); got != want || err != nil {
			t.Errorf("frame %d: %s, %v; want %s", n, got, err, want)
		}
	}
}

// TestExchangeDamaged: what a file has is used; frames that cannot be read are counted, and a file
// that ends within a frame is said to.
func TestExchangeDamaged(t *testing.T) {
	whole := func(text string) record {
		b := packettest.Frame(t, sentBy(t, text))
		return record{data: b, wire: len(b)}
	}
	cut := whole("A>B ack")
	cut.data = cut.data[:20] // within the IP header
	file := pcapOf(binary.LittleEndian, 0xa1b2c3d4, 1, cut, whole("A>B syn"), cut, whole("B>A syn-ack"), whole("A>B ack"))
	var unread = "frame 1: "
	for lost, want := range map[int]string{0: "2 4 5", 1: "2 4", 60: "2 4", 70: "2 4"} {
		got, err := numbers(exchangeIn(bytes.NewReader(file[:len(file)-lost]), 0))
		want += " 2 unread, " + unread
		if !strings.HasPrefix(got, want) || err != nil || strings.HasSuffix(got, "frame 5: the file ends within it") != (lost > 0 && lost < 70) {
			t.Errorf("%d bytes lost: %s, %v; want %s", lost, got, err, want)
		}
	}
	// A chosen frame that the file does not have whole is an error.
	if _, err := exchangeIn(bytes.NewReader(file[:len(file)-1]), 5); err == nil {
		t.Error("frame 5 is not whole")
	}
}

// TestRealExchange: the connections of the corpus.
func TestRealExchange(t *testing.T) {
	for _, file := range []string{"ether.pcap", "cooked.pcap", "cooked2.pcap", "nflog.pcap"} {
		read, err := ReadExchange(filepath.Join(corpus, file))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range read.Frames {
			got = append(got, map[bool]string{true: "<", false: ">"}[f.Reply]+f.Packet.TCPFlags.String())
		}
		if text := strings.Join(got, " "); text != ">syn <syn|ack >ack >psh|ack <ack <psh|ack >ack >fin|ack <fin|ack >ack" {
			t.Errorf("%s: %s", file, text)
		}
	}
	all := must(readAll(t, "ether.pcap"))
	for i, f := range all {
		if f.Packet.Proto == packet.ProtoUDP && f.Packet.DstPort == 5353 && len(f.Packet.VLANs) == 0 {
			read, err := ReadExchange(fmt.Sprintf("%s:%d", filepath.Join(corpus, "ether.pcap"), i+1))
			if err != nil {
				t.Fatal(err)
			}
			if frames := read.Frames; len(frames) != 2 || frames[0].Reply || !frames[1].Reply || !frames[1].Packet.IsICMPError() {
				t.Errorf("frame %d: %v, %v", i+1, frames, err)
			}
		}
	}
}

// FuzzExchange: whatever a file contains, its frames are of the connection chosen, in their order.
func FuzzExchange(f *testing.F) {
	for _, data := range forms(f) {
		f.Add(data, uint8(1))
	}
	f.Fuzz(func(t *testing.T, data []byte, n uint8) {
		read, err := exchangeIn(bytes.NewReader(data), max(int(n), 1))
		if (err != nil) == (read != nil) {
			t.Fatal("an error with frames, or neither")
		}
		if err != nil {
			return
		}
		found, frames := false, read.Frames
		for i, f := range frames {
			if i > 0 && f.Number <= frames[i-1].Number {
				t.Fatal("frames are not in their order")
			}
			found = found || f.Number == max(int(n), 1)
		}
		if !found {
			t.Fatal("the chosen frame is missing")
		}
	})
}
