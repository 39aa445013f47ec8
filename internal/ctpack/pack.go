// Package ctpack holds many conntrack entries in little memory.
package ctpack

import (
	"encoding/binary"
	"hash/maphash"
	"iter"
	"math/bits"
	"net/netip"
	"syscall"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
)

// Pack holds entries that were read from a table in about 40 bytes each, without their zones. The
// memory is mapped from the system and unmapped again, outside the garbage collector: it does not
// scan this memory, and no garbage of the same size accumulates. The zero Pack is empty. It is not
// safe for concurrent use, except that several may read it.
type Pack struct {
	chunks [][]byte
	n      int
	index  []byte // hash table by direction of 32-bit words: 1 + offset of the record
	seed   maphash.Seed
	rec    []byte
}

// chunkSize is the size of one allocation in bytes; no record is longer, and none is in two
// chunks.
const chunkSize = 1 << 16

// The bits in the first two bytes of a record.
const (
	packV6      = 1 << iota
	packSrcBack // the reply's source address is the original destination
	packDstBack
	packPortsBack
	packTimeout
	packTCP
	packSCTP
	packLabel
	packHelper
	packMaster
	packKernel    // the entry was read from the kernel's table, else from a userspace one
	packKernelTCP // its TCP member is set
	packCreated
	packCounters
)

// Bytes returns the size of the memory that the Pack holds.
func (p *Pack) Bytes() int { return len(p.chunks)*chunkSize + len(p.index) }

// Len returns the number of entries.
func (p *Pack) Len() int { return p.n }

// Add appends an entry and returns its place. The entry's zone, Unknown, NATSrc and NATDst are not
// kept, and of TCP not Last, which no table exports.
func (p *Pack) Add(e *ctstate.Entry) (at uint32, err error) {
	p.rec = appendRecord(p.rec[:0], e)
	last := len(p.chunks) - 1
	if last < 0 || len(p.chunks[last])+len(p.rec) > chunkSize {
		b, err := grab(chunkSize)
		if err != nil {
			return 0, err
		}
		p.chunks = append(p.chunks, b[:0])
		last++
	}
	at = uint32(last*chunkSize + len(p.chunks[last]))
	p.chunks[last] = append(p.chunks[last], p.rec...)
	p.n++
	return at, nil
}

// at returns the record at a place, and what is behind it.
func (p *Pack) at(at uint32) record {
	return record{p.chunks[at/chunkSize][at%chunkSize:]}
}

// Tuples returns the tuples of the entry at a place.
func (p *Pack) Tuples(at uint32) (orig, reply ctstate.Tuple) {
	r := p.at(at)
	_, orig, reply = r.tuples()
	return orig, reply
}

// Entry returns the entry at a place, in a zone.
func (p *Pack) Entry(at uint32, zone uint16) ctstate.Entry {
	r := p.at(at)
	return r.entry(zone)
}

func appendRecord(b []byte, e *ctstate.Entry) []byte {
	var set uint16
	flag := func(bit uint16, ok bool) bool {
		if ok {
			set |= bit
		}
		return ok
	}
	o, r := &e.Orig, &e.Reply
	flag(packV6, !o.Src.Addr().Is4())
	srcBack, dstBack := flag(packSrcBack, r.Src.Addr() == o.Dst.Addr()), flag(packDstBack, r.Dst.Addr() == o.Src.Addr())
	icmp := isICMP(o.Proto)
	portsBack := flag(packPortsBack, !icmp && r.Src.Port() == o.Dst.Port() && r.Dst.Port() == o.Src.Port())
	flag(packTimeout, e.HasTimeout)
	flag(packTCP, e.UserTCP != nil)
	flag(packSCTP, e.SCTP != nil)
	flag(packLabel, e.Label != ctstate.Label{})
	flag(packHelper, e.Helper != "")
	flag(packMaster, e.Master != nil)
	flag(packKernel, e.Source == ctstate.FromKernel)
	flag(packKernelTCP, e.TCP != nil)
	flag(packCreated, e.Created > 0)
	flag(packCounters, e.Counters != nil)

	b = append(binary.BigEndian.AppendUint16(b, set), o.Proto)
	b = appendAddr(appendAddr(b, o.Src.Addr()), o.Dst.Addr())
	b = appendPorts(b, o)
	if !srcBack {
		b = appendAddr(b, r.Src.Addr())
	}
	if !dstBack {
		b = appendAddr(b, r.Dst.Addr())
	}
	if !portsBack {
		b = appendPorts(b, r)
	}
	b = binary.AppendUvarint(b, uint64(e.ID))
	b = binary.AppendUvarint(b, uint64(e.Status))
	b = binary.AppendUvarint(b, uint64(e.Mark))
	if e.HasTimeout {
		b = binary.AppendUvarint(b, uint64(e.Timeout))
	}
	if t := e.UserTCP; t != nil {
		b = append(b, byte(t.Orig), byte(t.Reply), t.FlagsOrig, t.FlagsReply, t.WScaleOrig, t.WScaleRepl)
	}
	if s := e.SCTP; s != nil {
		b = append(b, byte(s.State))
		b = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(b, s.VTagOrig), s.VTagRepl)
	}
	if set&packLabel != 0 {
		b = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, e.Label.Hi), e.Label.Lo)
	}
	if e.Helper != "" {
		b = append(binary.AppendUvarint(b, uint64(len(e.Helper))), e.Helper...)
	}
	if m := e.Master; m != nil {
		b = appendPorts(appendAddr(appendAddr(b, m.Src.Addr()), m.Dst.Addr()), m)
	}
	if t := e.TCP; t != nil {
		b = append(b, byte(t.State), t.FlagsOrig, t.FlagsReply, t.WScaleOrig, t.WScaleRepl)
	}
	if e.Created > 0 {
		b = binary.AppendUvarint(b, uint64(e.Created))
	}
	if c := e.Counters; c != nil {
		for _, n := range [...]uint64{c.Orig.Packets, c.Orig.Bytes, c.Reply.Packets, c.Reply.Bytes} {
			b = binary.AppendUvarint(b, n)
		}
	}
	return b
}

