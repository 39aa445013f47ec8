package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ctdpif"
)

// userspace measures the memory held while a userspace table is read, at a tenth of the size and at
// the full size. A function here acts as the daemon, because filling a real table takes longer than
// reading it.
func userspace(ctx context.Context, b *board, most int) error {
	small, _, err := readDump(ctx, most/10)
	if err != nil {
		return err
	}
	large, rate, err := readDump(ctx, most)
	if err != nil {
		return err
	}
	fmt.Printf("userspace dump: %d kB held for %d connections, %d kB for %d; %.0f MB/s\n",
		small>>10, most/10, large>>10, most, rate)
	// One megabyte is added to both sides, because small values are noisy.
	b.ratio("ct-userspace-memory-10x", float64(large+1<<20)/float64(small+1<<20), "<=", 1.5)
	return nil
}

// readDump reads n connections and returns the maximum memory held in bytes, and MB/s.
func readDump(ctx context.Context, n int) (held int64, rate float64, err error) {
	dir, err := os.MkdirTemp("", "ctbench")
	if err != nil {
		return 0, 0, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		return 0, 0, err
	}
	defer l.Close()
	sent := make(chan int64, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		_, _ = c.Read(make([]byte, 4096))
		sent <- writeDump(c, n)
	}()

	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	base, peak := m.HeapAlloc, m.HeapAlloc
	begin := time.Now()
	count, zone := 0, uint16(7)
	for _, err := range ctdpif.New(ctdpif.Socket{Path: path}, "").All(ctx, &zone) {
		if err != nil {
			return 0, 0, err
		}
		if count++; count%(n/10) == 0 {
			runtime.GC()
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapAlloc)
		}
	}
	took := time.Since(begin)
	if count != n {
		return 0, 0, fmt.Errorf("read %d of %d connections", count, n)
	}
	return int64(peak) - int64(base), float64(<-sent) / 1e6 / took.Seconds(), nil
}

func writeDump(w io.Writer, n int) (sent int64) {
	b := []byte(`{"id":0,"result":"`)
	for i := range n {
		b = fmt.Appendf(b, `tcp,orig=(src=10.%d.%d.%d,dst=30.0.0.1,sport=%d,dport=80),reply=(src=30.0.0.1,dst=10.%d.%d.%d,sport=80,dport=%d),`+
			`id=0,zone=7,status=0,timeout=86399,mark=2,protoinfo=(state_orig=ESTABLISHED,state_reply=ESTABLISHED,wscale_orig=7,wscale_reply=7,`+
			`flags_orig=WINDOW_SCALE|SACK_PERM|MAXACK_SET,flags_reply=WINDOW_SCALE|SACK_PERM|MAXACK_SET)\n`,
			i>>16&255, i>>8&255, i&255, 1000+i%60000, i>>16&255, i>>8&255, i&255, 1000+i%60000)
		if len(b) > 60<<10 {
			k, err := w.Write(b)
			sent += int64(k)
			if err != nil {
				return sent
			}
			b = b[:0]
		}
	}
	k, _ := w.Write(append(b, `","error":null}`...))
	return sent + int64(k)
}
