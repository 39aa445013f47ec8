package main

import (
	"fmt"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
)

// classified returns the ct_state in OVS for the TTL of a forwarded packet.
func classified(ttl int) ctstate.State {
	switch ttl + 1 { // forwarding decrements it
	case codeNew:
		return ctstate.New
	case codeEst:
		return ctstate.Est
	case codeEstReply:
		return ctstate.Est | ctstate.Rpl
	case codeRel:
		return ctstate.Rel
	case codeRelReply:
		return ctstate.Rel | ctstate.Rpl
	}
	return ctstate.Inv // untracked shows as invalid in OVS
}

// compareOutput compares the forwarded packet with the model's.
func (d *differ) compareOutput(pk *packet, r *ctstate.Result, came []byte) []string {
	if came == nil || r.Dropped {
		if (came == nil) != r.Dropped {
			return []string{fmt.Sprintf("dropped: kernel %v, model %v; came out: %x", came == nil, r.Dropped, came)}
		}
		return nil
	}
	t, inner, ttl, err := unwire(came)
	if err != nil {
		return []string{"what came out is no packet: " + err.Error()}
	}
	var diffs []string
	want := r.Conn.State & (ctstate.New | ctstate.Est | ctstate.Rel | ctstate.Rpl | ctstate.Inv)
	if got := classified(ttl); got != want {
		diffs = append(diffs, fmt.Sprintf("state: kernel %v, model %v", got, want))
	}
	out := r.Packet.Tuple
	if r.Packet.Inner != nil {
		t.ICMPID, out.ICMPID = 0, 0 // an ICMP error has no id
	}
	if t != out {
		diffs = append(diffs, fmt.Sprintf("packet out: kernel %v, model %v", t, out))
	}
	if in := r.Packet.Inner; in != nil && inner != nil && *in != *inner {
		diffs = append(diffs, fmt.Sprintf("quoted packet out: kernel %v, model %v", *inner, *in))
	}
	return diffs
}

// comparedFlags returns the mask of TCP flags to compare. OVS sets BE_LIBERAL and nftables does
// not; with BE_LIBERAL a packet outside the window does not set MAXACK_SET, and after a reset that
// flag has no meaning.
func comparedFlags(kernel *ctstate.TCPInfo) uint8 {
	if (kernel.FlagsOrig|kernel.FlagsReply)&ctstate.TCPFlagBeLiberal != 0 || kernel.State == ctstate.TCPClose {
		return ctstate.TCPFlagCloseInit
	}
	return ctstate.TCPFlagCloseInit | ctstate.TCPFlagMaxAckSet
}

// compareEntry compares the table's entry with the model's.
func (d *differ) compareEntry(zone uint16, key ctstate.Tuple, kernel ctstate.Entry, gone bool) []string {
	e := d.lookup(zone, key)
	if gone || e == nil {
		if gone != (e == nil) {
			return []string{fmt.Sprintf("entry of %v: kernel has one: %v, model has one: %v", key, !gone, e != nil)}
		}
		return nil
	}
	var diffs []string
	if kernel.Orig != e.Orig || kernel.Reply != e.Reply {
		diffs = append(diffs, fmt.Sprintf("tuples: kernel %v and %v, model %v and %v", kernel.Orig, kernel.Reply, e.Orig, e.Reply))
	}
	if kernel.Status != e.Status {
		diffs = append(diffs, fmt.Sprintf("status: kernel %v, model %v", kernel.Status, e.Status))
	}
	if dt := int64(kernel.Timeout) - int64(e.Timeout); dt < -3 || dt > 0 {
		diffs = append(diffs, fmt.Sprintf("timeout: kernel %d, model %d", kernel.Timeout, e.Timeout))
	}
	switch {
	case (kernel.TCP == nil) != (e.TCP == nil):
		diffs = append(diffs, fmt.Sprintf("TCP part: kernel %v, model %v", kernel.TCP, e.TCP))
	case e.TCP == nil:
	case kernel.TCP.State != e.TCP.State:
		diffs = append(diffs, fmt.Sprintf("TCP state: kernel %v, model %v", kernel.TCP.State, e.TCP.State))
	case (kernel.TCP.FlagsOrig^e.TCP.FlagsOrig|kernel.TCP.FlagsReply^e.TCP.FlagsReply)&comparedFlags(kernel.TCP) != 0:
		diffs = append(diffs, fmt.Sprintf("TCP flags: kernel %#x and %#x, model %#x and %#x",
			kernel.TCP.FlagsOrig, kernel.TCP.FlagsReply, e.TCP.FlagsOrig, e.TCP.FlagsReply))
	}
	return diffs
}
