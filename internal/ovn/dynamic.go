package ovn

import (
	"context"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// settleDynamic replaces the word "dynamic" by the addresses that northd has assigned.
func (s *SB) settleDynamic(ctx context.Context, ports []*PortBinding) error {
	var names []string
	for _, p := range ports {
		if isDynamic(p.MAC) {
			names = append(names, p.LogicalPort)
		}
	}
	if len(names) == 0 || s.Dynamic == nil {
		return nil
	}
	given, err := s.Dynamic(ctx, names...)
	if err != nil {
		return err
	}
	for _, p := range ports {
		if a := given[p.LogicalPort]; a != "" && isDynamic(p.MAC) {
			p.MAC = settled(p.MAC, a)
		}
	}
	return nil
}

// isDynamic reports whether there is an entry such as "dynamic", "MAC dynamic" or "dynamic IP".
func isDynamic(entries []string) bool {
	return slices.ContainsFunc(entries, func(e string) bool { return slices.Contains(strings.Fields(e), "dynamic") })
}

// settled returns the entries with one address in place of the dynamic ones.
func settled(entries []string, address string) []string {
	out := slices.DeleteFunc(slices.Clone(entries), func(e string) bool { return isDynamic([]string{e}) })
	return append(out, address)
}

// addresses returns the mac columns of many rows, which must contain logical_port too.
func (s *SB) addresses(ctx context.Context, rows []*ovsdb.Row) ([][]Addr, error) {
	out := make([][]Addr, len(rows))
	var given map[string]string
	for i, r := range rows {
		entries := r.Strs("mac")
		if isDynamic(entries) && s.Dynamic != nil {
			if given == nil {
				var err error
				if given, err = s.Dynamic(ctx); err != nil {
					return nil, err
				}
			}
			if a := given[r.Str("logical_port")]; a != "" {
				entries = settled(entries, a)
			}
		}
		out[i] = parseAddrs(entries)
	}
	return out, nil
}
