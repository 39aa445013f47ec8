package capture

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"

	"github.com/gopacket/gopacket/layers"
)

// pcapOf writes a pcap file by hand, with content that a library's writer rejects.
func pcapOf(order binary.AppendByteOrder, magic, link uint32, records ...record) []byte {
	b := order.AppendUint32(nil, magic)
	b = order.AppendUint16(order.AppendUint16(b, 2), 4)
	b = append(b, make([]byte, 8)...)
	b = order.AppendUint32(order.AppendUint32(b, 65535), link)
	for _, r := range records {
		b = append(b, make([]byte, 8)...)
		b = order.AppendUint32(order.AppendUint32(b, uint32(len(r.data))), uint32(r.wire))
		if magic == 0xa1b2cd34 {
			b = append(b, make([]byte, 8)...)
		}
		b = append(b, r.data...)
	}
	return b
}

// ngBlock makes a block of pcapng.
func ngBlock(order binary.AppendByteOrder, kind uint32, body []byte) []byte {
	body = append(body[:len(body):len(body)], make([]byte, (4-len(body)%4)%4)...)
	b := order.AppendUint32(order.AppendUint32(nil, kind), uint32(len(body)+12))
	return order.AppendUint32(append(b, body...), uint32(len(body)+12))
}

// ngOf writes a pcapng file with its frames in blocks of each kind in turn.
func ngOf(order binary.AppendByteOrder, link uint16, records ...record) []byte {
	section := order.AppendUint32(nil, 0x1a2b3c4d)
	section = order.AppendUint16(order.AppendUint16(section, 1), 0)
	out := ngBlock(order, blockSection, append(section, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff))
	out = append(out, ngBlock(order, 0xbad, []byte("of nobody"))...)
	out = append(out, ngBlock(order, blockInterface, append(order.AppendUint16(nil, link), 0, 0, 0, 0, 0, 0))...)
	for i, r := range records {
		switch i % 3 {
		case 0:
			b := append(make([]byte, 12), order.AppendUint32(order.AppendUint32(nil, uint32(len(r.data))), uint32(r.wire))...)
			out = append(out, ngBlock(order, blockPacket, append(append(b, r.data...), make([]byte, (4-len(r.data)%4)%4+4)...))...)
		case 1:
			b := append(make([]byte, 12), order.AppendUint32(order.AppendUint32(nil, uint32(len(r.data))), uint32(r.wire))...)
			out = append(out, ngBlock(order, blockOldPacket, append(b, r.data...))...)
		case 2:
			out = append(out, ngBlock(order, blockSimple, append(order.AppendUint32(nil, uint32(r.wire)), r.data...))...)
		}
	}
	return out
}

