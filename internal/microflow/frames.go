package microflow

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
)

// FromHex reads an Ethernet frame from hex digits. Blanks, colons, dashes, dots and 0x may separate
// bytes, and tcpdump's offsets (0x0010:) may precede them.
func FromHex(text string) (Microflow, error) {
	fail := func(off int, format string, args ...any) (Microflow, error) {
		return Microflow{}, &SyntaxError{In: text, Off: off, Msg: fmt.Sprintf(format, args...),
			Hint: "an Ethernet frame, such as ovs-ofctl compose-packet --bare prints"}
	}
	var frame []byte
	var at []int // the offset of each byte in the text
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
	mf, err := fromFrame(frame, len(frame))
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

func isHex(c byte) bool { return strings.IndexByte("0123456789abcdefABCDEF", c) >= 0 }

// offsetLen returns the length of an offset as tcpdump -xx prints it before every sixteen bytes, or
// 0.
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

// fromFrame reads a frame of wire bytes; a capture may have cut off its end.
func fromFrame(frame []byte, wire int) (Microflow, error) {
	p, payload, err := packet.Decode(frame, wire)
	if err != nil {
		return Microflow{}, err
	}
	return Microflow{Packet: p, Given: HasAll, Within: within(p, payload, max(0, wire-len(frame)))}, nil
}

// FromPcap reads a frame of a pcap or pcapng file, given as FILE or FILE:N; the first frame is 1.
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

// ReadPcap reads frame n, the first being 1, of a capture in either format.
func ReadPcap(r io.Reader, n int) (Microflow, error) {
	c, err := openCapture(r)
	if err != nil {
		return Microflow{}, err
	}
	for i := 1; ; i++ {
		rec, err := c.read(i == n)
		switch {
		case errors.Is(err, io.ErrUnexpectedEOF):
			return Microflow{}, fmt.Errorf("frame %d: the file ends within it", i)
		case errors.Is(err, io.EOF):
			return Microflow{}, fmt.Errorf("it has %d whole frames, there is no frame %d", i-1, n)
		case err == nil && i < n:
			continue
		case err == nil && rec.link != linkEthernet:
			err = wrongLink(rec.link)
		}
		var mf Microflow
		if err == nil {
			// If a capture claims to have kept more than the frame's length, all of it is taken as
			// the frame.
			mf, err = fromFrame(rec.data, max(rec.wire, len(rec.data)))
		}
		if err != nil {
			return Microflow{}, fmt.Errorf("frame %d: %w", i, err)
		}
		return mf, nil
	}
}
