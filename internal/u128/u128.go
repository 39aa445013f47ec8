// Package u128 is a 128-bit number: a field of a flow, its value or its mask.
package u128

import (
	"encoding/binary"
	"math/bits"
	"strconv"
	"strings"
)

// Uint is a 128-bit number (union mf_subvalue).
type Uint struct{ Hi, Lo uint64 }

func (u Uint) And(v Uint) Uint    { return Uint{u.Hi & v.Hi, u.Lo & v.Lo} }
func (u Uint) Or(v Uint) Uint     { return Uint{u.Hi | v.Hi, u.Lo | v.Lo} }
func (u Uint) Xor(v Uint) Uint    { return Uint{u.Hi ^ v.Hi, u.Lo ^ v.Lo} }
func (u Uint) AndNot(v Uint) Uint { return Uint{u.Hi &^ v.Hi, u.Lo &^ v.Lo} }
func (u Uint) IsZero() bool       { return u == Uint{} }

func (u Uint) Shl(n int) Uint {
	switch {
	case n >= 128:
		return Uint{}
	case n >= 64:
		return Uint{Hi: u.Lo << (n - 64)}
	case n == 0:
		return u
	}
	return Uint{u.Hi<<n | u.Lo>>(64-n), u.Lo << n}
}

func (u Uint) Shr(n int) Uint {
	switch {
	case n >= 128:
		return Uint{}
	case n >= 64:
		return Uint{Lo: u.Hi >> (n - 64)}
	case n == 0:
		return u
	}
	return Uint{u.Hi >> n, u.Lo>>n | u.Hi<<(64-n)}
}

func (u Uint) Bit(i int) bool { return u.Shr(i).Lo&1 != 0 }

// Width is the number of bits that the value needs, at least one (mf_subvalue_width).
func (u Uint) Width() int {
	if u.Hi != 0 {
		return 64 + bits.Len64(u.Hi)
	}
	return max(1, bits.Len64(u.Lo))
}

// Ones has n 1-bits from bit ofs.
func Ones(ofs, n int) Uint {
	all := Uint{^uint64(0), ^uint64(0)}
	return all.Shr(128 - n).Shl(ofs)
}

// Run returns the one contiguous run of 1-bits, or zeros (find_bitwise_range).
func (u Uint) Run() (start, n int) {
	if u.IsZero() {
		return 0, 0
	}
	for !u.Bit(start) {
		start++
	}
	for start+n < 128 && u.Bit(start+n) {
		n++
	}
	if u != Ones(start, n) {
		return 0, 0
	}
	return start, n
}

// String prints as ds_put_hex does: in hex without leading zeros, zero without 0x.
func (u Uint) String() string {
	if u.IsZero() {
		return "0"
	}
	if u.Hi == 0 {
		return "0x" + strconv.FormatUint(u.Lo, 16)
	}
	lo := strconv.FormatUint(u.Lo, 16)
	return "0x" + strconv.FormatUint(u.Hi, 16) + strings.Repeat("0", 16-len(lo)) + lo
}

// FromBytes reads up to 16 bytes, big endian.
func FromBytes(b []byte) Uint {
	var buf [16]byte
	copy(buf[16-len(b):], b)
	return Uint{binary.BigEndian.Uint64(buf[:]), binary.BigEndian.Uint64(buf[8:])}
}

func (u Uint) Bytes() (b [16]byte) {
	binary.BigEndian.PutUint64(b[:], u.Hi)
	binary.BigEndian.PutUint64(b[8:], u.Lo)
	return b
}
