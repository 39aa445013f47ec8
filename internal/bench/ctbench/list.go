package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/connection"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ctnetlink"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/nodens"
)

// The bounds of listing a table of a million entries.
const (
	addressSpeed  = 5   // times faster than conntrack -L | grep
	addressMemory = 64  // MB
	joinTime      = 1.5 // times conntrack -L to a file
	joinMemory    = 256 // MB
)

// lists measures how long the entries of one address take, and all of them joined into connections,
// against conntrack -L; each in a process of its own, whose memory is measured. grepped is the
// duration of conntrack -L | grep.
func lists(ctx context.Context, b *board, ns nodens.NetNS, tool string, grepped time.Duration, most int) error {
	one, memory, err := child(ctx, ns, "-list", tuple(most/2).Src.Addr().String())
	if err != nil {
		return err
	}
	fmt.Printf("entries of one address: %v, %d MB\n", one, memory)
	b.ratio("conn-address-vs-conntrack-L-grep", float64(grepped)/float64(one), ">=", addressSpeed)
	b.ratio("conn-address-memory-vs-64MB", float64(memory)/addressMemory, "<=", 1)
	file, err := os.CreateTemp("", "ctbench")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	whole, err := fastest(1, func() error {
		return ns.Do(func() error {
			cmd := exec.CommandContext(ctx, tool, "-L")
			cmd.Stdout, cmd.Stderr = file, io.Discard
			return cmd.Run()
		})
	})
	if err != nil {
		return err
	}
	joined, memory, err := child(ctx, ns, "-join", strconv.Itoa(most))
	if err != nil {
		return err
	}
	fmt.Printf("conntrack -L to a file: %v; all joined: %v, %d MB\n", whole, joined, memory)
	b.ratio("conn-join-vs-conntrack-L", float64(joined)/float64(whole), "<=", joinTime)
	b.ratio("conn-join-memory-vs-256MB", float64(memory)/joinMemory, "<=", 1)
	return watched(ctx, b, ns)
}

// The events that a watch must follow.
const (
	eventRate    = 20_000 // new entries a second
	eventSeconds = 3
)

// watched makes entries at a rate, and counts the events of them that arrive.
func watched(ctx context.Context, b *board, ns nodens.NetNS) error {
	ctx, cancel := context.WithTimeout(ctx, 60*time.Second)
	defer cancel()
	tbl, err := ctnetlink.Open(ctx, ns)
	if err != nil {
		return err
	}
	defer tbl.Close()
	const made = eventRate * eventSeconds
	arrived, lost := 0, 0
	var writing errgroup.Group
	err = tbl.Watch(ctx, func() error {
		writing.Go(func() error { return makeAtRate(ctx, tbl, made) })
		return nil
	}, func(ev *ctnetlink.Event) error {
		switch {
		case ev.Kind == ctnetlink.EventLost:
			lost++
		case ev.Kind == ctnetlink.EventNew && ev.Entry.Zone == eventZone:
			arrived++
		}
		if arrived == made || lost > 0 {
			cancel()
		}
		return nil
	})
	werr := writing.Wait()
	if err == nil && lost == 0 {
		err = werr
	}
	if err != nil {
		return err
	}
	fmt.Printf("%d entries made at %d a second: %d events, lost %d times\n", made, eventRate, arrived, lost)
	b.ratio("conn-watch-events-arrived", float64(arrived)/made, ">=", 1)
	return nil
}

// eventZone is the zone of the entries that are made for their events.
const eventZone = 999

// makeAtRate makes entries, a hundredth of a second's at a time.
func makeAtRate(ctx context.Context, tbl *ctnetlink.Table, n int) error {
	const step = eventRate / 100
	tick := time.NewTicker(time.Second / 100)
	defer tick.Stop()
	for from := 0; from < n; from += step {
		_, err := tbl.CreateAll(ctx, func(yield func(ctnetlink.Spec) bool) {
			for i := from; i < from+step; i++ {
				if !yield(ctnetlink.Spec{Zone: eventZone, Orig: tuple(i), Timeout: 600, TCP: &ctstate.TCPInfo{State: 3}}) {
					return
				}
			}
		})
		if err != nil {
			return err
		}
		<-tick.C
	}
	return nil
}

// child runs this program with a flag in the namespace, and returns its duration and the maximum of
// its memory in MB.
func child(ctx context.Context, ns nodens.NetNS, args ...string) (took time.Duration, memory int64, err error) {
	self, err := os.Executable()
	if err != nil {
		return 0, 0, err
	}
	err = ns.Do(func() error {
		cmd := exec.CommandContext(ctx, self, args...)
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		begin := time.Now()
		err := cmd.Run()
		took = time.Since(begin)
		if u, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
			memory = u.Maxrss >> 10
		}
		return err
	})
	return took, memory, err
}

// asked runs what child asks for, if it is asked.
func asked(ctx context.Context, fs *flag.FlagSet) (done bool, err error) {
	if addr := fs.Lookup("list").Value.String(); addr != "" {
		return true, listed(ctx, addr)
	}
	if n, _ := strconv.Atoi(fs.Lookup("join").Value.String()); n > 0 {
		return true, joinAll(ctx, n)
	}
	return false, nil
}

// listed reads the entries of an address, which has one.
func listed(ctx context.Context, addr string) error {
	ip, err := netip.ParseAddr(addr)
	if err != nil {
		return err
	}
	tbl, err := ctnetlink.Open(ctx, nodens.Current())
	if err != nil {
		return err
	}
	defer tbl.Close()
	n := 0
	for e, err := range tbl.Having(ctx, []netip.Addr{ip}) {
		if err != nil {
			return err
		}
		if e.Orig.Src.Addr() != ip && e.Orig.Dst.Addr() != ip {
			return fmt.Errorf("an entry without %v: %v", ip, e.Orig)
		}
		n++
	}
	if n != 2 { // the only one comes twice, as it is without NAT (Having)
		return fmt.Errorf("%d entries of %v, not the one that it has, twice", n, ip)
	}
	return nil
}

// joinAll reads the whole table, which has at least want entries, and joins it into connections.
func joinAll(ctx context.Context, want int) error {
	tbl, err := ctnetlink.Open(ctx, nodens.Current())
	if err != nil {
		return err
	}
	defer tbl.Close()
	var store connection.Store
	defer store.Release()
	for e, err := range tbl.All(ctx, ctnetlink.Filter{}) {
		if err != nil {
			return err
		}
		if err := store.Add(&connection.Record{Chassis: "hv1", Entry: e}); err != nil {
			return err
		}
	}
	n := 0
	for c := range store.Join(nil) {
		n += len(c.Legs)
	}
	if n != store.Len() || n < want {
		return fmt.Errorf("%d of %d entries are in connections, of %d", n, store.Len(), want)
	}
	fmt.Printf("%d entries joined\n", n)
	return nil
}
