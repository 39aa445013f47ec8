package microflow

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/packet"
)

// FromHex reads an Ethernet frame written as hex digits. Blanks, colons, dashes, dots and 0x may stand between bytes, and
// tcpdump's offsets (0x0010:) before them.
func FromHex(text string) (Microflow, error) {
	fail := func(off int, format string, args ...any) (Microflow, error) {
		return Microflow{}, &SyntaxError{In: text, Off: off, Msg: fmt.Sprintf(format, args...),
			Hint: "an Ethernet frame, such as ovs-ofctl compose-packet --bare prints"}
	}
	var frame []byte
	var at []int // where each byte stands
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case offsetLen(text[i:]) > 0:
			i += offsetLen(text[i:])
		case c == ' ' || c >= '\t' && c <= '\r' || c == ':' || c == '-' || c == '.' || c == ',':
			i++
		case c == '0' && i+1 < len(text) && (text[i+1] == 'x' || text[i+1] == 'X'):
			i += 2
		case !isHex(c):
			return fail(i, "%q is no hex digit", text[i:i+1])
		case i+1 == len(text) || !isHex(text[i+1]):
			return fail(i, "half a byte")
		default:
			v, _ := strconv.ParseUint(text[i:i+2], 16, 8)
			frame, at = append(frame, byte(v)), append(at, i)
			i += 2
		}
	}
	mf, err := fromFrame(frame)
	var de *packet.DecodeError
	if errors.As(err, &de) {
		off := len(text)
		if de.Off < len(at) {
			off = at[de.Off]
		}
		return fail(off, "byte %d: %s", de.Off, de.Msg)
	}
	mf.Text = text
	return mf, err
}

// offsetLen is the length of an offset as tcpdump -xx prints it before every sixteen bytes, or 0.
func offsetLen(text string) int {
	const form = "0x0010:"
	if len(text) < len(form) || text[:2] != "0x" || text[len(form)-1] != ':' {
		return 0
	}
	for i := 2; i < len(form)-1; i++ {
		if !isHex(text[i]) {
			return 0
		}
	}
	return len(form)
}

func fromFrame(frame []byte) (Microflow, error) {
	p, payload, err := packet.Decode(frame)
	if err != nil {
		return Microflow{}, err
	}
	return Microflow{Packet: p, Given: HasAll, Within: within(p, payload)}, nil
}

// Ports that tunnels are known by.
const (
	portGeneve = 6081
	portVXLAN  = 4789
)

// within tells of a packet of a Geneve or VXLAN tunnel that it is one: who captured it under OVN wants what is inside.
func within(p packet.Packet, payload []byte) string {
	if !p.IsIP() || p.Proto != packet.ProtoUDP || p.DstPort != portGeneve && p.DstPort != portVXLAN || len(payload) < 8 {
		return ""
	}
	kind, header := "VXLAN", 8
	if p.DstPort == portGeneve {
		kind, header = "Geneve", 8+4*int(payload[0]&0x3f)
	}
	key := uint32(payload[4])<<16 | uint32(payload[5])<<8 | uint32(payload[6])
	inside := "what is inside"
	if len(payload) > header {
		if in, _, err := packet.Decode(payload[header:]); err == nil {
			inside = in.String()
		}
	}
	return fmt.Sprintf("the frame is of a %s tunnel (key %d), and is traced as the tunnel's; to trace %s, capture it where it enters OVN", kind, key, inside)
}

// maxFrame bounds a frame of a capture file.
const maxFrame = 256 << 10

// FromPcap reads a frame out of a pcap or pcapng file, FILE or FILE:N; the first frame is 1.
func FromPcap(spec string) (Microflow, error) {
	name, n := spec, 1
	f, err := os.Open(name)
	if i := strings.LastIndexByte(spec, ':'); errors.Is(err, os.ErrNotExist) && i >= 0 {
		v, bad := strconv.ParseUint(spec[i+1:], 10, 31)
		if bad != nil || v == 0 {
			return Microflow{}, fmt.Errorf("%s: %q is no frame number: they count from 1", spec, spec[i+1:])
		}
		name, n = spec[:i], int(v)
		f, err = os.Open(name)
	}
	if err != nil {
		return Microflow{}, err
	}
	defer f.Close()
	mf, err := ReadPcap(f, n)
	if err != nil {
		return Microflow{}, fmt.Errorf("%s: %w", name, err)
	}
	mf.Text = spec
	return mf, nil
}

// frameReader is what the two formats have in common.
type frameReader interface {
	ReadPacketData() ([]byte, gopacket.CaptureInfo, error)
	LinkType() layers.LinkType
}

// ReadPcap reads frame n, the first being 1, of a capture in either format.
func ReadPcap(r io.Reader, n int) (Microflow, error) {
	fr, err := openCapture(bufio.NewReader(r))
	if err != nil {
		return Microflow{}, err
	}
	for i := 1; ; i++ {
		data, ci, err := fr.ReadPacketData()
		if errors.Is(err, io.EOF) {
			return Microflow{}, fmt.Errorf("it has %d whole frames, there is no frame %d", i-1, n)
		}
		if err != nil {
			return Microflow{}, fmt.Errorf("frame %d: %w", i, err)
		}
		if i < n {
			continue
		}
		if lt := linkType(fr, ci); lt != layers.LinkTypeEthernet {
			return Microflow{}, fmt.Errorf("frame %d: link type is %v, not Ethernet: capture on an interface, not on \"any\"", n, lt)
		}
		mf, err := fromCapture(data, ci)
		if err != nil {
			return Microflow{}, fmt.Errorf("frame %d: %w", n, err)
		}
		return mf, nil
	}
}

// linkType is a frame's: in a pcapng file each interface has its own.
func linkType(fr frameReader, ci gopacket.CaptureInfo) layers.LinkType {
	for _, v := range ci.AncillaryData {
		if lt, ok := v.(layers.LinkType); ok {
			return lt
		}
	}
	return fr.LinkType()
}

func openCapture(r *bufio.Reader) (frameReader, error) {
	magic, err := r.Peek(4)
	if err != nil {
		return nil, errors.New("neither pcap nor pcapng: it has less than four bytes")
	}
	var fr frameReader
	if string(magic) == "\x0a\x0d\x0d\x0a" {
		// Frames of every interface count, whatever their type: the numbers are those that Wireshark shows.
		fr, err = pcapgo.NewNgReader(r, pcapgo.NgReaderOptions{WantMixedLinkType: true})
	} else {
		var old *pcapgo.Reader
		if old, err = pcapgo.NewReader(r); err == nil {
			old.SetSnaplen(maxFrame)
			fr = old
		}
	}
	if err != nil {
		return nil, fmt.Errorf("neither pcap nor pcapng: %w", err)
	}
	return fr, nil
}

// fromCapture reads a captured frame; what a snapshot length cut off behind the headers does not matter.
func fromCapture(data []byte, ci gopacket.CaptureInfo) (Microflow, error) {
	if ci.Length <= len(data) || ci.Length > maxFrame {
		return fromFrame(data)
	}
	whole := make([]byte, ci.Length)
	copy(whole, data)
	p, payload, err := packet.Decode(whole)
	if err != nil || len(whole)-len(payload) > len(data) {
		return Microflow{}, fmt.Errorf("the capture cut it at %d bytes, within its headers", len(data))
	}
	return Microflow{Packet: p, Given: HasAll, Within: within(p, payload[:max(0, len(data)-(len(whole)-len(payload)))])}, nil
}
