package node

import (
	"bytes"
	"errors"
	"io"
	"iter"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ctnetlink"
)

func keptSample() []ctstate.Entry {
	tuple := func(a, b string) ctstate.Tuple {
		return ctstate.Tuple{Proto: 6, Src: netip.MustParseAddrPort(a), Dst: netip.MustParseAddrPort(b)}
	}
	return []ctstate.Entry{
		{Zone: 8, ID: 77, Orig: tuple("10.0.0.3:40000", "30.0.0.10:21"), Reply: tuple("20.0.0.3:21", "10.0.0.3:40000"), Status: 0x1ae, Timeout: 431999,
			HasTimeout: true, Mark: 2, Helper: "ftp", Source: ctstate.FromKernel, TCP: &ctstate.TCPInfo{State: ctstate.TCPEstablished, WScaleOrig: 7}},
		{Zone: 0, Orig: tuple("[fd00::1]:1", "[fd00::2]:2"), Reply: tuple("[fd00::2]:2", "[fd00::1]:1"), Source: ctstate.FromKernel},
		{Zone: 80, Orig: tuple("10.0.0.3:1", "10.0.0.4:2"), Reply: tuple("10.0.0.4:2", "10.0.0.3:1"), Source: ctstate.FromKernel},
	}
}

// writeKept returns entries as a collection writes them.
func writeKept(t *testing.T, list []ctstate.Entry, last error) (string, string) {
	t.Helper()
	var out bytes.Buffer
	c := &collection{yield: func(chunks []Chunk) error {
		for _, ch := range chunks {
			out.Write(ch.Data)
		}
		return nil
	}}
	lacks := ""
	c.file("entries x", func(w *sink) error {
		defer func() { lacks = w.lacks }()
		return writeEntries(w, iter.Seq2[ctstate.Entry, error](func(yield func(ctstate.Entry, error) bool) {
			for _, e := range list {
				if !yield(e, nil) {
					return
				}
			}
			if last != nil {
				yield(ctstate.Entry{}, last)
			}
		}))
	})
	return out.String(), lacks
}

// Entries are read as they were written, by zone too; a table that changed meanwhile says so.
func TestKeptEntries(t *testing.T) {
	want := keptSample()
	text, lacks := writeKept(t, want, ctnetlink.ErrInterrupted)
	if lacks == "" {
		t.Error("a table that has changed is whole")
	}
	k := &Kept{Entries: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }}
	var got []ctstate.Entry
	for e, err := range k.all(t.Context(), true, nil) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, e)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	if n, err := k.count(); n != 3 || err != nil {
		t.Errorf("%d entries, %v", n, err)
	}
	table := &keptKernel{of: "hv1", kept: k, zones: map[uint16]*keptZone{}}
	e, err := table.Lookup(t.Context(), 8, want[0].Reply)
	if err != nil || e.Timeout != 431999 || e.TCP.State != ctstate.TCPEstablished || e.ID != 77 {
		t.Errorf("%+v, %v", e, err)
	}
	if _, err := table.Lookup(t.Context(), 80, want[0].Orig); !errors.Is(err, ctstate.ErrNotFound) {
		t.Errorf("an entry of another zone: %v", err)
	}
	// What a connection with a helper expects was not collected.
	if _, err := table.Expectation(t.Context(), 8, want[0].Orig); !errors.Is(err, errKeptExpectations) {
		t.Errorf("expectations: %v", err)
	}
}

// What was collected of expectations is found with its master, and only in its zone; without a
// master, or where nothing matches, there is none.
func TestKeptExpected(t *testing.T) {
	list := keptSample()
	text, _ := writeKept(t, list, nil)
	data := list[0].Orig
	data.Src, data.Dst = list[0].Orig.Dst, netip.MustParseAddrPort("10.0.0.3:5001")
	x := ctnetlink.Expected{Master: list[0].Orig, Tuple: data, SrcMask: netip.MustParseAddr("255.255.255.255"), Permanent: true}
	lone := x
	lone.Master, lone.Tuple.Dst = data, netip.MustParseAddrPort("10.0.0.3:5002")
	var out bytes.Buffer
	c := &collection{yield: func(chunks []Chunk) error {
		for _, ch := range chunks {
			out.Write(ch.Data)
		}
		return nil
	}}
	c.file("expected x", func(w *sink) error { return errors.Join(w.line(8, &x), w.line(9, &x), w.line(8, &lone)) })
	reads := func(s string) func() (io.ReadCloser, error) {
		return func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(s)), nil }
	}
	table := &keptKernel{of: "hv1", kept: &Kept{Entries: reads(text), Expected: reads(out.String())}, zones: map[uint16]*keptZone{}}
	p := data
	p.Src = netip.AddrPortFrom(p.Src.Addr(), 20) // no bit of the port counts
	got, err := table.Expectation(t.Context(), 8, p)
	if err != nil || got.Tuple != data || !got.Permanent || got.Master.ID != list[0].ID {
		t.Errorf("%+v, %v", got, err)
	}
	other := p
	other.Src = netip.MustParseAddrPort("10.0.0.9:20")
	for zone, tuple := range map[uint16]ctstate.Tuple{80: p, 9: p, 8: other} {
		if got, err := table.Expectation(t.Context(), zone, tuple); !errors.Is(err, ctstate.ErrNotFound) {
			t.Errorf("zone %d: %+v, %v", zone, got, err)
		}
	}
	if got, err := table.Expectation(t.Context(), 8, lone.Tuple); !errors.Is(err, ctstate.ErrNotFound) {
		t.Errorf("of a connection that has ended: %+v, %v", got, err)
	}
	table = &keptKernel{of: "hv1", kept: &Kept{Entries: reads(text), Expected: reads("8 {}x\n")}, zones: map[uint16]*keptZone{}}
	if _, err := table.Expectation(t.Context(), 8, p); err == nil || errors.Is(err, ctstate.ErrNotFound) {
		t.Errorf("of a file that cannot be read: %v", err)
	}
}

// FuzzKeptEntries: whatever a file holds, reading it ends, and what is read is of the asked zone.
func FuzzKeptEntries(f *testing.F) {
	f.Add("8 {\"zone\":8}\n")
	f.Add("8 {\"zone\":9}\n80 {}\nx")
	f.Fuzz(func(t *testing.T, text string) {
		zone := uint16(8)
		open := func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }
		n := 0
		for e, err := range readEntries(open, &zone) {
			if err != nil && !reflect.DeepEqual(e, ctstate.Entry{}) {
				t.Errorf("%v, and %+v", err, e)
			}
			if err == nil && e.Zone != zone {
				t.Errorf("%+v", e)
			}
			n++
		}
		if n > strings.Count(text, "\n") {
			t.Errorf("%d entries of %q", n, text)
		}
	})
}
