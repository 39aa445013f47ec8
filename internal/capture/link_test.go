package capture

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv"
)

const corpus = "../../testdata/captures"

// readAll reads every frame of a file of the corpus; a frame that is refused has its error.
func readAll(t testing.TB, name string) (frames []Frame, errs []error) {
	t.Helper()
	f, err := os.Open(filepath.Join(corpus, name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	c, err := open(f)
	if err != nil {
		t.Fatal(err)
	}
	for i := 1; ; i++ {
		rec, err := c.next(i, true)
		if err != nil {
			return frames, errs
		}
		f, err := readFrame(rec)
		frames, errs = append(frames, f), append(errs, err)
	}
}

// TestSamePackets: the packets of one run, captured in every form at once, are the same packets,
// but for what a form does not have.
func TestSamePackets(t *testing.T) {
	ether, errs := readAll(t, "ether.pcap")
	if len(ether) != 31 || slices.ContainsFunc(errs, func(err error) bool { return err != nil }) {
		t.Fatalf("%d frames, %v", len(ether), errs)
	}
	equal := cmp.Comparer(func(a, b packet.Packet) bool { return fmt.Sprint(a) == fmt.Sprint(b) && a.Length == b.Length })
	for _, c := range []struct {
		file, link string
		frames     int
		change     func(p *packet.Packet)
		iface      string
	}{
		{"nano.pcap", "Ethernet", 31, func(*packet.Packet) {}, ""},
		{"cooked.pcap", "Linux cooked v1", 33, func(p *packet.Packet) { p.EthDst = packet.MAC{} }, ""},
		// libpcap has no VLAN support for it: the tag is lost.
		{"cooked2.pcap", "Linux cooked v2", 33, func(p *packet.Packet) { p.EthDst, p.VLANs = packet.MAC{}, nil }, "ifindex 2"},
	} {
		got, errs := readAll(t, c.file)
		if len(got) != c.frames {
			t.Errorf("%s: %d frames, not %d", c.file, len(got), c.frames)
		}
		var same []Frame
		for i, f := range got {
			if errs[i] != nil {
				t.Errorf("%s: frame %d: %v", c.file, i+1, errs[i])
			}
			if f.Link != c.link {
				t.Errorf("%s: frame %d is of %s", c.file, i+1, f.Link)
			}
			if strings.Contains(c.link, "cooked") && !f.NoDst && f.Packet.EthDst != packet.Broadcast {
				t.Errorf("%s: frame %d: destination %v", c.file, i+1, f.Packet.EthDst)
			}
			if f.NoSrc && c.link != "Ethernet" { // of the interface without Ethernet
				continue
			}
			if f.Interface != c.iface {
				t.Errorf("%s: frame %d is of %q", c.file, i+1, f.Interface)
			}
			same = append(same, f)
		}
		if len(same) != len(ether) {
			t.Fatalf("%s: %d frames with a source address", c.file, len(same))
		}
		for i, f := range same {
			want := ether[i].Packet
			if c.change(&want); f.Packet.EthDst == packet.Broadcast {
				want.EthDst = packet.Broadcast
			}
			if d := cmp.Diff(want, f.Packet, equal); d != "" {
				t.Errorf("%s: frame %d: %v, not %v", c.file, i+1, f.Packet, want)
			}
		}
	}
}

// TestNFLog: nflog has the network header of each packet that the rules of the run logged; what was
// received has its Ethernet header beside it.
func TestNFLog(t *testing.T) {
	got, errs := readAll(t, "nflog.pcap")
	var text []string
	for i, f := range got {
		if errs[i] != nil || f.Link != "nflog" {
			t.Fatal(i+1, f.Link, errs[i])
		}
		in := f.Packet.Src == addr("10.0.0.5") || f.Packet.Src == addr("fd00::5")
		if f.NoSrc == in || f.NoDst == in || (f.Packet.EthSrc == packet.MAC{10, 0, 0, 0, 0, 2}) != in || (f.Packet.EthDst == packet.MAC{10, 0, 0, 0, 0, 1}) != in {
			t.Errorf("frame %d: %+v", i+1, f)
		}
		if comment := strings.Join(f.Comments, "; "); (comment == "to the server") == in {
			t.Errorf("frame %d: comment %q", i+1, comment)
		}
		text = append(text, f.Packet.String())
	}
	var want []string
	for _, f := range must(readAll(t, "cooked.pcap")) {
		if p := f.Packet; p.IsIP() && (p.HasPorts() || p.IsICMPError()) && len(p.VLANs) == 0 && !(p.IsICMPv6() && p.IsICMPError()) {
			want = append(want, p.String())
		}
	}
	if d := cmp.Diff(want, text); d != "" || len(text) != 24 {
		t.Errorf("%d frames: -cooked +nflog\n%s", len(text), d)
	}
}

func must(f []Frame, _ []error) []Frame { return f }

// TestRaw: an interface without Ethernet.
func TestRaw(t *testing.T) {
	got, errs := readAll(t, "raw.pcap")
	if len(got) != 2 || errs[0] != nil || errs[1] != nil || !got[1].NoSrc || !got[1].NoDst || got[1].Link != "raw IP" ||
		got[1].Packet.String() != "udp 10.0.8.3:41009 > 10.0.8.5:5353 ttl 64" || !got[0].Packet.IsICMPv6() {
		t.Errorf("%+v, %v", got, errs)
	}
}

// TestCut: of a capture of 46 bytes a frame, TCP's flags over IPv4 are missing, and IPv6 is
// refused.
func TestCut(t *testing.T) {
	whole := must(readAll(t, "ether.pcap"))
	got, errs := readAll(t, "cut.pcap")
	seen := map[string]int{}
	for i, f := range got {
		if errs[i] != nil {
			seen[errs[i].Error()]++
			continue
		}
		want := whole[i].Packet
		switch {
		case f.Cut == nil:
			seen["whole"]++
			if want.IsICMPError() {
				want.Inner = nil
			}
		default:
			seen[f.Cut.Error()+", "+f.Cut.Lacks.String()]++
			want.TCPFlags = 0
		}
		if f.Packet.String() != want.String() {
			t.Errorf("frame %d: %v, not %v", i+1, f.Packet, want)
		}
	}
	var text []string
	for _, k := range slices.Sorted(maps.Keys(seen)) {
		text = append(text, fmt.Sprintf("%d %s", seen[k], k))
	}
	want := []string{"10 the capture cut it at 46 bytes, within the tcp header, tcp flags", "16 the capture cut it at 46 bytes, within the IPv6 header", "5 whole"}
	slices.Sort(want)
	slices.Sort(text)
	if d := cmp.Diff(want, text); d != "" {
		t.Error(d)
	}
}

var macText = regexp.MustCompile(`([0-9a-f]{2}:){5}[0-9a-f]{2}`)

// TestAgainstTCPDump: tcpdump reads the same out of every frame of the corpus.
func TestAgainstTCPDump(t *testing.T) {
	tool := testenv.Tool(t, "tcpdump")
	checked := 0
	for _, file := range testenv.Corpus(t, filepath.Join(corpus, "*.pcap")) {
		out, err := exec.CommandContext(t.Context(), tool, "-r", file, "-n", "-e", "-t").Output()
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		frames, errs := readAll(t, filepath.Base(file))
		if len(lines) != len(frames) {
			t.Fatalf("%s: tcpdump reads %d frames, we %d", file, len(lines), len(frames))
		}
		for i, f := range frames {
			if errs[i] != nil {
				continue
			}
			for _, want := range dumped(f) {
				if checked++; !strings.Contains(lines[i], want) {
					t.Errorf("%s: frame %d: no %q in\n%s", file, i+1, want, lines[i])
				}
			}
			if f.Link == "nflog" {
				continue // tcpdump does not print its addresses
			}
			if mac := macText.FindString(lines[i]); (mac == "") != f.NoSrc {
				t.Errorf("%s: frame %d: no source: %v, tcpdump has %q", file, i+1, f.NoSrc, mac)
			}
		}
	}
	if checked < 300 {
		t.Errorf("only %d texts were compared", checked)
	}
}

// dumped returns what tcpdump prints of a frame.
func dumped(f Frame) []string {
	p := f.Packet
	var out []string
	if !f.NoSrc && f.Link != "nflog" {
		out = append(out, p.EthSrc.String())
	}
	if f.Link == "Ethernet" {
		out = append(out, p.EthSrc.String()+" > "+p.EthDst.String())
	}
	for _, v := range p.VLANs {
		out = append(out, fmt.Sprintf("vlan %d", v.VID))
	}
	switch {
	case p.IsARP():
		if p.ARPOp == 1 {
			return append(out, fmt.Sprintf("who-has %v tell %v", p.Dst, p.Src))
		}
		return append(out, fmt.Sprintf("Reply %v is-at %v", p.Src, p.ARPSHA))
	case !p.IsIP():
		return out
	case p.HasPorts():
		out = append(out, fmt.Sprintf("%v.%d > %v.%d:", p.Src, p.SrcPort, p.Dst, p.DstPort))
	default:
		out = append(out, fmt.Sprintf("%v > %v:", p.Src, p.Dst))
	}
	if p.Proto == packet.ProtoTCP && f.Cut == nil {
		flags := ""
		for _, x := range []struct {
			f packet.TCPFlags
			s string
		}{{packet.FlagFIN, "F"}, {packet.FlagSYN, "S"}, {packet.FlagRST, "R"}, {packet.FlagPSH, "P"}, {packet.FlagACK, "."}} {
			if p.TCPFlags&x.f != 0 {
				flags += x.s
			}
		}
		out = append(out, "Flags ["+flags+"]")
	}
	if p.Inner != nil {
		out = append(out, fmt.Sprintf("udp port %d", p.Inner.DstPort))
	}
	return out
}

// TestLinks: headers of link types that the corpus has not, and what is refused.
func TestLinks(t *testing.T) {
	ip4, ip6 := frameOf(t, "--to 10.0.0.5:80/tcp")[14:], frameOf(t, "--to [fd00::5]:53/udp")[14:]
	join := func(head string, b []byte) []byte {
		h, err := hex.DecodeString(strings.ReplaceAll(head, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		return append(h, b...)
	}
	const tcp, udp = "tcp 10.0.0.3:46982 > 10.0.0.5:80 [syn] ttl 64", "udp [fd00::3]:46982 > [fd00::5]:53 ttl 64"
	cookedHead := "0001 0001 0006 0a0000000002 0000 0800"
	for _, c := range []struct {
		name  string
		link  uint32
		frame []byte
		wire  int // 0: all of it
		want  string
	}{
		{"raw", 12, ip4, 0, tcp + "; no source; no destination"},
		{"raw of OpenBSD", 14, ip6, 0, udp + "; no source; no destination"},
		{"IPv4", 228, ip4, 0, tcp + "; no source; no destination"},
		{"IPv6", 229, ip6, 0, udp + "; no source; no destination"},
		{"broadcast", 113, join(cookedHead, ip4), 0, tcp + "; from 0a:00:00:00:00:02; to ff:ff:ff:ff:ff:ff"},
		{"loopback", 113, join("0000 0304 0006 000000000000 0000 0800", ip4), 0, tcp + "; no source; no destination"},
		{"eight bytes of address", 113, join("0000 0020 0008 0a00000000020000 0800", ip4), 0, tcp + "; no source; no destination"},
		{"tag", 113, join("0000 0001 0006 0a0000000002 0000 8100 0007 86dd", ip6), 0, "vlan 7 " + udp + "; from 0a:00:00:00:00:02; no destination"},
		{"v2", 276, join("86dd 0000 00000005 0001 04 06 0a0000000002 0000", ip6), 0, udp + "; from 0a:00:00:00:00:02; no destination; on ifindex 5"},
		{"cut", 276, join("86dd 0000 00000000 0001 04 06 0a0000000002 0000", ip6[:43]), 200,
			"! the capture cut it at 63 bytes, within the udp header"},
		{"cut ports", 113, join("0004 0001 0006 0a0000000002 0000 0800", ip4[:26]), 56,
			"tcp 10.0.0.3:46982 > 10.0.0.5:80 [0] ttl 64; from 0a:00:00:00:00:02; no destination; the capture cut it at 42 bytes, within the tcp header, tcp flags"},
		{"cut header", 113, join("0004 0001", nil), 56, "! the capture cut it at 4 bytes, within the Linux cooked v1 header"},
		{"short header", 276, join("0004 0001", nil), 0, "! frame: offset 0: the frame ends inside the Linux cooked v2 header: 4 bytes of 20"},
		{"short packet", 113, join("0004 0001 0006 0a0000000002 0000 0800", ip4[:10]), 0, "! frame: offset 16: the frame ends inside the IPv4 header: 10 bytes of 20"},
		{"LLC", 113, join("0004 0001 0006 0a0000000002 0000 0004", ip4), 0, "! Linux cooked v1: protocol 0x0004 is not an Ethernet type"},
		{"netlink", 113, join("0004 0338 0000 0000000000000000 0000", ip4), 0, "! Linux cooked v1: it is a netlink message"},
		{"radiotap", 276, join("0003 0000 00000005 0323 04 06 0a0000000002 0000", ip4), 0, "! Linux cooked v2: it is a frame of IEEE 802.11"},
		{"no version", 101, make([]byte, 40), 0, "! raw IP: IP of version 0"},
		{"nothing", 101, nil, 0, "! raw IP: the frame is empty"},
		{"nflog", 239, join("0200 0005 0600 0a00 41000000 2c00 0900", ip4), 0, tcp + "; no source; no destination; A"},
		{"nflog cut by the rule", 239, join("0200 0005 1c000900", ip4[:24]), 0,
			"tcp 10.0.0.3:46982 > 10.0.0.5:80 [0] ttl 64; no source; no destination; the capture cut it at 32 bytes, within the tcp header, tcp flags"},
		{"nflog of a bridge", 239, join("0700 0005 0800 0100 86dd0300 34000900", ip6), 0, udp + "; no source; no destination"},
		{"nflog without a packet", 239, join("0200 0005 0600 0a00 41000000", nil), 0, "! nflog: it has no packet"},
		{"nflog of the future", 239, join("0201 0005", nil), 0, "! nflog: version 1, of which only 0 is read"},
		{"nflog without attributes", 239, join("0200", nil), 0, "! frame: offset 0: the frame ends inside the nflog header: 2 bytes of 4"},
		{"nflog of no length", 239, join("0200 0005 03000900", ip4), 0, "! frame: offset 4: nflog attribute of 3 bytes"},
		{"nflog of too many bytes", 239, join("0200 0005 ff000900", ip4), 0, "! frame: offset 4: nflog attribute of 255 bytes where the frame has 44"},
		{"USB", 249, ip4, 0, "! link type 249 (USB) is not read: capture on an interface that has Ethernet frames, such as the port's tap or veth"},
		{"unknown", 1000, ip4, 0, "! link type 1000 is not read: capture on an interface that has Ethernet frames, such as the port's tap or veth"},
	} {
		f, err := readFrame(record{data: c.frame, wire: max(c.wire, len(c.frame)), link: c.link, order: binary.LittleEndian})
		if got := summary(f, err); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}

// summary is what is known of a frame, in words.
func summary(f Frame, err error) string {
	if err != nil {
		return "! " + err.Error()
	}
	out := []string{f.Packet.String()}
	for _, x := range []struct {
		missing bool
		what    string
		mac     packet.MAC
	}{{f.NoSrc, "source", f.Packet.EthSrc}, {f.NoDst, "destination", f.Packet.EthDst}} {
		if x.missing {
			out = append(out, "no "+x.what)
		} else {
			out = append(out, map[string]string{"source": "from ", "destination": "to "}[x.what]+x.mac.String())
		}
	}
	if f.Interface != "" {
		out = append(out, "on "+f.Interface)
	}
	out = append(out, f.Comments...)
	if f.Cut != nil {
		out = append(out, f.Cut.Error()+", "+f.Cut.Lacks.String())
	}
	return strings.Join(out, "; ")
}

// FuzzLink: a frame of any link type is read, or refused with an error and nothing else; a part
// that is missing is missing in the packet.
func FuzzLink(f *testing.F) {
	for _, file := range testenv.Corpus(f, filepath.Join(corpus, "*.pcap")) {
		in, err := os.Open(file)
		if err != nil {
			f.Fatal(err)
		}
		c, err := open(in)
		if err != nil {
			f.Fatal(err)
		}
		for i := 1; ; i++ {
			rec, err := c.next(i, true)
			if err != nil {
				break
			}
			f.Add(rec.link, rec.data, rec.wire)
		}
		in.Close()
	}
	f.Fuzz(func(t *testing.T, link uint32, data []byte, wire int) {
		if wire < 0 || wire > maxFrame {
			return
		}
		got, err := readFrame(record{data: data, wire: wire, link: link, order: binary.LittleEndian})
		if err != nil && got.Link != "" {
			t.Fatalf("an error with a frame: %v", err)
		}
		var de *packet.DecodeError
		var ce *packet.CutError
		switch {
		case errors.As(err, &de) && de.Off > max(wire, len(data)), errors.As(err, &ce) && (ce.Have > len(data) || ce.Off > len(data)):
			t.Fatalf("%d bytes: %v", len(data), err)
		case err == nil && got.NoSrc != got.Packet.EthSrc.IsZero() && got.Link != "Ethernet":
			t.Fatalf("no source: %v, source %v", got.NoSrc, got.Packet.EthSrc)
		}
	})
}
