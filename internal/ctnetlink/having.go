package ctnetlink

import (
	"context"
	"errors"
	"iter"
	"net/netip"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
)

// maxSearched is the maximum number of addresses that are searched for one by one: each is four
// walks of the kernel's table, which cost about as much as one reading of the whole table in which
// every entry is sent and decoded.
const maxSearched = 2

// CanSearch reports whether Having is cheaper for these addresses than All: the kernel can compare
// IPv4 addresses (see tupleFilter), in both tuples since 5.15.
func CanSearch(addrs []netip.Addr) bool {
	if len(addrs) == 0 || len(addrs) > maxSearched {
		return false
	}
	for _, a := range addrs {
		if !a.Is4() {
			return false
		}
	}
	k, err := Kernel()
	return err == nil && k.AtLeast(5, 15)
}

// Having reads the entries of all zones that have one of the addresses as source or destination of
// either tuple. An entry may come several times. The iteration ends with the first error;
// ErrInterrupted comes after all entries.
func (t *Table) Having(ctx context.Context, addrs []netip.Addr) iter.Seq2[ctstate.Entry, error] {
	return func(yield func(ctstate.Entry, error) bool) {
		interrupted := false
		for _, a := range addrs {
			for _, f := range places(a) {
				err := t.dump(ctx, family(f.tuple), f.encodeTuple, func(r *Record) error {
					if f.match(&r.Entry) && !yield(r.Entry, nil) {
						return errStop
					}
					return nil
				})
				switch {
				case errors.Is(err, errStop):
					return
				case errors.Is(err, ErrInterrupted):
					interrupted = true
				case err != nil:
					yield(ctstate.Entry{}, err)
					return
				}
			}
		}
		if interrupted {
			yield(ctstate.Entry{}, ErrInterrupted)
		}
	}
}

// places returns the filters for the four places where an entry can have an address. An entry
// without NAT has the same two addresses in both tuples, and is found twice.
func places(a netip.Addr) []tupleFilter {
	at := netip.AddrPortFrom(a, 0)
	tuple := ctstate.Tuple{Src: at, Dst: at}
	return []tupleFilter{
		{tuple: tuple, flags: filterIPSrc}, {tuple: tuple, flags: filterIPDst},
		{tuple: tuple, flags: filterIPSrc, reply: true}, {tuple: tuple, flags: filterIPDst, reply: true},
	}
}
