package ctdpif

import (
	"reflect"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ctpack"
)

// TestPack checks that every connection is found unchanged by both its directions.
func TestPack(t *testing.T) {
	var p ctpack.Pack
	defer func() { p.Release() }()
	var want []ctstate.Entry
	for _, in := range corpusLines(t) {
		l, err := parse(in)
		if err != nil {
			t.Fatal(err)
		}
		if !l.HasReply {
			continue
		}
		e := l.Entry()
		e.Zone = 5
		if _, err := p.Add(&e); err != nil {
			t.Fatal(err)
		}
		want = append(want, e)
		e.Source, e.Counters = ctstate.FromKernel, &ctstate.Counters{Orig: ctstate.Traffic{Packets: 1, Bytes: 1 << 40}, Reply: ctstate.Traffic{Packets: 3}}
		if at, err := p.Add(&e); err != nil || !reflect.DeepEqual(p.Entry(at, 5), e) {
			t.Errorf("%+v, %v", p.Entry(at, 5), err)
		}
		want = append(want, e)
	}
	if err := p.Index(); err != nil {
		t.Fatal(err)
	}
	i := 0
	for _, got := range p.All(5) {
		if !reflect.DeepEqual(got, want[i]) {
			t.Errorf("got  %+v %+v\nwant %+v %+v", got, got.TCP, want[i], want[i].TCP)
		}
		i++
	}
	if i != len(want) || p.Len() != i {
		t.Errorf("%d and %d of %d", i, p.Len(), len(want))
	}
	for _, e := range want {
		for _, dir := range []ctstate.Tuple{e.Orig, e.Reply} {
			if got, ok := p.Find(5, dir); !ok || got.Orig != dir && got.Reply != dir {
				t.Errorf("%v: %v %v", dir, got.Orig, ok)
			}
			dir.Dst = ap("1.2.3.4:5")
			if got, ok := p.Find(5, dir); ok {
				t.Errorf("%v: %v", dir, got.Orig)
			}
		}
	}
}

// FuzzPack is TestPack for any line.
func FuzzPack(f *testing.F) {
	for _, l := range corpusLines(f) {
		f.Add(l)
	}
	f.Fuzz(func(t *testing.T, in string) {
		l, err := parse(in)
		if err != nil || !l.HasReply {
			return
		}
		e := l.Entry()
		var p ctpack.Pack
		defer func() { p.Release() }()
		for range 2 { // the second begins where the first ends
			at, err := p.Add(&e)
			if err != nil {
				t.Fatal(err)
			}
			if got := p.Entry(at, e.Zone); !reflect.DeepEqual(got, e) {
				t.Fatalf("%q packed and unpacked is %+v; want %+v", in, got, e)
			}
		}
	})
}
