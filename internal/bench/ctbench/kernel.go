package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ctnetlink"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/nodens"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/nodens/nstest"
)

const sysctls = "/proc/sys/net/netfilter/"

// kernel measures look-ups in kernel tables of growing size.
func kernel(ctx context.Context, b *board, most int) error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("kernel look-ups: %w: needs root", errSkip)
	}
	tool, err := exec.LookPath("conntrack")
	if err != nil {
		return fmt.Errorf("kernel look-ups: %w: conntrack is not installed", errSkip)
	}
	ns, stop, err := nstest.Make()
	if err != nil {
		return fmt.Errorf("kernel look-ups: %w: %v", errSkip, err)
	}
	defer stop()
	restore, err := makeRoom(ns, most)
	if err != nil {
		return fmt.Errorf("kernel look-ups: %w: %v", errSkip, err)
	}
	defer restore()
	rules := "table inet t {\n chain c {\n type filter hook input priority 0\n ct state new accept\n }\n}\n"
	if _, err := nstest.Output(ns, rules, "nft", "-f", "-"); err != nil {
		return err
	}
	tbl, err := ctnetlink.Open(ctx, ns)
	if err != nil {
		return err
	}
	defer tbl.Close()

	var cost [3]time.Duration
	sizes := [3]int{most / 1000, most / 10, most}
	have := 0
	for i, size := range sizes {
		begin := time.Now()
		n, err := tbl.CreateAll(ctx, fill(have, size))
		if err != nil {
			return fmt.Errorf("after %d entries: %w", have+n, err)
		}
		have = size
		if cost[i], err = lookups(ctx, tbl, size); err != nil {
			return err
		}
		fmt.Printf("table of %8d entries (filled in %v): %v a look-up\n", size, time.Since(begin).Round(time.Millisecond), cost[i])
	}
	b.ratio("ct-lookup-1e5-vs-1e3", float64(cost[1])/float64(cost[0]), "<=", 2)
	b.ratio("ct-lookup-1e6-vs-1e3", float64(cost[2])/float64(cost[0]), "<=", 2)

	allocs, err := allocations(ctx, tbl, most)
	if err != nil {
		return err
	}
	b.ratio("ct-lookup-allocs", allocs, "<=", 2)

	// In zone 0, the only one that conntrack -G supports.
	probe := tuple(most / 128 * 64)
	get, err := fastest(5, func() error { return conntrackGet(ns, tool, probe) })
	if err != nil {
		return err
	}
	fmt.Printf("conntrack -G: %v\n", get)
	b.ratio("ct-lookup-vs-conntrack-G", float64(get)/float64(cost[2]), ">=", 20)
	list, err := fastest(1, func() error { return conntrackList(ctx, ns, tool, probe) })
	if err != nil {
		return err
	}
	fmt.Printf("conntrack -L | grep: %v\n", list)
	b.ratio("ct-lookup-vs-conntrack-L", float64(list)/float64(cost[2]), ">=", 1000)
	return lists(ctx, b, ns, tool, list, most)
}

// makeRoom raises the limits, which belong to the initial namespace, and returns a function that
// restores them.
func makeRoom(ns nodens.NetNS, most int) (restore func(), err error) {
	var undo []func()
	restore = func() {
		for _, f := range undo {
			f()
		}
	}
	for name, least := range map[string]int{"nf_conntrack_max": most + most/8, "nf_conntrack_buckets": most / 4} {
		old, err := os.ReadFile(sysctls + name)
		if err != nil {
			restore()
			return nil, err
		}
		if v, err := strconv.Atoi(strings.TrimSpace(string(old))); err != nil || v >= least {
			continue
		}
		if err := os.WriteFile(sysctls+name, []byte(strconv.Itoa(least)), 0o644); err != nil {
			restore()
			return nil, err
		}
		undo = append(undo, func() { _ = os.WriteFile(sysctls+name, old, 0o644) })
	}
	// Newer kernels have an additional limit for each namespace; older ones refuse the write.
	_ = ns.Do(func() error {
		return os.WriteFile(sysctls+"nf_conntrack_max", []byte(strconv.Itoa(most+most/8)), 0o644)
	})
	return restore, nil
}

