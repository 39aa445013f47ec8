package ctjournal

import (
	"errors"
	"net/netip"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ctnetlink"
)

const (
	natDone = ctstate.SrcNATDone | ctstate.DstNATDone
	natBits = ctstate.SrcNAT | ctstate.DstNAT
)

// specOf returns the request that creates e. Its translation is a NAT range with one address and
// one port, unless the port is one of the open choices. The kernel uses a single port without a
// search, so a clash gives EEXIST and never another port.
func specOf(e ctstate.Entry, open []ctstate.Range, timeout uint32) (ctnetlink.Spec, error) {
	s := ctnetlink.Spec{
		Zone: e.Zone, Orig: e.Orig, Status: e.Status, Timeout: timeout,
		Mark: e.Mark, Label: e.Label, TCP: e.TCP, SCTP: e.SCTP, Helper: e.Helper, Master: e.Master,
	}
	if e.Orig.Proto == ctstate.ProtoTCP && (e.TCP == nil || e.TCP.State == 0) {
		return s, errors.New("a TCP entry without state makes every reply invalid")
	}
	if !e.Reply.Src.IsValid() || !e.Reply.Dst.IsValid() {
		return s, errors.New("entry without reply tuple")
	}
	if e.Status&(natBits|natDone) == 0 {
		return s, nil // no NAT, so no binding either
	}
	s.NATSrc = &ctnetlink.NATRange{Min: e.Reply.Dst.Addr(), Max: e.Reply.Dst.Addr()}
	s.NATDst = &ctnetlink.NATRange{Min: e.Reply.Src.Addr(), Max: e.Reply.Src.Addr()}
	src, dst := e.Reply.Dst.Port(), e.Reply.Src.Port()
	switch e.Orig.Proto {
	case ctstate.ProtoICMP, ctstate.ProtoICMPv6:
		// Both manips have one id; the destination's is applied first.
		src, dst = e.Reply.ICMPID, e.Orig.ICMPID
		if e.Status&ctstate.DstNAT != 0 {
			dst = e.Reply.ICMPID
		}
	case ctstate.ProtoTCP, ctstate.ProtoUDP, ctstate.ProtoSCTP, ctstate.ProtoUDPLite:
	default:
		return s, nil // no ports to translate
	}
	s.NATSrc.HasPort, s.NATSrc.MinPort, s.NATSrc.MaxPort = true, src, src
	s.NATDst.HasPort, s.NATDst.MinPort, s.NATDst.MaxPort = true, dst, dst
	for _, r := range open {
		leaveOpen(&s, e, r)
	}
	return s, nil
}

// leaveOpen widens the range of the manip whose result was not predicted. The kernel searches for a
// source port, unless only the destination was translated to a range (find_free_id in
// nf_nat_l4proto_unique_tuple).
func leaveOpen(s *ctnetlink.Spec, e ctstate.Entry, r ctstate.Range) {
	to := s.NATSrc
	if e.Status&natBits == ctstate.DstNAT {
		to = s.NATDst
	}
	switch r.Kind {
	case ctstate.RangeNATPort, ctstate.RangeICMPID:
		to.HasPort, to.MinPort, to.MaxPort = r.Min != 0 || r.Max != 0, r.Min, r.Max
	case ctstate.RangeNATAddress:
		if r.MinAddr.IsValid() && r.MaxAddr.IsValid() {
			to.Min, to.Max = r.MinAddr, r.MaxAddr
		}
	}
}

// isOpen reports whether the kernel makes a choice.
func isOpen(open []ctstate.Range) bool { return len(open) > 0 }

// compare warns of differences between the requested entry and the kernel's.
func (c *Committer) compare(want ctstate.Entry, open []ctstate.Range, got ctnetlink.Record) {
	if got.Label != want.Label {
		c.warn(want, "the kernel keeps no connection labels in this namespace: ct_label is %s, not %s", label(got.Label), label(want.Label))
	}
	if got.Mark != want.Mark {
		c.warn(want, "ct_mark is 0x%x, not 0x%x", got.Mark, want.Mark)
	}
	if !isOpen(open) && !sameTuple(got.Reply, want.Reply) {
		c.warn(want, "the reply direction is %v, not %v", got.Reply, want.Reply)
	}
	const compared = natBits | ctstate.SeenReply | ctstate.Assured | ctstate.Expected
	if d := (got.Status ^ want.Status) & compared; d != 0 && !isOpen(open) {
		c.warn(want, "status is 0x%x, not 0x%x", uint32(got.Status), uint32(want.Status))
	}
	if got.Helper != want.Helper {
		c.warn(want, "helper is %q, not %q", got.Helper, want.Helper)
	}
}

func sameTuple(a, b ctstate.Tuple) bool {
	unmap := func(t ctstate.Tuple) ctstate.Tuple {
		t.Src = netip.AddrPortFrom(t.Src.Addr().Unmap(), t.Src.Port())
		t.Dst = netip.AddrPortFrom(t.Dst.Addr().Unmap(), t.Dst.Port())
		return t
	}
	return unmap(a) == unmap(b)
}
