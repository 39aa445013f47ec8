package node

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
)

// Entries that were taken answer for what they have; what they do not have is not there only if the
// list is whole.
func TestTake(t *testing.T) {
	is := ctstate.Entry{Zone: 1, Orig: ctstate.Tuple{Proto: 6, Src: netip.MustParseAddrPort("10.0.0.1:1"), Dst: netip.MustParseAddrPort("10.0.0.2:2")}}
	is.Reply, _ = is.Orig.Invert()
	for _, lacks := range []string{"", "it is cut"} {
		table := Take(&Info{SystemID: "hv1", Datapath: "system"}, nil, []ctstate.Entry{is}, lacks).Table
		if e, err := table.Lookup(t.Context(), 1, is.Orig); err != nil || e.Orig != is.Orig {
			t.Errorf("%q: %+v, %v", lacks, e, err)
		}
		_, err := table.Lookup(t.Context(), 2, is.Orig)
		var unknown *NotCollectedError
		if lacks == "" && !errors.Is(err, ctstate.ErrNotFound) || lacks != "" && (!errors.As(err, &unknown) || unknown.Of != "hv1" || errors.Is(err, ctstate.ErrNotFound)) {
			t.Errorf("%q: a look-up without result: %v", lacks, err)
		}
	}
}
