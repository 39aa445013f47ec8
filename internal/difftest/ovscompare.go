package main

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
)

// compare compares the packet from the bridge with the end of the model's walk.
func (d *ovsDiffer) compare(w *walk, got *seen) []string {
	if got == nil || w.dropped {
		if (got == nil) != w.dropped {
			return []string{fmt.Sprintf("dropped: datapath %v, model %v", got == nil, w.dropped)}
		}
		return nil
	}
	var diffs []string
	differ := func(what string, datapath, model any) {
		diffs = append(diffs, fmt.Sprintf("%s: datapath %v, model %v", what, datapath, model))
	}
	c := &w.conn
	if got.state != c.State {
		differ("state", got.state, c.State)
	}
	for i, s := range w.stages[:min(2, len(w.stages))] {
		if got.stages[i] != s {
			differ(fmt.Sprintf("state after recirculation %d", i+1), got.stages[i], s)
		}
	}
	if got.zone != c.KeyZone {
		differ("ct_zone", got.zone, c.KeyZone)
	}
	if got.mark != c.Mark {
		differ("ct_mark", fmt.Sprintf("%#x", got.mark), fmt.Sprintf("%#x", c.Mark))
	}
	if got.label != c.Label {
		differ("ct_label", got.label, c.Label)
	}
	// A flow has the original tuple only for new, established and reply packets (is_ct_valid).
	if got.state&(ctstate.New|ctstate.Est|ctstate.Rpl) != 0 && hasTuple(got.state) {
		want := c.OrigTuple
		if want != nil {
			v := *want
			v.ICMPID = 0
			want = &v
		}
		if (got.orig == nil) != (want == nil) || want != nil && *got.orig != *want {
			differ("original tuple", text(got.orig), text(want))
		}
	}
	t, inner, _, err := unwire(got.packet)
	if err != nil {
		return append(diffs, "what came out is no packet: "+err.Error())
	}
	out := w.pk.Tuple
	if w.pk.Inner != nil {
		t.ICMPID, out.ICMPID = 0, 0 // an error has no id
	}
	if t != out {
		differ("packet", t, out)
	}
	if in := w.pk.Inner; in != nil && inner != nil && *in != *inner {
		differ("quoted packet", *inner, *in)
	}
	return diffs
}

func text(t *ctstate.Tuple) string {
	if t == nil {
		return "none"
	}
	return t.String()
}

// compareEntries compares the datapath's entry of a tuple with the model's.
func (d *ovsDiffer) compareEntries(k owned) ([]string, error) {
	real, found, err := d.real(k.zone, k.orig)
	if err != nil {
		return nil, err
	}
	e := d.lookup(k.zone, k.orig)
	if !found || e == nil {
		if found != (e != nil) {
			return []string{fmt.Sprintf("entry of %v in zone %d: datapath has one: %v, model has one: %v", k.orig, k.zone, found, e != nil)}, nil
		}
		return nil, nil
	}
	var diffs []string
	differ := func(what string, datapath, model any) {
		diffs = append(diffs, fmt.Sprintf("entry's %s: datapath %v, model %v", what, datapath, model))
	}
	if real.Orig != e.Orig || real.Reply != e.Reply {
		differ("tuples", fmt.Sprint(real.Orig, " and ", real.Reply), fmt.Sprint(e.Orig, " and ", e.Reply))
	}
	if real.Mark != e.Mark || real.Label != e.Label {
		differ("mark and label", fmt.Sprintf("%#x %v", real.Mark, real.Label), fmt.Sprintf("%#x %v", e.Mark, e.Label))
	}
	switch {
	case (real.TCP == nil) != (e.TCP == nil), (real.UserTCP == nil) != (e.UserTCP == nil):
		differ("TCP part", tcpStates(&real), tcpStates(e))
	case tcpStates(&real) != tcpStates(e):
		differ("TCP state", tcpStates(&real), tcpStates(e))
	case e.TCP != nil:
		mask := uint8(ctstate.TCPFlagCloseInit | ctstate.TCPFlagBeLiberal)
		if !d.loose {
			mask |= comparedFlags(real.TCP)
		}
		if (real.TCP.FlagsOrig^e.TCP.FlagsOrig|real.TCP.FlagsReply^e.TCP.FlagsReply)&mask != 0 {
			differ("TCP flags", fmt.Sprintf("%#x %#x", real.TCP.FlagsOrig, real.TCP.FlagsReply), fmt.Sprintf("%#x %#x", e.TCP.FlagsOrig, e.TCP.FlagsReply))
		}
	}
	// It becomes a stream after two seconds, which may pass on a slow machine.
	if e.Orig.Proto == ctstate.ProtoUDP && d.kernel {
		e.Status = e.Status&^ctstate.Assured | real.Status&ctstate.Assured
		e.Timeout = real.Timeout
		d.o.Put(*e)
	}
	if d.kernel && real.Status != e.Status {
		differ("status", real.Status, e.Status)
	}
	if t := e.UserTCP; t != nil && min(t.Orig, t.Reply) < ctstate.UserTCPSynSent {
		// Whether a packet refreshes it depends on its acknowledgement of a side that has not sent.
		return diffs, nil
	}
	if age := int64(e.Timeout) - int64(real.Timeout); age < -1 || age > 12 {
		differ("timeout", real.Timeout, e.Timeout)
	}
	return diffs, nil
}

