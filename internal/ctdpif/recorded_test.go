package ctdpif

import (
	"errors"
	"io"
	"net/netip"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
)

// Kept expectations answer as a daemon's do, zone by zone; without them only a zone without helpers
// has certainly none.
func TestRecordedExpectations(t *testing.T) {
	const (
		conns = "tcp,orig=(src=10.0.0.4,dst=10.0.0.2,sport=1004,dport=21),reply=(src=10.0.0.2,dst=10.0.0.4,sport=21,dport=1004),zone=3,helper=ftp\n"
		exps  = "tcp,orig=(src=10.0.0.2,dst=10.0.0.4,sport=0,dport=5000),zone=3,mark=1,labels=0x1,parent=(src=10.0.0.4,dst=10.0.0.2,sport=1004,dport=21)\n" +
			"tcp,orig=(src=10.0.0.2,dst=10.0.0.4,sport=0,dport=6000),zone=30,mark=1,labels=0x1,parent=(src=10.0.0.4,dst=10.0.0.2,sport=1004,dport=21)\n"
	)
	of := func(text string) func() (io.ReadCloser, error) {
		return func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }
	}
	tuple := func(port uint16) ctstate.Tuple {
		return ctstate.Tuple{Proto: 6, Src: netip.MustParseAddrPort("10.0.0.2:20"), Dst: netip.AddrPortFrom(netip.MustParseAddr("10.0.0.4"), port)}
	}
	kept := New(&Recorded{Open: of(conns), Expected: of(exps)}, "netdev@ovs-netdev")
	x, err := kept.Expectation(t.Context(), 3, tuple(5000))
	if err != nil || x.Helper != "ftp" || x.Master.Orig.Dst.Port() != 21 {
		t.Errorf("%+v, %v", x, err)
	}
	if _, err := kept.Expectation(t.Context(), 3, tuple(6000)); !errors.Is(err, ctstate.ErrNotFound) {
		t.Errorf("an expectation of another zone: %v", err)
	}
	without := New(&Recorded{Open: of(conns)}, "netdev@ovs-netdev")
	if _, err := without.Expectation(t.Context(), 3, tuple(5000)); !errors.Is(err, ErrNoExpectations) {
		t.Errorf("without a dump of them: %v", err)
	}
}
