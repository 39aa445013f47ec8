package ctnetlink

import (
	"net"
	"os"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/nodens/nstest"
)

// Real packets are counted in both directions where nf_conntrack_acct is on, and an entry has no
// counters where it is off.
func TestCounters(t *testing.T) {
	ns := ctNS(t)
	nstest.Run(t, ns, "", "ip", "link", "set", "lo", "up")
	tbl := open(t, ns)
	exchange := func(acct string, packets int) *ctstate.Counters {
		t.Helper()
		var orig ctstate.Tuple
		err := ns.Do(func() error {
			if err := os.WriteFile("/proc/sys/net/netfilter/nf_conntrack_acct", []byte(acct), 0o600); err != nil {
				return err
			}
			server, err := net.ListenPacket("udp4", "127.0.0.1:0")
			if err != nil {
				return err
			}
			defer server.Close()
			client, err := net.Dial("udp4", server.LocalAddr().String())
			if err != nil {
				return err
			}
			defer client.Close()
			orig = tup(ctstate.ProtoUDP, client.LocalAddr().String(), server.LocalAddr().String())
			b := make([]byte, 100)
			for range packets {
				if _, err := client.Write(b); err != nil {
					return err
				}
				_, from, err := server.ReadFrom(b)
				if err != nil {
					return err
				}
				if _, err := server.WriteTo(b[:10], from); err != nil {
					return err
				}
			}
			_, err = client.Read(b)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		r, err := tbl.Read(t.Context(), 0, orig)
		if err != nil {
			t.Fatal(err)
		}
		return r.Counters
	}
	if c := exchange("0", 2); c != nil {
		t.Errorf("without accounting: %+v", *c)
	}
	const head = 20 + 8 // IPv4 and UDP
	want := ctstate.Counters{Orig: ctstate.Traffic{Packets: 3, Bytes: 3 * (head + 100)}, Reply: ctstate.Traffic{Packets: 3, Bytes: 3 * (head + 10)}}
	if c := exchange("1", 3); c == nil || *c != want {
		t.Errorf("%+v, want %+v", c, want)
	}
}
