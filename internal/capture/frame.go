package capture

import (
	"errors"
	"fmt"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
)

// Frame is a frame of a capture, or one given as bytes.
type Frame struct {
	File   string // as it was named; empty for bytes
	Number int    // in the file, from 1
	// Interface is where it was captured, as far as the file says: a name, "interface 2" of pcapng,
	// "ifindex 5" of Linux cooked v2 and nflog.
	Interface string
	// at tells interfaces apart: Interface is written otherwise once a file has named a second one.
	at       origin
	Link     string   // name of the link type: "Linux cooked v2"
	Comments []string // of the packet; also the prefix of an nflog rule

	Packet packet.Packet
	// NoSrc and NoDst say that the frame does not have this Ethernet address.
	NoSrc, NoDst bool
	// Cut is the error of a capture that kept only a part of the last header; Cut.Lacks are then
	// missing in Packet. Nil otherwise.
	Cut *packet.CutError
	// Tunnel is the tunnel that Packet is a packet of; nil for any other packet.
	Tunnel *Tunnel
}

// Name names the frame for a user: "frame 3 of FILE", or "the frame".
func (f Frame) Name() string {
	if f.Number == 0 {
		return "the frame"
	}
	return fmt.Sprintf("frame %d of %s", f.Number, f.File)
}

// Ethernet reads an Ethernet frame of wire bytes, of which the end may have been cut off. The
// errors are those of packet.Decode.
func Ethernet(b []byte, wire int) (Frame, error) {
	return readFrame(record{data: b, wire: wire, link: linkEthernet})
}

// readFrame reads a frame of any link type.
func readFrame(rec record) (Frame, error) {
	c, err := contentOf(rec)
	if err != nil {
		return Frame{}, err
	}
	f := Frame{Interface: rec.iface, Comments: rec.comments, Link: c.link, at: rec.at}
	f.at.index = c.index
	if f.Interface == "" && c.index != 0 {
		f.Interface = fmt.Sprintf("ifindex %d", c.index)
	}
	if c.note != "" {
		f.Comments = append(f.Comments, c.note)
	}
	d, err := decode(c.ethType, c.data, c.wire)
	if err != nil {
		return Frame{}, shifted(err, c.off)
	}
	f.Packet = d.packet
	if d.cut != nil {
		f.Cut = shiftedCut(d.cut, c.off)
	}
	if c.ethType != 0 {
		f.Packet.EthSrc, f.Packet.EthDst = c.src, c.dst
		f.NoSrc, f.NoDst = c.src.IsZero(), c.dst.IsZero()
	}
	f.Tunnel = tunnelOf(d.packet, d.payload, max(0, c.wire-len(c.data)))
	return f, nil
}

// decoded is a packet, and what follows its last header.
type decoded struct {
	packet  packet.Packet
	payload []byte
	cut     *packet.CutError // nil: no header was cut
}

// decode reads a packet of an Ethernet type, 0 for a whole Ethernet frame. Of a header that a
// capture has cut it uses what was kept, if that identifies the packet's flow.
func decode(ethType uint16, b []byte, wire int) (d decoded, err error) {
	if ethType == 0 {
		d.packet, d.payload, err = packet.Decode(b, wire)
	} else {
		d.packet, d.payload, err = packet.DecodeBehind(ethType, b, wire)
	}
	if errors.As(err, &d.cut) && d.cut.Packet != nil {
		d.packet, err = *d.cut.Packet, nil
	}
	return d, err
}

// shifted returns a decoder's error with offsets that are off bytes larger.
func shifted(err error, off int) error {
	var de *packet.DecodeError
	var ce *packet.CutError
	switch {
	case errors.As(err, &de):
		return &packet.DecodeError{Off: de.Off + off, Msg: de.Msg}
	case errors.As(err, &ce):
		return shiftedCut(ce, off)
	}
	return err
}

func shiftedCut(e *packet.CutError, off int) *packet.CutError {
	moved := *e
	moved.Off, moved.Have = e.Off+off, e.Have+off
	return &moved
}
