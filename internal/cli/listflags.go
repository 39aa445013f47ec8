package cli

import (
	"cmp"
	"slices"

	"github.com/spf13/pflag"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/usage"
)

// listFlags are the flags of commands that read conntrack entries of many chassis: of which, and
// how many.
type listFlags struct {
	chassis []string
	limit   int // 0 for any
}

// defaultLimit bounds the entries that are read of each chassis.
const defaultLimit = 200_000

// add adds --chassis, whose meaning differs between commands, and --limit.
func (l *listFlags) add(f *pflag.FlagSet, chassis string, limit int) {
	f.StringArrayVar(&l.chassis, "chassis", nil, chassis)
	f.IntVar(&l.limit, "limit", limit, "maximum number of entries that are read of a chassis; 0 for any")
}

func (l *listFlags) check() error {
	return cmp.Or(checkNames("--chassis", l.chassis), checkLimit(l.limit))
}

// checkNames refuses an empty name in a repeatable flag.
func checkNames(flag string, names []string) error {
	if slices.Contains(names, "") {
		return usage.Errorf(flag+" hv1", "%s names no chassis", flag)
	}
	return nil
}

// checkLimit refuses a --limit that is no number of things.
func checkLimit(n int) error {
	if n < 0 {
		return usage.Errorf("--limit 1000", "--limit %d is negative", n)
	}
	return nil
}
