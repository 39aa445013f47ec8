package packet

import (
	"errors"
	"fmt"
)

// CutError is the error of a frame of which a capture kept only Have bytes: the header at Off is
// incomplete.
type CutError struct {
	Off, Have int
	What      string // the incomplete header: "tcp header"
	// Packet contains the complete headers, and what the capture kept of the incomplete one. It is
	// nil if that does not identify a packet's flow: addresses, and ports or ICMP type and code.
	Packet *Packet
	// Lacks are the parts that Packet does not have, and that tracing uses.
	Lacks Lack
}

// Error returns, for example, "the capture cut it at 40 bytes, within the tcp header".
func (e *CutError) Error() string {
	return fmt.Sprintf("the capture cut it at %d bytes, within the %s", e.Have, e.What)
}

// Lack is a set of parts that a capture has cut off.
type Lack uint8

// The parts that an incomplete header may lack.
const (
	LackTCPFlags Lack = 1 << iota
	LackICMPID
)

// String returns the parts in words: "tcp flags".
func (l Lack) String() string {
	switch l {
	case 0:
		return "nothing"
	case LackTCPFlags:
		return "tcp flags"
	case LackICMPID:
		return "icmp id"
	}
	return fmt.Sprintf("Lack(%d)", uint8(l))
}

// cutPorts adds the packet to the error of a transport header that begins at start and of which b
// contains what was captured: the ports are its first four bytes, TCP's flags end with the
// fourteenth.
func (d *decoder) cutPorts(start int, b []byte) {
	var cut *CutError
	have := len(d.in) - start
	if !errors.As(d.err, &cut) || have < 4 {
		return
	}
	switch {
	case d.p.Proto == ProtoTCP && have < 14:
		cut.Lacks = LackTCPFlags
	case d.p.Proto == ProtoTCP:
		d.p.TCPFlags = TCPFlags(be16(b[12:])) & AllTCPFlags
	}
	p := d.p
	cut.Packet = &p
}

// cutICMP is cutPorts for an ICMP header: type and code are its first two bytes, the id ends with
// the sixth. Neighbour discovery is not read without its target.
func (d *decoder) cutICMP(start int, b []byte) {
	var cut *CutError
	have := len(d.in) - start
	if !errors.As(d.err, &cut) || have < 2 {
		return
	}
	d.p.ICMPType, d.p.ICMPCode = b[0], b[1]
	switch {
	case d.p.IsND():
		return
	case d.p.IsQuery() && have < 6:
		cut.Lacks = LackICMPID
	case d.p.IsQuery():
		d.p.ICMPID, d.p.HasID = be16(b[4:]), true
	}
	p := d.p
	cut.Packet = &p
}