// tcpStates writes the state of a TCP connection, or of each peer; "" without one.
func tcpStates(e *ctstate.Entry) string {
	switch {
	case e.TCP != nil:
		return e.TCP.State.String()
	case e.UserTCP != nil:
		return e.UserTCP.Orig.String() + "/" + e.UserTCP.Reply.String()
	}
	return ""
}

// adopt copies an unpredictable choice from the datapath to the model, if it is in the model's
// range.
func (d *ovsDiffer) adopt(r *ctstate.Result, in *ctstate.Packet) error {
	if r.Committed == nil || r.Hit != nil || len(r.Ranges) == 0 {
		return errNext
	}
	real, found, err := d.real(r.Committed.Zone, r.Committed.Orig)
	if err != nil {
		return err
	}
	if !found || real.Orig != r.Committed.Orig {
		return errNext // taken away again by a later action
	}
	got, ok := real.Reply.Invert()
	want, ok2 := r.Committed.Reply.Invert()
	if !ok || !ok2 {
		return errNext
	}
	ports := func(got, want uint16) bool {
		return got == want || slices.ContainsFunc(r.Ranges, func(g ctstate.Range) bool {
			return g.Kind == ctstate.RangeNATPort && g.Min <= got && got <= g.Max
		})
	}
	if !ports(got.Src.Port(), want.Src.Port()) || !ports(got.Dst.Port(), want.Dst.Port()) || !ports(got.ICMPID, want.ICMPID) ||
		got.Src.Addr() != want.Src.Addr() || got.Dst.Addr() != want.Dst.Addr() {
		return nil // stays a disagreement
	}
	d.kinds["answer adopted"]++
	e := *r.Committed
	e.Reply = real.Reply
	if d.kernel {
		e.Status = e.Status&^(ctstate.SrcNAT|ctstate.DstNAT) | real.Status&(ctstate.SrcNAT|ctstate.DstNAT)
	}
	gone := *r.Committed
	gone.Source = ctstate.FromOverlay // so that the deletion of an entry below is not counted
	d.o.Apply(ctstate.Result{Deleted: &gone})
	d.o.Put(e)
	r.Committed = &e
	r.Conn.Entry = e
	id := in.Tuple.ICMPID
	r.Packet.Tuple = got
	if got.Proto == ctstate.ProtoICMPv6 && (got.ICMPType > 129 || !d.kernel) {
		r.Packet.Tuple.ICMPID = id // the entry's id changes, the packet's does not
	}
	return nil
}

// alternative returns the alternative of r that the datapath's entries show: whether the connection
// was committed with an address that it picked from a range. last is whether no later action of the
// program can have removed it again.
func (d *ovsDiffer) alternative(r ctstate.Result, last bool) (ctstate.Result, error) {
	if len(r.Alternatives) == 0 {
		return r, nil
	}
	with, without := r.Alternatives[0].Result, r.Alternatives[1].Result
	i := rangeOfAddresses(&with)
	if i < 0 || with.Committed == nil {
		return r, nil
	}
	real, found, err := d.real(with.Committed.Zone, with.Committed.Orig)
	switch {
	case err != nil:
		return r, err
	case !found && !last:
		return r, errNext
	case !found, real.Orig != with.Committed.Orig:
		return without, nil
	}
	addr := translatedTo(&real, with.Committed.NATSrc)
	if addr.Less(with.Ranges[i].MinAddr) || with.Ranges[i].MaxAddr.Less(addr) {
		return without, nil
	}
	return with, nil
}

func rangeOfAddresses(r *ctstate.Result) int {
	return slices.IndexFunc(r.Ranges, func(g ctstate.Range) bool { return g.Kind == ctstate.RangeNATAddress })
}

// translatedTo returns the address of a connection's reply direction that nat(src) or nat(dst)
// chooses.
func translatedTo(e *ctstate.Entry, src bool) netip.Addr {
	if src {
		return e.Reply.Dst.Addr()
	}
	return e.Reply.Src.Addr()
}

// addressPicked returns the action with the address that the userspace datapath chose from a range,
// nil if there was no choice.
func (d *ovsDiffer) addressPicked(r *ctstate.Result, act ctstate.Action) (*ctstate.NAT, error) {
	i := rangeOfAddresses(r)
	if i < 0 || r.Committed == nil || r.Hit != nil {
		return nil, nil
	}
	real, found, err := d.real(r.Committed.Zone, r.Committed.Orig)
	if err != nil {
		return nil, err
	}
	if !found || real.Orig != r.Committed.Orig {
		return nil, errNext // taken away again by a later action
	}
	addr := translatedTo(&real, act.NAT.Src)
	if addr.Less(r.Ranges[i].MinAddr) || r.Ranges[i].MaxAddr.Less(addr) {
		return nil, nil // stays a disagreement
	}
	one := *act.NAT
	one.MinAddr, one.MaxAddr = addr, addr
	return &one, nil
}
