package main

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
)

// natSpec is one translation, as the model's action and as an nftables rule.
type natSpec struct {
	v6  bool
	nat ctstate.NAT
}

// maxSpecs is the number of DSCP values except 0, which means no translation.
const maxSpecs = 63

// rule returns the statement for an nftables nat chain.
func (s natSpec) rule() string {
	kind := "dnat"
	if s.nat.Src {
		kind = "snat"
	}
	to := s.addr(s.nat.MinAddr)
	if s.nat.MaxAddr != s.nat.MinAddr {
		to += "-" + s.addr(s.nat.MaxAddr)
	}
	prefix := ""
	if s.nat.MinPort != 0 {
		prefix = "meta l4proto { tcp, udp } "
		to += fmt.Sprintf(":%d", s.nat.MinPort)
		if s.nat.MaxPort != s.nat.MinPort {
			to += fmt.Sprintf("-%d", s.nat.MaxPort)
		}
	}
	flags := ""
	switch {
	case s.nat.Persistent:
		flags = " persistent"
	case s.nat.Hash:
		flags = " random"
	case s.nat.Random:
		flags = " fully-random"
	}
	return prefix + kind + " to " + to + flags
}

func (s natSpec) addr(a netip.Addr) string {
	if s.v6 && s.nat.MinPort != 0 {
		return "[" + a.String() + "]"
	}
	return a.String()
}

// makeSpecs draws the translations of a run.
func makeSpecs(rnd *rand.Rand) []natSpec {
	var specs []natSpec
	for i := range maxSpecs {
		s := natSpec{v6: i%2 == 1}
		s.nat.Src = rnd.IntN(2) == 0
		s.nat.Dst = !s.nat.Src
		s.nat.MinAddr, s.nat.MaxAddr = s.span(rnd)
		if rnd.IntN(3) == 0 {
			ports := [...]uint16{1, 1, 2, 4, 200}
			s.nat.MinPort = uint16(998 + rnd.IntN(4))
			s.nat.MaxPort = s.nat.MinPort + ports[rnd.IntN(len(ports))] - 1
		}
		switch rnd.IntN(6) {
		case 0, 1:
			s.nat.Persistent = true
		case 2:
			s.nat.Hash = true
		case 3:
			s.nat.Random = rnd.IntN(2) == 0
		}
		specs = append(specs, s)
	}
	return specs
}

// span draws a range of one, few or many addresses, for IPv6 also with differences in several
// words; sometimes it contains those of the clients or the servers.
func (s natSpec) span(rnd *rand.Rand) (lo, hi netip.Addr) {
	if rnd.IntN(6) == 0 { // addresses of the endpoints: a source already in range is kept
		if s.v6 {
			return netip.MustParseAddr("fd00::1"), netip.MustParseAddr("fd00::1:3")
		}
		return netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.1.0.2")
	}
	sizes := [...]uint32{1, 1, 2, 3, 16, 1000, 70000}
	size := sizes[rnd.IntN(len(sizes))]
	if !s.v6 {
		base := uint32(20+rnd.IntN(3))<<24 | uint32(rnd.IntN(4))
		return v4(base), v4(base + size - 1)
	}
	var a, b [16]byte
	copy(a[:], []byte{0xfd, 0, 0, byte(rnd.IntN(3))})
	binary.BigEndian.PutUint32(a[12:], uint32(rnd.IntN(4)))
	b = a
	binary.BigEndian.PutUint32(b[12:], binary.BigEndian.Uint32(a[12:])+size-1)
	if rnd.IntN(3) == 0 { // the range spans words
		b[11], b[7] = byte(rnd.IntN(4)), byte(rnd.IntN(3))
	}
	return netip.AddrFrom16(a), netip.AddrFrom16(b)
}

func v4(n uint32) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], n)
	return netip.AddrFrom4(b)
}
