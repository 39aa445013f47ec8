package capture

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
)

// Exchange is a connection in a capture file.
type Exchange struct {
	Frames []Exchanged // in their order
	Rest   int         // number of its frames that are left out, after the first maxExchange
	// Unreadable is the number of frames of the file that could not be read, of this connection or of
	// others; Unread is the error of the first, which names it.
	Unreadable int
	Unread     error
	End        error // an *EndError, if the file ends within a frame: more frames may be missing
}

// Exchanged is a frame of a connection.
type Exchanged struct {
	Frame
	Reply bool // it is for the end that sent the connection's first frame
}

// maxExchange bounds the frames of one connection that are kept, and also those of others that may
// be answers to it.
const maxExchange = 10000

// ReadExchange reads the frames of one connection in both directions: of frame N of a file given as
// FILE:N, and of the first frame that is of a connection in FILE. Only frames of the same interface
// and link type count, and ICMP errors that quote one of the connection's packets. A frame for the
// end that sent the first one, from an address to which that end has sent nothing, is taken for an
// answer from the wrong address.
func ReadExchange(spec string) (*Exchange, error) {
	f, name, n, err := file(spec)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	out, err := exchangeIn(f, n)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	for i := range out.Frames {
		out.Frames[i].File = name
	}
	return out, nil
}

