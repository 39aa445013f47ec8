package node

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"strconv"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ctdpif"
)

// all reads the kept connections of one zone, or of every zone if it is nil. It yields errors as
// ctdpif.Scan does.
func (k *Kept) all(ctx context.Context, kernel bool, zone *uint16) iter.Seq2[ctstate.Entry, error] {
	switch {
	case k.Held != nil:
		return heldEntries(k.Held, zone)
	case k.Entries != nil:
		return readEntries(k.Entries, zone)
	case kernel:
		return ctdpif.New(k.dump(), "").AllKernel(ctx, zone)
	}
	return ctdpif.New(k.dump(), "").All(ctx, zone)
}

// count returns the number of kept connections.
func (k *Kept) count() (int, error) {
	if k.Held != nil {
		return len(k.Held), nil
	}
	if k.Entries == nil {
		return k.dump().Count()
	}
	in, err := k.Entries()
	if err != nil {
		return 0, err
	}
	defer in.Close()
	n, buf := 0, make([]byte, 64<<10)
	for {
		got, err := in.Read(buf)
		n += bytes.Count(buf[:got], []byte("\n"))
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return 0, err
		}
	}
}

// heldEntries yields the entries of one zone or of all.
func heldEntries(list []ctstate.Entry, zone *uint16) iter.Seq2[ctstate.Entry, error] {
	return func(yield func(ctstate.Entry, error) bool) {
		for _, e := range list {
			if (zone == nil || e.Zone == *zone) && !yield(e, nil) {
				return
			}
		}
	}
}

// maxEntry is the largest line of kept entries, in bytes.
const maxEntry = 64 << 10

// readEntries reads what writeEntries has written, of one zone or of all. A last line without its
// newline is cut, and left out.
func readEntries(open func() (io.ReadCloser, error), zone *uint16) iter.Seq2[ctstate.Entry, error] {
	return func(yield func(ctstate.Entry, error) bool) {
		for id, e := range readLines[ctstate.Entry](open, zone) {
			if e.err == nil && e.is.Zone != id {
				e = line[ctstate.Entry]{err: fmt.Errorf("kept entries: one of zone %d has %d in it", id, e.is.Zone)}
			}
			if !yield(e.is, e.err) || e.err != nil {
				return
			}
		}
	}
}

// line is what a line of a file holds, or why it cannot be read, which ends the file.
type line[T any] struct {
	is  T
	err error
}

// readLines reads what sink.line has written, of one zone or of all: the zone and the rest.
func readLines[T any](open func() (io.ReadCloser, error), zone *uint16) iter.Seq2[uint16, line[T]] {
	return func(yield func(uint16, line[T]) bool) {
		in, err := open()
		if err != nil {
			yield(0, line[T]{err: err})
			return
		}
		defer in.Close()
		br := bufio.NewReaderSize(in, maxEntry)
		for n := 1; ; n++ {
			text, err := br.ReadSlice('\n')
			if err == io.EOF {
				return
			}
			id := uint64(0)
			if err == nil {
				var of []byte
				of, text, _ = bytes.Cut(text, []byte(" "))
				id, err = strconv.ParseUint(string(of), 10, 16)
			}
			if err == nil && zone != nil && uint16(id) != *zone {
				continue
			}
			var l line[T]
			if err == nil {
				err = json.Unmarshal(text, &l.is)
			}
			if err != nil {
				yield(0, line[T]{err: fmt.Errorf("kept entries, line %d: %w", n, err)})
				return
			}
			if !yield(uint16(id), l) {
				return
			}
		}
	}
}
