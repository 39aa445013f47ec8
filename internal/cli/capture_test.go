package cli

import (
	"encoding/binary"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet/packettest"
)

// captureMACs are the MAC addresses of the ports that captures are of.
var captureMACs = map[string]packet.MAC{"20.0.0.3": {0x40, 0x54, 0, 0, 0, 3}, "20.0.0.4": {0x40, 0x54, 0, 0, 0, 4}}

// pcap writes a capture: FILE LINK PACKET..., where PACKET is a tuple and TCP flags, such as "tcp
// 20.0.0.3:1000>20.0.0.4:80 syn|ack", or "cut N " and a packet; with "geneve KEY INGRESS EGRESS SRC
// DST " or "vxlan VNI SRC DST " before it, it is in a tunnel, and with "routed " its Ethernet source
// is a router's.
func pcap(ts *testscript.TestScript, _ bool, args []string) {
	link, err := strconv.Atoi(args[1])
	ts.Check(err)
	f, err := os.Create(ts.MkAbs(args[0]))
	ts.Check(err)
	defer f.Close()
	w := pcapgo.NewWriter(f)
	ts.Check(w.WriteFileHeader(65535, layers.LinkTypeEthernet))
	// The writer's link types have a byte.
	_, err = f.WriteAt(binary.LittleEndian.AppendUint32(nil, uint32(link)), 20)
	ts.Check(err)
	for i, text := range args[2:] {
		keep := 1 << 16
		if rest, ok := strings.CutPrefix(text, "cut "); ok {
			n, rest, _ := strings.Cut(rest, " ")
			keep, err = strconv.Atoi(n)
			ts.Check(err)
			text = rest
		}
		frame := linked(ts, link, text)
		cut := frame[:min(keep, len(frame))]
		ts.Check(w.WritePacket(gopacket.CaptureInfo{Timestamp: time.Unix(int64(i), 0), CaptureLength: len(cut), Length: len(frame)}, cut))
	}
}

// keys sets DP, IN and OUT to the tunnel keys of sw1, sw1-p1 and blue_web-2, and VNI to what a
// VXLAN tunnel of OVN has for the last.
func keys(ts *testscript.TestScript, _ bool, _ []string) {
	key := func(args ...string) uint64 {
		ts.Check(ts.Exec("ovn-sbctl", append([]string{"--db=" + ts.Getenv("SB"), "--no-leader-only", "--bare", "--columns=tunnel_key", "find"}, args...)...))
		n, err := strconv.ParseUint(strings.TrimSpace(ts.ReadFile("stdout")), 10, 32)
		ts.Check(err)
		return n
	}
	dp := key("Datapath_Binding", "external_ids:name=sw1")
	in, out := key("Port_Binding", "logical_port=sw1-p1"), key("Port_Binding", "logical_port=blue_web-2")
	for name, n := range map[string]uint64{"DP": dp, "IN": in, "OUT": out, "VNI": out<<12 | dp} {
		ts.Setenv(name, strconv.FormatUint(n, 10))
	}
}

// linked makes a frame of a link type.
func linked(ts *testscript.TestScript, link int, text string) []byte {
	frame := ethernet(ts, text)
	src, ip := frame[6:12], frame[14:]
	switch link {
	case 101:
		return ip
	case 113:
		return append(append([]byte{0, 4, 0, 1, 0, 6}, src...), append([]byte{0, 0, 8, 0}, ip...)...)
	}
	return frame
}

func ethernet(ts *testscript.TestScript, text string) []byte {
	words := strings.Fields(text)
	num := func(s string) uint32 {
		n, err := strconv.ParseUint(s, 0, 32)
		ts.Check(err)
		return uint32(n)
	}
	switch words[0] {
	case "geneve":
		head := binary.BigEndian.AppendUint32([]byte{2, 0, 0x65, 0x58}, num(words[1])<<8)
		head = binary.BigEndian.AppendUint32(append(head, 1, 2, 0x80, 1), num(words[2])<<16|num(words[3]))
		return tunnelled(ts, 6081, words[4], words[5], append(head, ethernet(ts, strings.Join(words[6:], " "))...))
	case "routed":
		frame := ethernet(ts, strings.Join(words[1:], " "))
		copy(frame[6:], []byte{0, 0, 0, 0, 0xff, 2})
		return frame
	case "vxlan":
		head := binary.BigEndian.AppendUint32([]byte{8, 0, 0, 0}, num(words[1])<<8)
		return tunnelled(ts, 4789, words[2], words[3], append(head, ethernet(ts, strings.Join(words[4:], " "))...))
	}
	t, err := ctstate.ParseTuple(words[0] + " " + words[1])
	ts.Check(err)
	p := packet.Packet{EthType: packet.EthIPv4, TTL: 64, Src: t.Src.Addr(), Dst: t.Dst.Addr(), Proto: t.Proto, SrcPort: t.Src.Port(), DstPort: t.Dst.Port()}
	p.EthSrc, p.EthDst = captureMACs[p.Src.String()], captureMACs[p.Dst.String()]
	if len(words) > 2 {
		for _, name := range strings.Split(words[2], "|") {
			p.TCPFlags |= map[string]packet.TCPFlags{"syn": packet.FlagSYN, "ack": packet.FlagACK, "rst": packet.FlagRST}[name]
		}
	}
	frame, err := packettest.Encode(p)
	ts.Check(err)
	return frame
}

// tunnelled makes the outer packet of a UDP tunnel.
func tunnelled(ts *testscript.TestScript, port uint16, src, dst string, payload []byte) []byte {
	frame, err := packettest.Encode(packet.Packet{EthSrc: packet.MAC{2, 1}, EthDst: packet.MAC{2, 2}, EthType: packet.EthIPv4, TTL: 64,
		Src: netip.MustParseAddr(src), Dst: netip.MustParseAddr(dst), Proto: packet.ProtoUDP, SrcPort: 50000, DstPort: port})
	ts.Check(err)
	frame = append(frame, payload...)
	binary.BigEndian.PutUint16(frame[16:], uint16(len(frame)-14))
	binary.BigEndian.PutUint16(frame[38:], uint16(len(payload)+8))
	return frame
}