func exchangeIn(r io.ReadSeeker, n int) (*Exchange, error) {
	chosen, err := choose(r, n)
	if err != nil {
		return nil, err
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	e := exchange{chosen: chosen}
	out := &Exchange{}
	err = each(r, func(f Frame, err error) bool {
		if err != nil {
			out.Unreadable++
			out.Unread = cmp.Or(out.Unread, err)
			return true
		}
		return e.add(f)
	})
	var end *EndError
	if errors.As(err, &end) {
		out.End, err = end, nil
	}
	if err != nil {
		return nil, err
	}
	out.Frames, out.Rest = e.directed(), e.rest
	return out, nil
}

// each calls yield with the frames of a file until it returns false. A frame that cannot be read
// has an error, which names it. The error of each is that of the file, of which nothing more can be
// read.
func each(r io.Reader, yield func(Frame, error) bool) error {
	c, err := open(r)
	if err != nil {
		return err
	}
	for i := 1; ; i++ {
		rec, err := c.next(i, true)
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		f, err := readFrame(rec)
		if err != nil {
			err = fmt.Errorf("frame %d: %w", i, err)
		} else {
			f.Number = i
		}
		if !yield(f, err) {
			return nil
		}
	}
}

// choose returns frame n, or for 0 the first that is of a connection.
func choose(r io.Reader, n int) (Frame, error) {
	if n > 0 {
		f, err := Read(r, n)
		if err == nil && !ofConnection(f) {
			err = fmt.Errorf("frame %d: %s is of no connection", n, f.Packet)
		}
		return f, err
	}
	var found *Frame
	var refused error // the first
	err := each(r, func(f Frame, err error) bool {
		switch {
		case err != nil && refused == nil:
			refused = err
		case err == nil && ofConnection(f):
			found = &f
		}
		return found == nil
	})
	switch {
	case err != nil || found != nil:
	case refused != nil:
		err = fmt.Errorf("it has no frame of a connection that can be read: %w", refused)
	default:
		err = errors.New("it has no frame of a connection")
	}
	if err != nil {
		return Frame{}, err
	}
	return *found, nil
}

// ofConnection reports whether a frame has the ports, or the ICMP id, that make a connection, and
// what tells its packets apart.
func ofConnection(f Frame) bool {
	p := f.Packet
	return p.IsIP() && p.Frag != packet.FragLater && (f.Cut == nil || f.Cut.Lacks == 0) && (p.HasPorts() || p.IsQuery() && p.HasID)
}

// flow is a direction of a connection.
type flow struct {
	proto    uint8
	src, dst netip.AddrPort // with the ICMP id as the port of both
}

func flowOf(p packet.Packet) flow {
	sport, dport := p.SrcPort, p.DstPort
	if p.IsQuery() {
		sport, dport = p.ICMPID, p.ICMPID
	}
	return flow{p.Proto, netip.AddrPortFrom(p.Src, sport), netip.AddrPortFrom(p.Dst, dport)}
}

func (f flow) inverse() flow { return flow{f.proto, f.dst, f.src} }

// exchange collects the frames of a connection.
type exchange struct {
	chosen Frame
	frames []Frame // of the connection, and those that may be
	own    int     // how many of the frames are surely of the connection
	rest   int

	// original is the direction of the first frame that is surely the connection's, but for ICMP
	// errors; zero before that.
	original flow
	syn      bool // the frames so far are SYNs of this connection
}

// add takes a frame if it is, or may be, of the connection. It returns false when the rest of the
// file cannot be.
func (e *exchange) add(f Frame) bool {
	if f.at != e.chosen.at || f.Link != e.chosen.Link {
		return true
	}
	chosen, p := flowOf(e.chosen.Packet), f.Packet
	fl := flowOf(p)
	switch {
	case p.IsICMPError():
		if p.Inner != nil && quotes(*p.Inner, chosen) {
			e.keep(f)
		}
	case !ofConnection(f):
	case fl == chosen || fl == chosen.inverse():
		syn := p.Proto == packet.ProtoTCP && p.TCPFlags&(packet.FlagSYN|packet.FlagACK) == packet.FlagSYN
		if syn && !e.syn && len(e.frames) > 0 {
			if f.Number > e.chosen.Number {
				return false
			}
			*e = exchange{chosen: e.chosen}
		}
		if e.syn = syn; e.original == (flow{}) {
			e.original = fl
			e.frames = slices.DeleteFunc(e.frames, func(f Frame) bool { return !f.Packet.IsICMPError() && !e.mayBe(flowOf(f.Packet)) })
		}
		e.keep(f)
	case e.mayBe(fl) && len(e.frames)-e.own < maxExchange:
		e.frames = append(e.frames, f)
	}
	return true
}

// keep keeps a frame that is surely of the connection, if there is room.
func (e *exchange) keep(f Frame) {
	if e.own == maxExchange {
		e.rest++
		return
	}
	e.own++
	e.frames = append(e.frames, f)
}

// mayBe reports whether a flow is from or to the end that sent the connection's first frame: before
// that frame, either end.
func (e *exchange) mayBe(fl flow) bool {
	of := func(end netip.AddrPort) bool { return fl.src == end || fl.dst == end }
	if e.original != (flow{}) {
		return fl.proto == e.original.proto && of(e.original.src)
	}
	chosen := flowOf(e.chosen.Packet)
	return fl.proto == chosen.proto && (of(chosen.src) || of(chosen.dst))
}

// quotes reports whether an ICMP error is about a packet of a connection, in either direction.
func quotes(in packet.Inner, fl flow) bool {
	p := packet.Packet{Proto: in.Proto, Src: in.Src, Dst: in.Dst, SrcPort: in.SrcPort, DstPort: in.DstPort, EthType: packet.EthIPv4, ICMPType: in.ICMPType, ICMPID: in.ICMPID}
	if in.Src.Is6() {
		p.EthType = packet.EthIPv6
	}
	return flowOf(p) == fl || flowOf(p) == fl.inverse()
}

// directed returns the frames of the connection with their direction.
func (e *exchange) directed() []Exchanged {
	original := e.original
	asked := map[netip.AddrPort]bool{} // to whom that end has sent
	for _, f := range e.frames {
		if fl := flowOf(f.Packet); fl.src == original.src {
			asked[fl.dst] = true
		}
	}
	var out []Exchanged
	for _, f := range e.frames {
		p, fl := f.Packet, flowOf(f.Packet)
		switch {
		case p.IsICMPError():
			out = append(out, Exchanged{f, p.Dst == original.src.Addr()})
		case fl == original || fl == original.inverse():
			out = append(out, Exchanged{f, fl != original})
		case fl.dst == original.src && !asked[fl.src] && answers(p):
			out = append(out, Exchanged{f, true})
		}
	}
	return out
}

// answers reports whether a packet may be the answer to another.
func answers(p packet.Packet) bool {
	switch p.Proto {
	case packet.ProtoTCP:
		return p.TCPFlags&(packet.FlagACK|packet.FlagRST) != 0
	case packet.ProtoICMP, packet.ProtoICMPv6:
		return p.IsQueryReply()
	}
	return true
}
