package ctjournal

import (
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ctnetlink"
)

// claim says whose entry was found at a journaled tuple.
type claim uint8

const (
	unsure claim = iota // may be ours: it stays and expires
	ours
	notOurs
)

// proof decides whether rec, found at e's zone and tuple, is the journaled entry e, and returns the
// reason. It returns ours only if nobody else can have created the entry.
func proof(e *entry, rec ctnetlink.Record, now time.Time) (claim, string) {
	if rec.Orig != e.intent.Orig || rec.Zone != e.intent.Zone {
		return notOurs, "the tuple is another connection's reply direction"
	}
	if e.created != nil && rec.ID != e.created.ID {
		return notOurs, "another entry has taken the tuple over"
	}
	if rec.HasTag {
		// The tag has 64 random bits that were on disk before they were in the kernel.
		if rec.Tag == e.intent.Tag {
			return ours, "its tag is in the journal"
		}
		return notOurs, "another program made it"
	}
	if e.created != nil && e.created.Tagged {
		return notOurs, "the connection of a packet has taken the tuple over"
	}
	// The kernel shows no tags: it is older than 5.18 and has its synproxy module not loaded, or it
	// was built without CONFIG_NETFILTER_SYNPROXY.
	if e.created != nil {
		if now.Before(e.deadline()) {
			// Our entry cannot have expired yet, so its memory was not reused.
			return ours, "its id is in the journal, and it cannot have expired yet"
		}
		return unsure, "its id is in the journal, but it may have expired and ids are reused"
	}
	if now.Before(e.deadline()) && onlyWritten(e, rec) {
		return ours, "no packet creates an entry in that state"
	}
	return unsure, "the run ended before it learned the entry's id"
}

// onlyWritten reports whether a TCP entry must have been written over ctnetlink: it has BE_LIBERAL
// in an early state. The kernel sets BE_LIBERAL only when it picks up a connection, and OVS only on
// an established one (nf_ct_set_tcp_be_liberal).
func onlyWritten(e *entry, rec ctnetlink.Record) bool {
	const established = 3
	return rec.Orig.Proto == ctstate.ProtoTCP && rec.TCP != nil &&
		rec.TCP.State < established && uint8(rec.TCP.State) == e.intent.TCP &&
		rec.TCP.FlagsOrig == 0x0a && rec.TCP.FlagsReply == 0x0a &&
		rec.TCP.WScaleOrig == 0 && rec.TCP.WScaleRepl == 0 &&
		rec.Mark == e.intent.Mark
}
