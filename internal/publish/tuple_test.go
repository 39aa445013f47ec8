package publish

import (
	"encoding/json"
	"net/netip"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
)

// TestTuple checks the JSON of tuples: of a connection with ports, of ICMP, and of a packet that
// conntrack does not track (ARP), whose tuple is empty.
func TestTuple(t *testing.T) {
	at := netip.MustParseAddrPort
	for _, c := range []struct {
		tuple ctstate.Tuple
		want  string
	}{
		{ctstate.Tuple{Proto: ctstate.ProtoTCP, Src: at("10.0.0.1:0"), Dst: at("10.0.0.2:80")}, `{"proto":"tcp","src":"10.0.0.1","dst":"10.0.0.2","sport":0,"dport":80}`},
		{ctstate.Tuple{Proto: ctstate.ProtoICMP, Src: at("10.0.0.1:0"), Dst: at("10.0.0.2:0"), ICMPID: 7, ICMPType: 8},
			`{"proto":"icmp","src":"10.0.0.1","dst":"10.0.0.2","icmp_id":7,"icmp_type":8,"icmp_code":0}`},
		{ctstate.Tuple{}, `{"proto":"0","src":"","dst":""}`},
	} {
		b, err := json.Marshal(Tuple(c.tuple))
		if err != nil || string(b) != c.want {
			t.Errorf("%v: %s, %v, want %s", c.tuple, b, err, c.want)
		}
	}
}
