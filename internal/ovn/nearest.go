package ovn

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/spelling"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// NearestPorts lists up to n names of logical ports that are similar to name. It reads the names of
// all ports, so it is for error messages only.
func (s *SB) NearestPorts(ctx context.Context, name string, n int) ([]string, error) {
	res, err := s.Select(ctx, ovsdb.From("Port_Binding", "logical_port"))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, r := range res[0] {
		names = append(names, r.Str("logical_port"))
	}
	return Nearest(name, names, n), nil
}

// Nearest returns up to n names that are similar to name: at most a third of its letters differ, or
// one contains the other.
func Nearest(name string, names []string, n int) []string {
	type scored struct {
		name string
		d    int
	}
	var close []scored
	lower := strings.ToLower(name)
	for _, candidate := range names {
		c := strings.ToLower(candidate)
		d := spelling.Distance(lower, c)
		switch {
		case d <= max(1, len(lower)/3):
		case len(lower) >= 3 && len(c) >= 3 && (strings.Contains(c, lower) || strings.Contains(lower, c)):
		default:
			continue
		}
		close = append(close, scored{candidate, d})
	}
	slices.SortFunc(close, func(a, b scored) int {
		return cmp.Or(cmp.Compare(a.d, b.d), strings.Compare(a.name, b.name))
	})
	var out []string
	for _, s := range close[:min(n, len(close))] {
		out = append(out, s.name)
	}
	return out
}
