package connection

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
)

// rec is an entry written as "chassis zone orig => reply".
func rec(t testing.TB, line string) Record {
	t.Helper()
	place, tuples, _ := strings.Cut(line, ": ")
	chassis, zone, _ := strings.Cut(place, "/")
	orig, reply, ok := strings.Cut(tuples, " | ")
	e := ctstate.Entry{Orig: tuple(t, orig)}
	for _, c := range zone {
		e.Zone = e.Zone*10 + uint16(c-'0')
	}
	if ok {
		e.Reply = tuple(t, reply)
	} else {
		e.Reply, _ = e.Orig.Invert()
	}
	return Record{Chassis: chassis, Entry: e}
}

func tuple(t testing.TB, in string) ctstate.Tuple {
	t.Helper()
	out, err := ctstate.ParseTuple(in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func lines(c Connection) (out []string) {
	for _, l := range c.Legs {
		line := l.Chassis + "/" + string(rune('0'+l.Entry.Zone)) + ": " + l.Entry.Orig.String()
		if inv, _ := l.Entry.Orig.Invert(); inv != l.Entry.Reply {
			line += " | " + l.Entry.Reply.String()
		}
		out = append(out, line)
	}
	return out
}

// ends gives the client's and the server's zone by their address in this test: zone 1 is the port
// 10.0.0.3's, zone 9 that of 20.0.0.4.
func ends(r *Record, t ctstate.Tuple) Side {
	owner := map[uint16]string{1: "10.0.0.3", 9: "20.0.0.4"}[r.Entry.Zone]
	switch owner {
	case t.Src.Addr().String():
		return Client
	case t.Dst.Addr().String():
		return Server
	}
	return Middle
}

// Each connection is written in its path order.
var joined = map[string][][]string{
	"one entry": {{"hv1/1: tcp 10.0.0.3:1>20.0.0.4:80"}},
	"the same tuple in several zones, on two chassis": {{
		"hv2/1: tcp 10.0.0.3:1>20.0.0.4:80",
		"hv3/5: tcp 10.0.0.3:1>20.0.0.4:80",
		"hv1/9: tcp 10.0.0.3:1>20.0.0.4:80",
	}},
	"load balancer, then the server's port": {{
		"hv2/1: tcp 10.0.0.3:1>30.0.0.1:80 | tcp 20.0.0.4:8080>10.0.0.3:1",
		"hv1/9: tcp 10.0.0.3:1>20.0.0.4:8080",
	}},
	"client's port, DNAT, SNAT and server": {{
		"hv2/1: tcp 10.0.0.3:1>30.0.0.1:80",
		"hv3/5: tcp 10.0.0.3:1>30.0.0.1:80 | tcp 20.0.0.4:8080>10.0.0.3:1",
		"hv3/6: tcp 10.0.0.3:1>20.0.0.4:8080 | tcp 20.0.0.4:8080>20.0.0.1:4000",
		"hv1/9: tcp 20.0.0.1:4000>20.0.0.4:8080",
	}},
	"DNAT and SNAT at once": {{
		"hv3/5: udp 10.0.0.3:1>30.0.0.1:53 | udp 20.0.0.4:53>20.0.0.1:9",
		"hv1/9: udp 20.0.0.1:9>20.0.0.4:53",
	}},
	"ICMP by id, with another id after NAT": {{
		"hv2/1: icmp 10.0.0.3>8.8.8.8 type=8 code=0 id=5",
		"hv3/6: icmp 10.0.0.3>8.8.8.8 type=8 code=0 id=5 | icmp 8.8.8.8>172.16.0.1 type=0 code=0 id=6",
	}, {
		"hv2/1: icmp 10.0.0.3>8.8.8.8 type=8 code=0 id=7",
	}},
	"hairpin: the server is the client": {{
		"hv2/1: tcp 10.0.0.3:1>30.0.0.1:80 | tcp 10.0.0.3:8080>10.0.0.3:1",
		"hv2/2: tcp 10.0.0.3:1>10.0.0.3:8080 | tcp 10.0.0.3:8080>30.0.0.1:1",
		"hv2/1: tcp 30.0.0.1:1>10.0.0.3:8080",
	}},
	"a zone that first saw the answer": {{
		"hv2/1: tcp 10.0.0.3:4000>20.0.0.4:80",
		"hv1/9: tcp 20.0.0.4:80>10.0.0.3:4000",
	}},
	"other ports, other protocols": {
		{"hv1/1: tcp 10.0.0.3:1>20.0.0.4:80"}, {"hv1/1: tcp 10.0.0.3:2>20.0.0.4:80"}, {"hv1/1: udp 10.0.0.3:1>20.0.0.4:80"},
	},
}

func TestJoin(t *testing.T) {
	for name, want := range joined {
		t.Run(name, func(t *testing.T) {
			var all []Record
			for _, c := range want {
				for _, line := range c {
					all = append(all, rec(t, line))
				}
			}
			for range 20 {
				rand.Shuffle(len(all), func(a, b int) { all[a], all[b] = all[b], all[a] })
				var got [][]string
				for _, c := range Join(all, ends) {
					got = append(got, lines(c))
				}
				if !reflect.DeepEqual(got, want) {
					t.Fatalf("joined\n%q\nwant\n%q", got, want)
				}
			}
		})
	}
}

// Whatever the entries are, each is in exactly one connection, and their order does not matter.
func TestJoinAnything(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		any := func() ctstate.Tuple {
			addr := func() string { return "10.0.0." + string(rune('1'+r.IntN(4))) + ":" + string(rune('1'+r.IntN(3))) }
			return tuple(t, "tcp "+addr()+">"+addr())
		}
		var all []Record
		for n := r.IntN(12); len(all) < n; {
			rc := Record{Chassis: "hv" + string(rune('1'+r.IntN(2))), Entry: ctstate.Entry{Zone: uint16(1 + len(all)), Source: ctstate.FromKernel, Orig: any(), Reply: any()}}
			if r.IntN(2) == 0 {
				rc.Entry.Reply, _ = rc.Entry.Orig.Invert()
			}
			all = append(all, rc)
		}
		first := Join(all, nil)
		found := map[uint16]int{}
		for _, c := range first {
			for _, l := range c.Legs {
				found[l.Entry.Zone]++
			}
		}
		for zone := range len(all) {
			if found[uint16(zone+1)] != 1 {
				t.Fatalf("seed %d: entry %d is %d times in the connections", seed, zone+1, found[uint16(zone+1)])
			}
		}
		var store Store
		for i := range all {
			if err := store.Add(&all[i]); err != nil {
				t.Fatal(err)
			}
		}
		stored := slices.SortedFunc(store.Join(nil), Compare)
		if len(first)+len(stored) > 0 && !reflect.DeepEqual(stored, first) {
			t.Fatalf("seed %d: the store joins to\n%+v\nnot\n%+v", seed, stored, first)
		}
		store.Release()
		r.Shuffle(len(all), func(a, b int) { all[a], all[b] = all[b], all[a] })
		if again := Join(all, nil); !reflect.DeepEqual(again, first) {
			t.Fatalf("seed %d: another order of the entries gives\n%+v\nnot\n%+v", seed, again, first)
		}
	}
}
