package connection

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
)

// keptRecord is a record that few numbers determine, so that several have the same place or flow.
func keptRecord(chassis, zone, client, server int, status ctstate.Status) Record {
	src := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(client >> 8), byte(client)}), 1000)
	vip, backend := netip.MustParseAddrPort("30.0.0.1:80"), netip.AddrPortFrom(netip.AddrFrom4([4]byte{20, 0, 0, byte(server)}), 8080)
	e := ctstate.Entry{
		Zone: uint16(zone), ID: uint32(client + 1), Status: status, Timeout: 60, HasTimeout: true, Source: ctstate.FromKernel,
		Orig: ctstate.Tuple{Proto: 6, Src: src, Dst: vip}, Reply: ctstate.Tuple{Proto: 6, Src: vip, Dst: src},
	}
	if server > 0 {
		e.Reply.Src = backend
	}
	return Record{Chassis: fmt.Sprint("hv", chassis), ZoneName: fmt.Sprint("zone", zone), Entry: e}
}

// TestKeptAsMap: after any puts and removals the records, and those of each flow, are those of a
// map.
func TestKeptAsMap(t *testing.T) {
	type at struct {
		chassis string
		zone    uint16
		orig    ctstate.Tuple
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	var k Kept
	defer k.Release()
	want := map[at]Record{}
	for step := range 20_000 {
		r := keptRecord(rnd.IntN(2), rnd.IntN(3), rnd.IntN(60), rnd.IntN(3), ctstate.Status(rnd.IntN(16)))
		p := at{r.Chassis, r.Entry.Zone, r.Entry.Orig}
		n, known := k.Find(p.chassis, p.zone, p.orig)
		if _, ok := want[p]; ok != known {
			t.Fatalf("step %d: found %v, want %v", step, known, ok)
		}
		if known && rnd.IntN(2) == 0 {
			k.Remove(n)
			delete(want, p)
		} else {
			if _, err := k.Put(&r); err != nil {
				t.Fatal(err)
			}
			want[p] = r
		}
		if step%500 != 0 {
			continue
		}
		if k.Len() != len(want) {
			t.Fatalf("step %d: %d records, want %d", step, k.Len(), len(want))
		}
		flows := map[ctstate.Tuple]map[at]bool{}
		for p, r := range want {
			for _, f := range []ctstate.Tuple{Flow(r.Entry.Orig), Flow(After(&r.Entry))} {
				if flows[f] == nil {
					flows[f] = map[at]bool{}
				}
				flows[f][p] = true
			}
		}
		for n := range k.All() {
			r := k.Record(n)
			p := at{r.Chassis, r.Entry.Zone, r.Entry.Orig}
			if d := cmp.Diff(want[p], r, cmpopts.EquateComparable(netip.AddrPort{})); d != "" {
				t.Fatal(d)
			}
		}
		for f, places := range flows {
			got := map[at]bool{}
			for n := range k.Of(f) {
				r := k.Record(n)
				p := at{r.Chassis, r.Entry.Zone, r.Entry.Orig}
				if got[p] {
					t.Errorf("step %d: %v is listed twice", step, p)
				}
				got[p] = true
			}
			if !maps.Equal(got, places) {
				t.Fatalf("step %d: flow %v has %v, want %v", step, f, got, places)
			}
		}
	}
	for _, n := range slices.Collect(k.All()) {
		k.Remove(n)
	}
	if k.Len() != 0 || len(k.places.first) != 0 || len(k.flows.first) != 0 {
		t.Errorf("left: %d records, %d places, %d flows", k.Len(), len(k.places.first), len(k.flows.first))
	}
}

// TestKeptBounded: what is held depends on how many records there are, not on how often they have
// changed or how many have gone.
func TestKeptBounded(t *testing.T) {
	const records, perRecord = 10_000, 150
	var k Kept
	defer k.Release()
	put := func(client, server int, status ctstate.Status) uint32 {
		r := keptRecord(1, 1, client, server, status)
		n, err := k.Put(&r)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for client := range records {
		put(client, 1, 1)
	}
	if got := k.Size(); got > perRecord*records {
		t.Errorf("%d bytes for %d records", got, records)
	}
	most := 0
	for round := range 5 {
		for client := range records {
			put(client, 1+round%2, ctstate.Status(round))
			most = max(most, k.Size())
		}
	}
	// Dead records are tolerated up to the number of the others.
	if limit := 2 * perRecord * records; most > limit || k.Len() != records {
		t.Errorf("%d bytes for %d records, at most %d were expected", most, k.Len(), limit)
	}
	for range 50_000 { // connections come and go
		k.Remove(put(records, 1, 1))
	}
	if got := k.Size(); got > 2*perRecord*records || k.Len() != records {
		t.Errorf("%d bytes for %d records", got, k.Len())
	}
	for _, n := range slices.Collect(k.All()) {
		k.Remove(n)
	}
	for range 2 { // the pack is written anew when something comes
		put(1, 1, 1)
	}
	if packed := k.store.pack.Len(); packed > slack+2 {
		t.Errorf("%d records are packed, and one is there", packed)
	}
}
