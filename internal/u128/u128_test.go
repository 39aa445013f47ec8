package u128

import (
	"math/big"
	"math/rand/v2"
	"testing"
)

func (u Uint) big() *big.Int {
	n := new(big.Int).SetUint64(u.Hi)
	return n.Or(n.Lsh(n, 64), new(big.Int).SetUint64(u.Lo))
}

// TestBig compares with math/big.
func TestBig(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	all := Ones(0, 128).big()
	same := func(what string, got Uint, want *big.Int) {
		t.Helper()
		if got.big().Cmp(want.And(want, all)) != 0 {
			t.Fatalf("%s: %s, want %x", what, got, want)
		}
	}
	for i := range 2000 {
		a, b, n := Uint{r.Uint64(), r.Uint64()}, Uint{r.Uint64(), r.Uint64()}, r.IntN(140)
		if i%3 == 0 {
			a.Hi = 0
		}
		x, y := a.big(), b.big()
		same("and", a.And(b), new(big.Int).And(x, y))
		same("or", a.Or(b), new(big.Int).Or(x, y))
		same("xor", a.Xor(b), new(big.Int).Xor(x, y))
		same("and not", a.AndNot(b), new(big.Int).AndNot(x, y))
		same("shl", a.Shl(n), new(big.Int).Lsh(x, uint(n)))
		same("shr", a.Shr(n), new(big.Int).Rsh(x, uint(n)))
		buf := a.Bytes()
		same("bytes", FromBytes(buf[:]), a.big())
		if i := n % 128; a.Bit(i) != (x.Bit(i) == 1) {
			t.Fatalf("bit %d of %s", i, a)
		}
		if a.Width() != max(1, x.BitLen()) {
			t.Fatalf("width of %s: %d", a, a.Width())
		}
		if want := "0x" + x.Text(16); a.String() != want {
			t.Fatalf("%s, want %s", a, want)
		}
	}
}

func TestRun(t *testing.T) {
	for ofs := range 128 {
		for n := 1; ofs+n <= 128; n++ {
			mask := Ones(ofs, n)
			if start, length := mask.Run(); start != ofs || length != n {
				t.Fatalf("%s: %d bits from %d, want %d from %d", mask, length, start, n, ofs)
			}
			if hole := mask.Xor(Ones(ofs+n/2, 1)); n > 2 {
				if _, length := hole.Run(); length != 0 {
					t.Fatalf("%s: a run of %d bits", hole, length)
				}
			}
		}
	}
	if _, n := (Uint{}).Run(); n != 0 || !(Uint{}).IsZero() || (Uint{}).String() != "0" || FromBytes(nil) != (Uint{}) {
		t.Error("zero")
	}
}