func zipped(t testing.TB, data []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write(data)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// forms are captures of three frames in every form that is read; the second claims to be shorter on
// the wire.
func forms(t testing.TB) map[string][]byte {
	first, second, third := frameOf(t, "--to 10.0.0.5:80/tcp"), frameOf(t, "--to 10.0.0.5:81/tcp"), frameOf(t, "--to 10.0.0.5:82/tcp")
	recs := []record{{data: first, wire: len(first)}, {data: second, wire: len(second) - 2}, {data: third, wire: len(third)}}
	out := map[string][]byte{}
	for name, order := range map[string]binary.AppendByteOrder{"little": binary.LittleEndian, "big": binary.BigEndian} {
		out[name+" micro"] = pcapOf(order, 0xa1b2c3d4, 1, recs...)
		out[name+" nano"] = pcapOf(order, 0xa1b23c4d, 1, recs...)
		out[name+" modified"] = pcapOf(order, 0xa1b2cd34, 1, recs...)
		out[name+" checksum"] = pcapOf(order, 0xa1b2c3d4, 0x44000001, recs...)
		out[name+" ng"] = ngOf(order, 1, recs...)
		out[name+" ng twice"] = append(ngOf(binary.BigEndian, 113, recs[:0]...), ngOf(order, 1, recs...)...)
		out[name+" ng zipped"] = zipped(t, out[name+" ng"])
		out[name+" zipped"] = zipped(t, out[name+" micro"])
	}
	return out
}

func TestCaptureForms(t *testing.T) {
	for name, data := range forms(t) {
		for n, want := range []string{"10.0.0.5:80", "10.0.0.5:81", "10.0.0.5:82"} {
			mf, err := Read(bytes.NewReader(data), n+1)
			if err != nil || !strings.Contains(mf.Packet.String(), want) {
				t.Errorf("%s: frame %d: %v, %v", name, n+1, mf.Packet, err)
			}
		}
		if _, err := Read(bytes.NewReader(data), 4); err == nil || err.Error() != "it has 3 whole frames, there is no frame 4" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCaptureRefused(t *testing.T) {
	frame := frameOf(t, "--to 10.0.0.5:80/tcp")
	rec := record{data: frame, wire: len(frame)}
	ng := ngOf(binary.LittleEndian, 1, rec)
	for _, c := range []struct {
		data []byte
		want string
	}{
		{pcapOf(binary.LittleEndian, 0xa1b2c3d4, 105, rec), "frame 1: link type 105 (IEEE 802.11) is not read: capture on an interface that has"},
		{ngOf(binary.BigEndian, 253, rec), "frame 1: link type 253 (netlink) is not read: capture on an interface that has"},
		{ngOf(binary.BigEndian, 147, rec), "frame 1: link type 147 is not read: capture on an interface that has"},
		{pcapOf(binary.LittleEndian, 0xa1b2c3d4, 1, rec)[:20], "neither pcap nor pcapng: it ends within its header"},
		{pcapOf(binary.LittleEndian, 0xa1b2c3d4, 1, rec)[:60], "frame 1: the file ends within it"},
		{pcapOf(binary.LittleEndian, 0xa1b2c3d4, 1, rec)[:30], "frame 1: the file ends within it"},
		{pcapOf(binary.LittleEndian, 0xa1b2c3d4, 1, record{data: make([]byte, maxFrame+1), wire: 60}), "frame 1: it has 262145 bytes, and none above 262144 is read"},
		{pcapOf(binary.LittleEndian, 0xa1b2c3d5, 1, rec), "neither pcap nor pcapng: it begins with d5c3b2a1"},
		{append([]byte("\xd4\xc3\xb2\xa1\x01\x00\x00\x00"), make([]byte, 20)...), "pcap of version 1.0, of which only 2.3 and 2.4 are read"},
		{[]byte("\x28\xb5\x2f\xfd and more"), "neither pcap nor pcapng: it is compressed, and only gzip is read"},
		{[]byte("\x1f\x8b"), "gzip"},
		{ng[:len(ng)-30], "frame 1: the file ends within it"},
		{append(ng[:28:28], ngBlock(binary.LittleEndian, blockPacket, make([]byte, 60))...), "frame 1: it is of interface 0, and the file has 0 so far"},
		{append(ng[:28:28], 6, 0, 0, 0, 9, 0, 0, 0), "frame 1: pcapng block of type 6 with 9 bytes"},
		{ngBlock(binary.LittleEndian, blockSection, make([]byte, 16)), "frame 1: pcapng section without a byte order"},
	} {
		_, err := Read(bytes.NewReader(c.data), 1)
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("got  %v\nwant %s", err, c.want)
		}
	}
}

// A file that cannot be read is not taken for a short one.
func TestReadFails(t *testing.T) {
	failed := errors.New("input/output error")
	header := pcapOf(binary.LittleEndian, 0xa1b2c3d4, 1)
	for _, n := range []int{0, 3, len(header) - 1, len(header)} {
		_, err := Read(io.MultiReader(bytes.NewReader(header[:n]), iotest.ErrReader(failed)), 1)
		if !errors.Is(err, failed) {
			t.Errorf("after %d bytes: %v", n, err)
		}
	}
	if _, err := ReadFile(t.TempDir()); !errors.Is(err, syscall.EISDIR) {
		t.Errorf("a directory: %v", err)
	}
}

// TestCutCapture: bytes that the capture cut off are not read as zeros; padding and trailer may be
// missing.
func TestCutCapture(t *testing.T) {
	quoting, err := hex.DecodeString("0a0000000001" + "0a0000000002" + "0800" + // 70 bytes: icmp 3/3 that quotes udp
		"4500003800000000400166c00a0000020a000001" + "0303000000000000" + "4500001c00000000401166cc0a0000020a000001" + "14e9123400080000")
	if err != nil || len(quoting) != 70 {
		t.Fatal(len(quoting), err)
	}
	ack := frameOf(t, "--to 10.0.0.5:80/tcp")
	for _, c := range []struct {
		frame      []byte
		keep, wire int
		want       string
	}{
		{quoting, 70, 70, "about udp 10.0.0.2:5353 > 10.0.0.1:4660"}, {quoting, 66, 70, "about udp 10.0.0.2:5353 > 10.0.0.1:4660"},
		{quoting, 64, 70, "type 3 code 3 ttl 64"}, {quoting, 60, 70, "type 3 code 3 ttl 64"}, {quoting, 43, 70, "type 3 code 3 ttl 64"},
		{quoting, 42, 70, "type 3 code 3 ttl 64"}, {quoting, 41, 70, "type 3 code 3 ttl 64; the capture cut it at 41 bytes, within the icmp header, nothing"},
		{quoting, 35, 70, "frame 1: the capture cut it at 35 bytes, within the icmp header"},
		{ack, 54, 60, "tcp 10.0.0.3:46982 > 10.0.0.5:80"}, {append(ack, make([]byte, 6)...), 57, 60, "tcp 10.0.0.3:46982 > 10.0.0.5:80"},
		{ack, 53, 60, "tcp 10.0.0.3:46982 > 10.0.0.5:80 [syn] ttl 64; the capture cut it at 53 bytes, within the tcp header, nothing"},
		{ack, 47, 60, "tcp 10.0.0.3:46982 > 10.0.0.5:80 [0] ttl 64; the capture cut it at 47 bytes, within the tcp header, tcp flags"},
		{ack, 37, 60, "frame 1: the capture cut it at 37 bytes, within the tcp header"},
	} {
		rec := record{data: c.frame[:c.keep], wire: c.wire}
		for name, data := range map[string][]byte{"pcap": pcapOf(binary.LittleEndian, 0xa1b2c3d4, 1, rec), "pcapng": ngOf(binary.BigEndian, 1, rec)} {
			mf, err := Read(bytes.NewReader(data), 1)
			got := mf.Packet.String()
			if mf.Cut != nil {
				got += fmt.Sprintf("; %v, %v", mf.Cut, mf.Cut.Lacks)
			}
			if err != nil {
				got = err.Error()
			}
			if !strings.Contains(got, c.want) {
				t.Errorf("%s, %d of %d: got %s, want %s", name, c.keep, c.wire, got, c.want)
			}
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, data := range captures(f, layers.LinkTypeEthernet, 1<<16) {
		f.Add(data)
	}
	for _, data := range forms(f) {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for n := 1; n < 4; n++ {
			if f, err := Read(bytes.NewReader(data), n); err != nil && !reflect.ValueOf(f).IsZero() {
				t.Errorf("an error with a packet: %v", err)
			}
		}
	})
}
