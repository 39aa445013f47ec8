package engine

import (
	"context"
	"strconv"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/oftrace"
)

// hashProbe finds what a segment does for values of dp_hash.
type hashProbe struct {
	run     *run
	parent  *segment
	ordinal int
	st      state
	// table is the group's, if it could be read and agrees with what was asked; each bucket is then
	// asked for once.
	table []uint32
	asked map[uint32]probed // by bucket, with a table
	done  bool              // whether a table was looked for
}

// probed is the section of a value of dp_hash.
type probed struct {
	sec oftrace.Section
	bucket
}

func (r *run) probeHash(parent *segment, ordinal int, st state) *hashProbe {
	return &hashProbe{run: r, parent: parent, ordinal: ordinal, st: st, asked: map[uint32]probed{}}
}

// errTable is the error of a table that does not agree with ofproto/trace, which the probe then
// does without: what was found by it must be asked again.
type errTable struct{}

func (errTable) Error() string { return "the group's table is another one" }

// try returns what the segment does for a value.
func (p *hashProbe) try(ctx context.Context, x uint32) (probed, error) {
	if p.table == nil {
		got, err := p.ask(ctx, x)
		if err == nil && !p.done {
			p.done = true
			p.read(ctx, got)
		}
		return got, err
	}
	id := p.table[x&uint32(len(p.table)-1)]
	got, known := p.asked[id]
	if !known {
		var err error
		if got, err = p.ask(ctx, x); err != nil {
			return got, err
		}
		if !p.agrees(got, id) { // such as a bucket that is not alive: others have its values
			p.table = nil
			return got, errTable{}
		}
		p.asked[id] = got
	}
	got.hash = x
	return got, nil
}

func (p *hashProbe) ask(ctx context.Context, x uint32) (probed, error) {
	sec, b, err := p.run.tryHash(ctx, p.parent, p.ordinal, p.st, x)
	return probed{sec, b}, err
}

// read reads the table of the group that the first value led to, if it can be relied on.
func (p *hashProbe) read(ctx context.Context, first probed) {
	bridge, group, bucket, ok := groupOf(&first.sec)
	if p.run.engine.Groups == nil || !ok {
		return
	}
	g, err := p.run.engine.Groups.SelectGroup(ctx, bridge, group)
	if err != nil {
		return // every value is asked for
	}
	table := g.hashTable()
	if table == nil || table[first.hash&uint32(len(table)-1)] != bucket {
		return
	}
	p.table = table
	if !p.agrees(first, bucket) {
		p.table = nil
		return
	}
	p.asked[bucket] = first
}

// agrees reports whether a section has the table's size and this bucket.
func (p *hashProbe) agrees(got probed, id uint32) bool {
	_, _, bucket, ok := groupOf(&got.sec)
	return ok && bucket == id && hashMask(got.sec.Megaflow) == uint32(len(p.table)-1)
}

// groupAction returns the group of an action line "group:N".
func groupAction(text string) (uint32, bool) {
	id, ok := strings.CutPrefix(text, "group:")
	n, err := strconv.ParseUint(id, 10, 32)
	return uint32(n), ok && err == nil
}