func isICMP(proto uint8) bool { return proto == ctstate.ProtoICMP || proto == ctstate.ProtoICMPv6 }

func appendAddr(b []byte, a netip.Addr) []byte { return append(b, a.AsSlice()...) }

func appendPorts(b []byte, t *ctstate.Tuple) []byte {
	if isICMP(t.Proto) {
		return append(binary.BigEndian.AppendUint16(b, t.ICMPID), t.ICMPType, t.ICMPCode)
	}
	return binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(b, t.Src.Port()), t.Dst.Port())
}

// record decodes what appendRecord wrote.
type record struct{ b []byte }

func (r *record) take(n int) []byte {
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *record) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	r.b = r.b[n:]
	return v
}

func (r *record) addr(v6 bool) netip.Addr {
	if v6 {
		return netip.AddrFrom16([16]byte(r.take(16)))
	}
	return netip.AddrFrom4([4]byte(r.take(4)))
}

// ports decodes the ports or the ICMP fields of a tuple with these addresses.
func (r *record) ports(t *ctstate.Tuple, src, dst netip.Addr) {
	b := r.take(4)
	sport, dport := binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
	if isICMP(t.Proto) {
		t.ICMPID, t.ICMPType, t.ICMPCode = sport, b[2], b[3]
		sport, dport = 0, 0
	}
	t.Src, t.Dst = netip.AddrPortFrom(src, sport), netip.AddrPortFrom(dst, dport)
}

// tuples decodes the first part of a record.
func (r *record) tuples() (set uint16, orig, reply ctstate.Tuple) {
	set = binary.BigEndian.Uint16(r.take(2))
	v6 := set&packV6 != 0
	orig.Proto = r.take(1)[0]
	reply.Proto = orig.Proto
	src, dst := r.addr(v6), r.addr(v6)
	r.ports(&orig, src, dst)
	back, forth := dst, src
	if set&packSrcBack == 0 {
		back = r.addr(v6)
	}
	if set&packDstBack == 0 {
		forth = r.addr(v6)
	}
	if set&packPortsBack == 0 {
		r.ports(&reply, back, forth)
	} else {
		reply.Src, reply.Dst = netip.AddrPortFrom(back, orig.Dst.Port()), netip.AddrPortFrom(forth, orig.Src.Port())
	}
	return set, orig, reply
}

