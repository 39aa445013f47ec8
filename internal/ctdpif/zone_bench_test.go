package ctdpif

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
)

// BenchmarkZone reads a zone of 200,000 connections from a socket that answers at once.
func BenchmarkZone(b *testing.B) {
	const n = 200_000
	var text strings.Builder
	for i := range n {
		client := netip.AddrFrom4([4]byte{10, 1, byte(i >> 16), byte(i >> 8)})
		fmt.Fprintf(&text, "tcp,orig=(src=%[1]s,dst=10.8.0.1,sport=%[2]d,dport=80),reply=(src=10.8.0.1,dst=%[1]s,sport=80,dport=%[2]d),id=0,zone=1,"+
			"status=0,timeout=86388,protoinfo=(state_orig=SYN_SENT,state_reply=CLOSED,flags_orig=0,flags_reply=0)\n", client, 1024+i&0xff)
	}
	reply, err := json.Marshal(map[string]any{"id": 0, "result": text.String(), "error": nil})
	if err != nil {
		b.Fatal(err)
	}
	path := filepath.Join(b.TempDir(), "ctl")
	l, err := net.Listen("unix", path)
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if _, err := bufio.NewReader(c).ReadSlice('}'); err == nil {
				c.Write(reply)
			}
			c.Close()
		}
	}()
	b.SetBytes(int64(text.Len()))
	absent := ctstate.Tuple{Proto: ctstate.ProtoTCP, Src: netip.MustParseAddrPort("10.9.9.9:9"), Dst: netip.MustParseAddrPort("10.8.8.8:8")}
	for b.Loop() {
		t := New(Socket{Path: path}, "")
		if _, err := t.lookup(context.Background(), 1, absent); err != ctstate.ErrNotFound {
			b.Fatal(err)
		}
		if got := t.zones[1].Len(); got != n {
			b.Fatalf("%d connections of %d", got, n)
		}
		t.Reset()
	}
}
