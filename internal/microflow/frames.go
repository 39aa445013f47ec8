package microflow

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/capture"
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
	f, err := capture.Ethernet(frame, len(frame))
	var de *packet.DecodeError
	if errors.As(err, &de) {
		off := len(text)
		if de.Off < len(at) {
			off = at[de.Off]
		}
		return fail(off, "byte %d: %s", de.Off, de.Msg)
	}
	if err != nil {
		return Microflow{}, err
	}
	mf := FromFrame(f)
	mf.Text = text
	return mf, nil
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

// FromPcap reads a frame of a pcap or pcapng file, given as FILE or FILE:N; the first frame is 1.
func FromPcap(spec string) (Microflow, error) {
	f, err := capture.ReadFile(spec)
	if err != nil {
		return Microflow{}, err
	}
	mf := FromFrame(f)
	mf.Text = spec
	return mf, nil
}

// FromFrame makes a microflow of a captured frame. Everything is given, but for what the frame does
// not have: Ethernet addresses that its link type lacks, and what the capture cut off.
func FromFrame(f capture.Frame) Microflow {
	mf := Microflow{Packet: f.Packet, Given: HasAll, Frame: &f}
	if f.NoSrc {
		mf.Given &^= HasEthSrc
	}
	if f.NoDst {
		mf.Given &^= HasEthDst
	}
	if f.Cut != nil && f.Cut.Lacks == packet.LackTCPFlags {
		mf.Given &^= HasTCPFlags
	}
	if f.Cut != nil && f.Cut.Lacks == packet.LackICMPID {
		mf.Given &^= HasICMPID
	}
	return mf
}

// Notes lists what a user should know of the frame that a microflow was made of, after Fill: where
// it was captured, its comments, and what was filled in. Each note names the frame.
func (mf *Microflow) Notes() []string {
	f := mf.Frame
	if f == nil {
		return nil
	}
	var out []string
	add := func(format string, args ...any) { out = append(out, f.Name()+": "+fmt.Sprintf(format, args...)) }
	if f.Interface != "" {
		add("captured on %s (%s)", f.Interface, f.Link)
	}
	for _, c := range f.Comments {
		add("comment: %s", c)
	}
	src, dst := fmt.Sprintf("eth.src %v", mf.Packet.EthSrc), fmt.Sprintf("eth.dst %v", mf.Packet.EthDst)
	switch sends := fmt.Sprintf("what %s sends with", mf.InPort); {
	case f.NoSrc && f.NoDst:
		add("%s has no Ethernet addresses: %s and %s are %s", f.Link, src, dst, sends)
	case f.NoSrc:
		add("%s has no Ethernet source: %s is %s", f.Link, src, sends)
	case f.NoDst:
		add("%s has no Ethernet destination: %s is %s", f.Link, dst, sends)
	}
	switch {
	case f.Cut == nil:
	case f.Cut.Lacks == packet.LackTCPFlags:
		add("%v: tcp flags are missing, and taken as %v", f.Cut, mf.Packet.TCPFlags)
	case f.Cut.Lacks == packet.LackICMPID:
		add("%v: the icmp id is missing, and taken as %d", f.Cut, mf.Packet.ICMPID)
	default:
		add("%v: nothing that a trace uses is missing", f.Cut)
	}
	return out
}
