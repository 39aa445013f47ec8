package ctstate

import (
	"encoding/binary"
	"errors"
	"net/netip"
)

// natRange is struct nf_nat_range2, with its flags.
type natRange struct {
	ips, ports, persistent, random bool
	minAddr, maxAddr               netip.Addr
	minPort, maxPort               uint16
}

// natRangeOf returns the range of a nat() action (parse_nat); with ips false it means a null
// binding.
func natRangeOf(n *NAT) natRange {
	g := natRange{
		minAddr: n.MinAddr, maxAddr: n.MaxAddr, minPort: n.MinPort, maxPort: n.MaxPort,
		persistent: n.Persistent, random: n.Hash || n.Random,
	}
	if !g.maxAddr.IsValid() {
		g.maxAddr = g.minAddr
	}
	// An address of zeros means no address, only an unused tuple (ct_zero_snat).
	g.ips = g.minAddr.IsValid() && !(g.minAddr.IsUnspecified() && g.maxAddr == g.minAddr)
	g.ports = g.minPort != 0
	if g.ports && g.maxPort == 0 {
		g.maxPort = g.minPort
	}
	return g
}

// inRange is nf_in_range: it reports whether the tuple's source is in the range.
func (g *natRange) inRange(t Tuple) bool {
	if g.ips && (t.Src.Addr().Less(g.minAddr) || g.maxAddr.Less(t.Src.Addr())) {
		return false
	}
	return !g.ports || g.portInRange(t, manipSrc)
}

// portInRange is l4proto_in_range.
func (g *natRange) portInRange(t Tuple, m manip) bool {
	var v uint16
	switch {
	case isICMP(t.Proto):
		v = t.ICMPID
	case t.Proto == ProtoGRE:
		v = 0 // the key, which only PPTP's has, is compared like a port
	case !HasPorts(t.Proto):
		return true
	default:
		v = m.of(&t).Port()
	}
	return v >= g.minPort && v <= g.maxPort
}

// used is nf_nat_used_tuple: it reports whether an entry of the zone has the inverse of t, and
// copies that entry to by.
func (w *kernelRun) used(t Tuple, by *Entry) (bool, error) {
	inv, ok := t.Invert()
	if !ok {
		return false, nil
	}
	found, err := w.lookup(inv, by)
	if err != nil {
		return false, err
	}
	// An entry with the same original tuple is the same flow.
	if !found || by.Orig == w.e.Orig {
		w.free = inv
		return false, nil
	}
	return true, nil
}

// uniqueTuple is get_unique_tuple.
func (w *kernelRun) uniqueTuple(cur Tuple, g *natRange, m manip) (Tuple, error) {
	var by Entry
	if m == manipSrc && !g.random {
		if g.inRange(cur) {
			if used, err := w.used(cur, &by); err != nil || !used {
				return cur, err
			}
		} else if t, ok, err := w.appropriateSrc(cur, g); err != nil {
			return cur, err
		} else if ok {
			if used, err := w.used(t, &by); err != nil || !used {
				return t, err
			}
		}
	}
	t := w.bestAddr(cur, g, m)
	if !g.random {
		if g.ports {
			if g.portInRange(t, m) {
				if g.minPort == g.maxPort {
					return t, nil
				}
				if used, err := w.used(t, &by); err != nil || !used {
					return t, err
				}
			}
		} else if used, err := w.used(t, &by); err != nil || !used {
			return t, err
		}
	}
	return w.uniquePort(t, g, m)
}

// appropriateSrc is find_appropriate_src: a socket keeps its mapping towards every destination.
func (w *kernelRun) appropriateSrc(cur Tuple, g *natRange) (Tuple, bool, error) {
	binder, ok := w.tbl.(SourceBinder)
	if !ok {
		w.r.Certainty = max(w.r.Certainty, Predicted)
		return Tuple{}, false, nil
	}
	entries, err := binder.BySource(w.ctx, w.a.Zone, cur.Proto, sourceKey(cur))
	if err != nil && !errors.Is(err, ErrNotFound) {
		return Tuple{}, false, lookupError(w.a.Zone, cur, err)
	}
	for i := range entries {
		e := &entries[i]
		if e.Status&SrcNATDone == 0 || w.hidden && e.Orig == w.s.deleted.Orig {
			continue
		}
		t, ok := e.Reply.Invert()
		if !ok {
			continue
		}
		t.Dst, t.ICMPType, t.ICMPCode = cur.Dst, cur.ICMPType, cur.ICMPCode
		if g.inRange(t) {
			return t, true, nil
		}
	}
	return Tuple{}, false, nil
}

// sourceKey is what find_appropriate_src compares: an ICMP id has the port's place.
func sourceKey(t Tuple) netip.AddrPort {
	if isICMP(t.Proto) {
		return netip.AddrPortFrom(t.Src.Addr(), t.ICMPID)
	}
	return t.Src
}

// bestAddr is find_best_ips_proto: a hash without a secret spreads clients over the range.
func (w *kernelRun) bestAddr(t Tuple, g *natRange, m manip) Tuple {
	if !g.ips {
		return t
	}
	addr := g.minAddr
	if g.minAddr != g.maxAddr {
		addr = hashAddr(t.Src.Addr(), t.Dst.Addr(), g, w.a.Zone, m)
		w.assume(Predicted, "the address is the kernel's hash over the range (find_best_ips_proto)")
	}
	return m.withAddr(t, addr)
}

// addrWords returns an address as the four words of union nf_inet_addr in memory, and how many of
// them the address fills. The hash is that of a little-endian host.
func addrWords(a netip.Addr) (k [4]uint32, n int) {
	if a.Is4() {
		b := a.As4()
		k[0] = binary.LittleEndian.Uint32(b[:])
		return k, 1
	}
	b := a.As16()
	for i := range k {
		k[i] = binary.LittleEndian.Uint32(b[4*i:])
	}
	return k, 4
}

func swap32(v uint32) uint32 {
	return v<<24 | v>>24 | v<<8&0xff0000 | v>>8&0xff00
}

// hashAddr picks an address of a range for a source and a destination in a zone. A destination is
// overwritten word by word while the hash still reads it, so for destination NAT the words already
// chosen are mixed in.
func hashAddr(src, dst netip.Addr, g *natRange, zone uint16, m manip) netip.Addr {
	s, n := addrWords(src)
	d, _ := addrWords(dst)
	lo, _ := addrWords(g.minAddr)
	hi, _ := addrWords(g.maxAddr)
	init := uint32(0)
	if !g.persistent {
		init = d[n-1] ^ uint32(zone)
	}
	h := jhash2(s, init)
	var out [16]byte
	differs := false
	for i := range n {
		base, dist := uint32(0), ^uint32(0)
		if !differs {
			base = swap32(lo[i])
			dist = swap32(hi[i]) - base + 1
		}
		v := base + uint32(uint64(h)*uint64(dist)>>32)
		binary.BigEndian.PutUint32(out[4*i:], v)
		if v != swap32(hi[i]) {
			differs = true
		}
		if m == manipDst {
			d[i] = swap32(v)
		}
		if !g.persistent {
			h ^= d[i]
		}
	}
	if n == 1 {
		return netip.AddrFrom4([4]byte(out[:4]))
	}
	return netip.AddrFrom16(out)
}
