package main

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/ti-mo/conntrack"
	"golang.org/x/sys/unix"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
)

// kernelTable is the conntrack table of a network namespace. It is read by a library and not by
// internal/ctnetlink, so that a mistake there is not made here too.
type kernelTable struct{ conn *conntrack.Conn }

// open opens the table of the calling thread's network namespace.
func (k *kernelTable) open() (err error) {
	k.conn, err = conntrack.Dial(nil)
	return err
}

// get reads the entry that has a tuple; ctstate.ErrNotFound when there is none.
func (k *kernelTable) get(zone uint16, t ctstate.Tuple) (ctstate.Entry, error) {
	f, err := k.conn.Get(conntrack.Flow{TupleOrig: libraryTuple(t), Zone: zone})
	switch {
	// EINVAL: an ICMP type without an answering type.
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.EINVAL):
		return ctstate.Entry{}, ctstate.ErrNotFound
	case err != nil:
		return ctstate.Entry{}, fmt.Errorf("ctnetlink: %w", err)
	}
	e := ctstate.Entry{
		Zone: f.Zone, Orig: modelTuple(f.TupleOrig), Reply: modelTuple(f.TupleReply), Status: ctstate.Status(f.Status),
		Timeout: f.Timeout, HasTimeout: true, Mark: f.Mark, Source: ctstate.FromKernel,
	}
	if len(f.Labels) == 16 {
		e.Label = ctstate.LabelFromBytes([16]byte(f.Labels))
	}
	if p := f.ProtoInfo.TCP; p != nil { // flags come with their mask: struct nf_ct_tcp_flags
		e.TCP = &ctstate.TCPInfo{State: ctstate.TCPState(p.State), FlagsOrig: uint8(p.OriginalFlags >> 8), FlagsReply: uint8(p.ReplyFlags >> 8)}
	}
	if p := f.ProtoInfo.SCTP; p != nil {
		e.SCTP = &ctstate.SCTPInfo{State: ctstate.SCTPState(p.State), VTagOrig: p.VTagOriginal, VTagRepl: p.VTagReply}
	}
	return e, nil
}

// flush empties the table.
func (k *kernelTable) flush() error { return k.conn.Flush() }

func libraryTuple(t ctstate.Tuple) conntrack.Tuple {
	return conntrack.Tuple{
		IP: conntrack.IPTuple{SourceAddress: t.Src.Addr(), DestinationAddress: t.Dst.Addr()},
		Proto: conntrack.ProtoTuple{Protocol: t.Proto, SourcePort: t.Src.Port(), DestinationPort: t.Dst.Port(),
			ICMPID: t.ICMPID, ICMPType: t.ICMPType, ICMPCode: t.ICMPCode},
	}
}

func modelTuple(t conntrack.Tuple) ctstate.Tuple {
	return ctstate.Tuple{
		Proto:    t.Proto.Protocol,
		Src:      netip.AddrPortFrom(t.IP.SourceAddress, t.Proto.SourcePort),
		Dst:      netip.AddrPortFrom(t.IP.DestinationAddress, t.Proto.DestinationPort),
		ICMPType: t.Proto.ICMPType, ICMPCode: t.Proto.ICMPCode, ICMPID: t.Proto.ICMPID,
	}
}
