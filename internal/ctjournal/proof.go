package ctjournal

import (
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ctnetlink"
)

// claim is what can be said of an entry found at a journaled tuple.
type claim uint8

const (
	unsure claim = iota // may be ours: it is left alone, and expires by itself
	ours
	notOurs
)

// proof decides whether the entry rec, found at e's zone and tuple, is the one
// the journal speaks of. Only an entry that cannot be anybody else's is ours.
func proof(e *entry, rec ctnetlink.Record, now time.Time) (claim, string) {
	if rec.Orig != e.intent.Orig || rec.Zone != e.intent.Zone {
		return notOurs, "the tuple is another connection's reply direction"
	}
	if e.created != nil && rec.ID != e.created.ID {
		return notOurs, "another entry has taken the tuple over"
	}
	if rec.HasTag {
		// 64 random bits that were on disk before they were in the kernel.
		if rec.Tag == e.intent.Tag {
			return ours, "its tag is in the journal"
		}
		return notOurs, "another program made it"
	}
	if e.created != nil && e.created.Tagged {
		return notOurs, "the connection of a packet has taken the tuple over"
	}
	// A kernel that shows no tags: before 5.18 without its synproxy module, or
	// built without CONFIG_NETFILTER_SYNPROXY.
	if e.created != nil {
		if now.Before(e.deadline()) {
			// Ours cannot have expired yet, so its memory was not given away.
			return ours, "its id is in the journal, and its time is not up"
		}
		return unsure, "its id is in the journal, but ids are used again and its time was up"
	}
	if now.Before(e.deadline()) && onlyWritten(e, rec) {
		return ours, "no packet makes an entry in that state"
	}
	return unsure, "the run ended before it learned the entry's id"
}

// onlyWritten recognises a TCP entry that was written over ctnetlink: the
// kernel sets BE_LIBERAL when it picks a connection up, and OVS on an
// established one (nf_ct_set_tcp_be_liberal), never in an earlier state.
func onlyWritten(e *entry, rec ctnetlink.Record) bool {
	const established = 3
	return rec.Orig.Proto == ctstate.ProtoTCP && rec.TCP != nil &&
		rec.TCP.State < established && uint8(rec.TCP.State) == e.intent.TCP &&
		rec.TCP.FlagsOrig == 0x0a && rec.TCP.FlagsReply == 0x0a &&
		rec.TCP.WScaleOrig == 0 && rec.TCP.WScaleRepl == 0 &&
		rec.Mark == e.intent.Mark
}
