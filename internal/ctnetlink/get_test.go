package ctnetlink

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"
)

// raw sends a hand-made request and returns the errno of the kernel's refusal, 0 if it was
// accepted.
func raw(t *testing.T, tbl *Table, typ, flags uint16, fam uint8, attrs func(*encoder)) unix.Errno {
	t.Helper()
	tbl.mu.Lock()
	defer tbl.mu.Unlock()
	tbl.enc.begin(typ, flags|nlmRequest|nlmAck, tbl.s.nextSeq(), fam)
	if attrs != nil {
		attrs(&tbl.enc)
	}
	err := tbl.s.execute(t.Context(), "raw", tbl.enc.finish(), nil)
	var e *Error
	if errors.As(err, &e) {
		return e.Errno
	}
	if err != nil {
		t.Fatal(err)
	}
	return 0
}

var (
	flow = tup(6, "10.0.0.1:1000", "10.0.0.2:80")
	back = swap(flow)
)

func TestGetRules(t *testing.T) {
	tbl := open(t, ctNS(t))
	create(t, tbl, Spec{Zone: 7, Orig: flow})
	tupleZone := func(e *encoder, zone uint16) {
		n := e.nest(ctaTupleOrig)
		ip := e.nest(ctaTupleIP)
		e.addrs(flow.Src.Addr(), flow.Dst.Addr())
		e.end(ip)
		p := e.nest(ctaTupleProto)
		e.u8(ctaProtoNum, 6)
		e.be16(ctaProtoSrcPort, 1000)
		e.be16(ctaProtoDstPort, 80)
		e.end(p)
		e.be16(ctaTupleZone, zone)
		e.end(n)
	}
	for _, c := range []struct {
		name  string
		fam   uint8
		attrs func(*encoder)
		want  unix.Errno
	}{
		{"zone", unix.AF_INET, func(e *encoder) { e.tuple(ctaTupleOrig, flow); e.zone(ctaZone, 7) }, 0},
		{"no zone", unix.AF_INET, func(e *encoder) { e.tuple(ctaTupleOrig, flow) }, unix.ENOENT},
		{"wrong zone", unix.AF_INET, func(e *encoder) { e.tuple(ctaTupleOrig, flow); e.zone(ctaZone, 8) }, unix.ENOENT},
		{"reply in orig", unix.AF_INET, func(e *encoder) { e.tuple(ctaTupleOrig, back); e.zone(ctaZone, 7) }, 0},
		{"orig in reply", unix.AF_INET, func(e *encoder) { e.tuple(ctaTupleReply, flow); e.zone(ctaZone, 7) }, 0},
		{"tuple zone", unix.AF_INET, func(e *encoder) { tupleZone(e, 7) }, 0},
		{"tuple zone and zone", unix.AF_INET, func(e *encoder) { tupleZone(e, 7); e.zone(ctaZone, 7) }, unix.EINVAL},
		{"unspec", 0, func(e *encoder) { e.tuple(ctaTupleOrig, flow); e.zone(ctaZone, 7) }, unix.EOPNOTSUPP},
		{"no tuple", unix.AF_INET, func(e *encoder) { e.zone(ctaZone, 7) }, unix.EINVAL},
	} {
		if got := raw(t, tbl, msgCTGet, 0, c.fam, c.attrs); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// TestID checks that CTA_ID does not identify an entry: it is a keyed hash over the entry's address
// in memory and its tuple, so that a new entry at the freed address has the same id. Tag identifies
// an entry.
func TestID(t *testing.T) {
	tbl := open(t, ctNS(t))
	same := 0
	const rounds = 50
	for range rounds {
		a := create(t, tbl, Spec{Orig: flow, Tag: 7})
		k, _ := KeyOf(a.Entry)
		if a.Tag != 7 || !a.HasTag {
			t.Fatalf("tag %d %v", a.Tag, a.HasTag)
		}
		if err := tbl.Delete(t.Context(), k); err != nil {
			t.Fatal(err)
		}
		b := create(t, tbl, Spec{Orig: flow})
		if b.Tag != 0 {
			t.Fatalf("tag %d of an entry without", b.Tag)
		}
		if a.ID == b.ID {
			same++
		}
		k, _ = KeyOf(b.Entry)
		if err := tbl.Delete(t.Context(), k); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d of %d entries made anew had the id of the one before", same, rounds)
}
