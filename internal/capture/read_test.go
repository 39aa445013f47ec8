package capture

import (
	"bytes"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet/packettest"
)

// frameOf makes a frame that 10.0.0.3 or fd00::3 sends: "--to 10.0.0.5:80/tcp", optionally with a
// VLAN tag.
func frameOf(t testing.TB, line string) []byte {
	t.Helper()
	words := strings.Fields(line)
	addr, proto, _ := strings.Cut(words[1], "/")
	to, err := netip.ParseAddrPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	p := packet.Packet{EthSrc: packet.MAC{0x0a, 0, 0, 0, 0, 1}, EthDst: packet.MAC{0x0a, 0, 0, 0, 0, 0xfe}, EthType: packet.EthIPv4, TTL: 64,
		Src: netip.MustParseAddr("10.0.0.3"), Dst: to.Addr(), Proto: packet.ProtoTCP, SrcPort: 46982, DstPort: to.Port(), TCPFlags: packet.FlagSYN}
	if to.Addr().Is6() {
		p.EthType, p.Src = packet.EthIPv6, netip.MustParseAddr("fd00::3")
	}
	if proto == "udp" {
		p.Proto, p.TCPFlags = packet.ProtoUDP, 0
	}
	if slices.Contains(words, "vlan.vid") {
		p.VLANs = []packet.VLAN{{TPID: packet.EthVLAN, VID: 7}}
	}
	return packettest.Frame(t, p)
}

// captures writes two frames in both formats.
func captures(t testing.TB, linkType layers.LinkType, snap int) map[string][]byte {
	frames := [][]byte{frameOf(t, "--to 10.0.0.5:80/tcp"), frameOf(t, "--to [fd00::5]:53/udp")}
	var old, ng bytes.Buffer
	w := pcapgo.NewWriter(&old)
	if err := w.WriteFileHeader(65535, linkType); err != nil {
		t.Fatal(err)
	}
	n, err := pcapgo.NewNgWriter(&ng, linkType)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range frames {
		cut := f[:min(len(f), snap)]
		if err := w.WritePacket(gopacket.CaptureInfo{CaptureLength: len(cut), Length: len(f)}, cut); err != nil {
			t.Fatal(err)
		}
		if err := n.WritePacket(gopacket.CaptureInfo{CaptureLength: len(cut), Length: len(f)}, cut); err != nil {
			t.Fatal(err)
		}
	}
	if err := n.Flush(); err != nil {
		t.Fatal(err)
	}
	return map[string][]byte{"pcap": old.Bytes(), "pcapng": ng.Bytes()}
}

func TestReadFile(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	for kind, data := range captures(t, layers.LinkTypeEthernet, 1<<16) {
		file := write("ok."+kind, data)
		for spec, want := range map[string]string{
			file:          "tcp 10.0.0.3:46982 > 10.0.0.5:80 [syn] ttl 64",
			file + ":1":   "tcp 10.0.0.3:46982 > 10.0.0.5:80 [syn] ttl 64",
			file + ":2":   "udp [fd00::3]:46982 > [fd00::5]:53 ttl 64",
			file + ":3":   "it has 2 whole frames, there is no frame 3",
			file + ":0":   `"0" is no frame number: they count from 1`,
			file + ":two": `"two" is no frame number: they count from 1`,
		} {
			mf, err := ReadFile(spec)
			if err != nil && !strings.HasSuffix(err.Error(), want) || err == nil && mf.Packet.String() != want {
				t.Errorf("%s: %v, %v", spec, mf.Packet, err)
			}
		}
		file = write("cut."+kind, data[:len(data)-20])
		if _, err := ReadFile(file + ":2"); err == nil || !strings.Contains(err.Error(), "frame 2") {
			t.Errorf("%s: %v", file, err)
		}
	}
	for kind, data := range captures(t, layers.LinkTypePPP, 1<<16) {
		file := write("usb."+kind, data)
		if _, err := ReadFile(file); err == nil || !strings.HasPrefix(err.Error(), file+": frame 1: link type ") || !strings.Contains(err.Error(), "is not read") {
			t.Errorf("%s: %v", kind, err)
		}
	}
	for kind, data := range captures(t, layers.LinkTypeEthernet, 37) {
		file := write("snap."+kind, data)
		if _, err := ReadFile(file); err == nil || err.Error() != file+": frame 1: the capture cut it at 37 bytes, within the tcp header" {
			t.Errorf("%s: %v", kind, err)
		}
	}
	for name, data := range map[string]string{"empty": "", "text": "hello, world, this is no capture at all"} {
		if _, err := ReadFile(write(name, []byte(data))); err == nil || !strings.Contains(err.Error(), "neither pcap nor pcapng") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ReadFile(filepath.Join(dir, "nothing:1")); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Error(err)
	}
}

// TestMixedCapture: frames of all interfaces of a pcapng file are counted; a pcap file may have
// nanoseconds.
func TestMixedCapture(t *testing.T) {
	frame := frameOf(t, "--to 10.0.0.5:80/tcp vlan.vid == 7 && ip4")
	var ng, nanos bytes.Buffer
	w, err := pcapgo.NewNgWriter(&ng, layers.LinkTypeIEEE802_11)
	if err != nil {
		t.Fatal(err)
	}
	ether, err := w.AddInterface(pcapgo.NgInterface{LinkType: layers.LinkTypeEthernet})
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{0, ether} {
		if err := w.WritePacket(gopacket.CaptureInfo{CaptureLength: len(frame), Length: len(frame), InterfaceIndex: i}, frame); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	n := pcapgo.NewWriterNanos(&nanos)
	if err := n.WriteFileHeader(65535, layers.LinkTypeEthernet); err != nil {
		t.Fatal(err)
	}
	if err := n.WritePacket(gopacket.CaptureInfo{CaptureLength: len(frame), Length: len(frame)}, frame); err != nil {
		t.Fatal(err)
	}
	const want = "vlan 7 tcp 10.0.0.3:46982 > 10.0.0.5:80 [syn] ttl 64"
	if _, err := Read(bytes.NewReader(ng.Bytes()), 1); err == nil || !strings.Contains(err.Error(), "frame 1: link type 105 (IEEE 802.11) is not read") {
		t.Errorf("a frame that is not Ethernet: %v", err)
	}
	if mf, err := Read(bytes.NewReader(ng.Bytes()), 2); err != nil || mf.Packet.String() != want {
		t.Errorf("frame 2 of pcapng: %v, %v", mf.Packet, err)
	}
	if mf, err := Read(&nanos, 1); err != nil || mf.Packet.String() != want {
		t.Errorf("pcap with nanoseconds: %v, %v", mf.Packet, err)
	}
}

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }
