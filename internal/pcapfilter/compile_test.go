package pcapfilter

import (
	"bytes"
	"fmt"
	"io"
	"net/netip"
	"os/exec"
	"strings"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"golang.org/x/net/bpf"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet/packettest"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv"
)

// frames returns generated frames whose addresses and ports are those of the corpus, so that its
// filters match some of them.
func frames(t testing.TB) [][]byte {
	t.Helper()
	var out [][]byte
	all := packettest.Generate(7, 1500)
	for i := range all {
		swap(&all[i], i)
	}
	some := packet.Packet{EthType: packet.EthIPv4, Proto: packet.ProtoTCP, TTL: 64, Src: mustAddr("10.0.0.1"), Dst: mustAddr("10.0.0.2"), SrcPort: 1000, DstPort: 80}
	both := some
	both.SrcPort, both.DstPort, both.Dst = 53, 53, both.Src
	for _, p := range append(all, some, both) {
		frame, err := packettest.Encode(p)
		if err != nil {
			t.Fatal(err)
		}
		if len(frame) < 60 { // a shorter frame is rejected at the first load behind its end
			frame = append(frame, make([]byte, 60-len(frame))...)
		}
		out = append(out, frame)
	}
	// A later fragment whose payload looks like ports.
	later := append([]byte(nil), out[len(out)-2]...)
	later[20], later[21] = 0, 185
	return append(out, later)
}

// swap gives a packet addresses, ports and tags of the corpus.
func swap(p *packet.Packet, i int) {
	ports := []uint16{80, 443, 53, 9, 1000, 8080, 5000}
	for j := range p.VLANs {
		p.VLANs[j].VID = []uint16{10, 20, 0, 11}[(i+j)%4]
	}
	if p.Src.Is4() && p.Dst.Is4() {
		all := []string{"10.0.0.1", "10.0.0.2", "192.168.1.1", "30.0.0.10", "20.0.0.4", "8.8.8.8"}
		p.Src, p.Dst = mustAddr(all[i%len(all)]), mustAddr(all[i/3%len(all)])
	}
	if p.Src.Is6() && p.Dst.Is6() {
		all := []string{"fd00::1", "fd00::2", "fd00:1::1", "fd80::1", "2001:db8::1"}
		p.Src, p.Dst = mustAddr(all[i%len(all)]), mustAddr(all[i/3%len(all)])
	}
	if p.HasPorts() {
		p.SrcPort, p.DstPort = ports[i%len(ports)], ports[i/5%len(ports)]
	}
	macs := []packet.MAC{{0x50, 0x54, 0, 0, 0, 3}, {0x50, 0x54, 0, 0, 0, 4}, {0, 0, 0, 0, 0xff, 1}, packet.Broadcast, {1, 0, 0x5e, 1, 1, 1}}
	p.EthSrc, p.EthDst = macs[i%3], macs[i/2%len(macs)]
}

// matches returns the numbers of the frames that a program takes.
func matches(t *testing.T, prog []bpf.Instruction, in [][]byte) map[int]bool {
	t.Helper()
	vm, err := bpf.NewVM(prog)
	if err != nil {
		t.Fatal(err)
	}
	out := map[int]bool{}
	for i, f := range in {
		n, err := vm.Run(f)
		if err != nil {
			t.Fatal(err)
		}
		out[i] = n > 0
	}
	return out
}

// Tcpdump takes the same frames of a capture file by the same filters.
func TestTcpdump(t *testing.T) {
	tcpdump := testenv.Tool(t, "tcpdump")
	in := frames(t)
	var file bytes.Buffer
	w := pcapgo.NewWriter(&file)
	if err := w.WriteFileHeader(65535, layers.LinkTypeEthernet); err != nil {
		t.Fatal(err)
	}
	for _, f := range in {
		if err := w.WritePacket(gopacket.CaptureInfo{CaptureLength: len(f), Length: len(f)}, f); err != nil {
			t.Fatal(err)
		}
	}
	for _, filter := range corpus(t) {
		e, err := Parse(filter)
		if err != nil {
			t.Errorf("%s: %v", filter, err)
			continue
		}
		prog, err := Compile(e, 65535)
		if err != nil {
			t.Errorf("%s: %v", filter, err)
			continue
		}
		cmd := exec.Command(tcpdump, "-r", "-", "-w", "-", filter)
		var stderr bytes.Buffer
		cmd.Stdin, cmd.Stderr = bytes.NewReader(file.Bytes()), &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Errorf("tcpdump %q: %v: %s", filter, err, stderr.String())
			continue
		}
		theirs := read(t, out)
		var ours [][]byte
		for i := range in {
			if matches(t, prog, in[i:i+1])[0] {
				ours = append(ours, in[i])
			}
		}
		if len(theirs) == 0 || len(theirs) == len(in) {
			t.Errorf("%s takes %d of %d frames: the comparison shows nothing", filter, len(theirs), len(in))
		}
		if d := differ(theirs, ours); d != "" {
			t.Errorf("%s: tcpdump takes %d frames, the program %d: %s", filter, len(theirs), len(ours), d)
		}
	}
}

// differ names the first frame that one list has and the other has not.
func differ(theirs, ours [][]byte) string {
	for i := range max(len(theirs), len(ours)) {
		switch {
		case i >= len(ours) || i < len(theirs) && !bytes.Equal(theirs[i], ours[i]):
			return fmt.Sprintf("tcpdump's frame %d: %x", i, theirs[min(i, len(theirs)-1)])
		case i >= len(theirs):
			return fmt.Sprintf("the program's frame %d: %x", i, ours[i])
		}
	}
	return ""
}

func read(t *testing.T, file []byte) [][]byte {
	t.Helper()
	r, err := pcapgo.NewReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	var out [][]byte
	for {
		data, _, err := r.ReadPacketData()
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, data)
	}
}

// Targets farther than a conditional jump reaches are reached all the same.
func TestFarJumps(t *testing.T) {
	var hosts []string
	for i := range 60 {
		hosts = append(hosts, fmt.Sprintf("host 10.1.0.%d", i))
	}
	e, err := Parse("not (" + strings.Join(hosts, " or ") + ") and ip")
	if err != nil {
		t.Fatal(err)
	}
	prog, err := Compile(e, 65535)
	if err != nil {
		t.Fatal(err)
	}
	if len(prog) < 500 {
		t.Fatalf("the program has %d instructions only", len(prog))
	}
	in := frames(t)
	ip, err := Parse("ip")
	if err != nil {
		t.Fatal(err)
	}
	plain, err := Compile(ip, 65535)
	if err != nil {
		t.Fatal(err)
	}
	far, near := matches(t, prog, in), matches(t, plain, in)
	for i := range in {
		if far[i] != near[i] {
			t.Errorf("frame %x: %v, want %v", in[i], far[i], near[i])
		}
	}
	if e, err = Parse(strings.Repeat("not ", 50) + "(" + strings.Join(hosts, " or ") + ")"); err != nil {
		t.Fatal(err)
	}
	if _, err := Compile(e, 1); err != nil {
		t.Error(err)
	}
}

func mustAddr(s string) netip.Addr { return netip.MustParseAddr(s) }