// tuple returns the i-th connection of the table.
func tuple(i int) ctstate.Tuple {
	src := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
	return ctstate.Tuple{
		Proto: ctstate.ProtoTCP,
		Src:   netip.AddrPortFrom(src, uint16(1024+i%60000)),
		Dst:   netip.AddrPortFrom(netip.AddrFrom4([4]byte{30, 0, 0, 1}), 80),
	}
}

func zone(i int) uint16 { return uint16(i % 64) }

func fill(from, to int) func(func(ctnetlink.Spec) bool) {
	return func(yield func(ctnetlink.Spec) bool) {
		for i := from; i < to; i++ {
			s := ctnetlink.Spec{Zone: zone(i), Orig: tuple(i), Timeout: 3600, Status: ctstate.SeenReply | ctstate.Assured,
				Mark: uint32(i), TCP: &ctstate.TCPInfo{State: 3}}
			if !yield(s) {
				return
			}
		}
	}
}

// lookups returns the time of one look-up of a random entry: the best of several rounds, because
// other processes may be running.
func lookups(ctx context.Context, tbl *ctnetlink.Table, size int) (time.Duration, error) {
	const each = 20_000
	r := rand.New(rand.NewPCG(1, 2))
	best, err := fastest(5, func() error {
		for range each {
			i := r.IntN(size)
			e, err := tbl.Lookup(ctx, zone(i), tuple(i))
			if err != nil {
				return err
			}
			if e.Mark != uint32(i) {
				return fmt.Errorf("looked for entry %d, found %d", i, e.Mark)
			}
		}
		return nil
	})
	return best / each, err
}

func fastest(n int, f func() error) (time.Duration, error) {
	best := time.Duration(1<<63 - 1)
	for range n {
		begin := time.Now()
		if err := f(); err != nil {
			return 0, err
		}
		best = min(best, time.Since(begin))
	}
	return best, nil
}

func allocations(ctx context.Context, tbl *ctnetlink.Table, size int) (float64, error) {
	const n = 10_000
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for i := range n {
		if _, err := tbl.Lookup(ctx, zone(i%size), tuple(i%size)); err != nil {
			return 0, err
		}
	}
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs-before.Mallocs) / n, nil
}

// conntrackGet makes one look-up with conntrack -G, as a script would.
func conntrackGet(ns nodens.NetNS, tool string, t ctstate.Tuple) error {
	out, err := nstest.Output(ns, "", tool, "-G", "-p", "tcp", "-s", t.Src.Addr().String(), "-d", t.Dst.Addr().String(),
		"--sport", strconv.Itoa(int(t.Src.Port())), "--dport", strconv.Itoa(int(t.Dst.Port())))
	if err == nil && !strings.Contains(out, "src="+t.Src.Addr().String()) {
		err = fmt.Errorf("conntrack -G found nothing: %s", out)
	}
	return err
}

// conntrackList makes one look-up with conntrack -L | grep; the time of grep is not counted.
func conntrackList(ctx context.Context, ns nodens.NetNS, tool string, t ctstate.Tuple) error {
	want := []byte("src=" + t.Src.Addr().String() + " ")
	c := exec.CommandContext(ctx, tool, "-L")
	out, err := c.StdoutPipe()
	if err != nil {
		return err
	}
	if err := ns.Do(c.Start); err != nil {
		return err
	}
	found, err := contains(out, want)
	if werr := c.Wait(); err == nil {
		err = werr
	}
	if err == nil && !found {
		err = fmt.Errorf("conntrack -L lacks %s", want)
	}
	return err
}

// contains reads r to its end and reports whether it contains want.
func contains(r io.Reader, want []byte) (found bool, err error) {
	buf := make([]byte, 256<<10)
	kept := 0
	for {
		n, err := r.Read(buf[kept:])
		have := buf[:kept+n]
		found = found || bytes.Contains(have, want)
		if err == io.EOF {
			return found, nil
		}
		if err != nil {
			return found, err
		}
		kept = copy(buf, have[max(0, len(have)-len(want)):])
	}
}