// entry decodes a whole record.
func (r *record) entry(zone uint16) ctstate.Entry {
	set, orig, reply := r.tuples()
	e := ctstate.Entry{Zone: zone, Orig: orig, Reply: reply, Source: ctstate.FromUserspace}
	e.ID, e.Status, e.Mark = uint32(r.uvarint()), ctstate.Status(r.uvarint()), uint32(r.uvarint())
	if e.HasTimeout = set&packTimeout != 0; e.HasTimeout {
		e.Timeout = uint32(r.uvarint())
	}
	if set&packTCP != 0 {
		b := r.take(6)
		e.UserTCP = &ctstate.UserTCPInfo{Orig: ctstate.UserTCPState(b[0]), Reply: ctstate.UserTCPState(b[1]),
			FlagsOrig: b[2], FlagsReply: b[3], WScaleOrig: b[4], WScaleRepl: b[5]}
	}
	if set&packSCTP != 0 {
		b := r.take(9)
		e.SCTP = &ctstate.SCTPInfo{State: ctstate.SCTPState(b[0]), VTagOrig: binary.BigEndian.Uint32(b[1:]), VTagRepl: binary.BigEndian.Uint32(b[5:])}
	}
	if set&packLabel != 0 {
		b := r.take(16)
		e.Label = ctstate.Label{Hi: binary.BigEndian.Uint64(b), Lo: binary.BigEndian.Uint64(b[8:])}
	}
	if set&packHelper != 0 {
		e.Helper = string(r.take(int(r.uvarint())))
	}
	if set&packMaster != 0 {
		e.Master = &ctstate.Tuple{Proto: orig.Proto}
		src := r.addr(set&packV6 != 0)
		dst := r.addr(set&packV6 != 0)
		r.ports(e.Master, src, dst)
	}
	if set&packKernel != 0 {
		e.Source = ctstate.FromKernel
	}
	if set&packKernelTCP != 0 {
		b := r.take(5)
		e.TCP = &ctstate.TCPInfo{State: ctstate.TCPState(b[0]), FlagsOrig: b[1], FlagsReply: b[2], WScaleOrig: b[3], WScaleRepl: b[4]}
	}
	if set&packCreated != 0 {
		e.Created = int64(r.uvarint())
	}
	if set&packCounters != 0 {
		e.Counters = &ctstate.Counters{Orig: ctstate.Traffic{Packets: r.uvarint(), Bytes: r.uvarint()}, Reply: ctstate.Traffic{Packets: r.uvarint(), Bytes: r.uvarint()}}
	}
	return e
}

// All iterates over the place and entry of every record; the entries get the zone.
func (p *Pack) All(zone uint16) iter.Seq2[uint32, ctstate.Entry] {
	return func(yield func(uint32, ctstate.Entry) bool) {
		for i, c := range p.chunks {
			for r := (record{c}); len(r.b) > 0; {
				at := uint32(i*chunkSize + len(c) - len(r.b))
				if !yield(at, r.entry(zone)) {
					return
				}
			}
		}
	}
}

// Index builds the index for Find after the last Add.
func (p *Pack) Index() (err error) {
	if p.n == 0 {
		return nil
	}
	p.seed = maphash.MakeSeed()
	slots := p.n*2*4/3 + 1 // at least one stays empty, where a search ends
	if p.index, err = grab(4 * slots); err != nil {
		return err
	}
	for at, e := range p.All(0) {
		p.put(at, e.Orig)
		if e.Reply != e.Orig {
			p.put(at, e.Reply)
		}
	}
	return nil
}

// slots walks the index from the tuple's hash on, until yield returns false.
func (p *Pack) slots(t ctstate.Tuple, yield func(word []byte) bool) {
	n := len(p.index) / 4
	hi, _ := bits.Mul64(maphash.Comparable(p.seed, t), uint64(n))
	for i := int(hi); yield(p.index[i*4 : i*4+4]); {
		if i++; i == n {
			i = 0
		}
	}
}

func (p *Pack) put(at uint32, t ctstate.Tuple) {
	p.slots(t, func(word []byte) bool {
		if binary.NativeEndian.Uint32(word) != 0 {
			return true
		}
		binary.NativeEndian.PutUint32(word, at+1)
		return false
	})
}

// Find returns the entry that has t as one of its directions, in a zone. Index must have been
// called.
func (p *Pack) Find(zone uint16, t ctstate.Tuple) (e ctstate.Entry, ok bool) {
	if p.n == 0 {
		return e, false
	}
	p.slots(t, func(word []byte) bool {
		v := binary.NativeEndian.Uint32(word)
		if v == 0 {
			return false
		}
		at := int(v - 1)
		rest := p.chunks[at/chunkSize][at%chunkSize:]
		r := record{rest}
		if _, orig, reply := r.tuples(); orig != t && reply != t {
			return true
		}
		r.b = rest
		e, ok = r.entry(zone), true
		return false
	})
	return e, ok
}

// Release unmaps the memory; the Pack is then empty.
func (p *Pack) Release() {
	for _, c := range p.chunks {
		syscall.Munmap(c[:chunkSize])
	}
	if p.index != nil {
		syscall.Munmap(p.index)
	}
	*p = Pack{}
}

func grab(n int) ([]byte, error) {
	return syscall.Mmap(-1, 0, n, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
}
