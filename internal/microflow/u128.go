package microflow

import (
	"encoding/binary"
	"math/bits"
	"strconv"
	"strings"
)

// u128 is a field's value or mask (union mf_subvalue), wide enough for every field.
type u128 struct{ hi, lo uint64 }

func (u u128) and(v u128) u128    { return u128{u.hi & v.hi, u.lo & v.lo} }
func (u u128) or(v u128) u128     { return u128{u.hi | v.hi, u.lo | v.lo} }
func (u u128) xor(v u128) u128    { return u128{u.hi ^ v.hi, u.lo ^ v.lo} }
func (u u128) andNot(v u128) u128 { return u128{u.hi &^ v.hi, u.lo &^ v.lo} }
func (u u128) zero() bool         { return u == u128{} }

func (u u128) shl(n int) u128 {
	switch {
	case n >= 128:
		return u128{}
	case n >= 64:
		return u128{hi: u.lo << (n - 64)}
	case n == 0:
		return u
	}
	return u128{u.hi<<n | u.lo>>(64-n), u.lo << n}
}

func (u u128) shr(n int) u128 {
	switch {
	case n >= 128:
		return u128{}
	case n >= 64:
		return u128{lo: u.hi >> (n - 64)}
	case n == 0:
		return u
	}
	return u128{u.hi >> n, u.lo>>n | u.hi<<(64-n)}
}

func (u u128) bit(i int) bool { return u.shr(i).lo&1 != 0 }

// width is the number of bits that the value needs, at least one (mf_subvalue_width).
func (u u128) width() int {
	if u.hi != 0 {
		return 64 + bits.Len64(u.hi)
	}
	return max(1, bits.Len64(u.lo))
}

// ones has n 1-bits from bit ofs.
func ones(ofs, n int) u128 {
	all := u128{^uint64(0), ^uint64(0)}
	return all.shr(128 - n).shl(ofs)
}

// run returns the one contiguous run of 1-bits, or zeros (find_bitwise_range).
func (u u128) run() (start, n int) {
	if u.zero() {
		return 0, 0
	}
	for !u.bit(start) {
		start++
	}
	for start+n < 128 && u.bit(start+n) {
		n++
	}
	if u != ones(start, n) {
		return 0, 0
	}
	return start, n
}

// hex prints as ds_put_hex does.
func (u u128) hex() string {
	if u.zero() {
		return "0"
	}
	if u.hi == 0 {
		return "0x" + strconv.FormatUint(u.lo, 16)
	}
	lo := strconv.FormatUint(u.lo, 16)
	return "0x" + strconv.FormatUint(u.hi, 16) + strings.Repeat("0", 16-len(lo)) + lo
}

// fromBytes reads up to 16 bytes, big endian.
func fromBytes(b []byte) u128 {
	var buf [16]byte
	copy(buf[16-len(b):], b)
	return u128{binary.BigEndian.Uint64(buf[:]), binary.BigEndian.Uint64(buf[8:])}
}

func (u u128) bytes() (b [16]byte) {
	binary.BigEndian.PutUint64(b[:], u.hi)
	binary.BigEndian.PutUint64(b[8:], u.lo)
	return b
}
