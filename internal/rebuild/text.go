package rebuild

import (
	"maps"
	"slices"
)

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// orElse returns the first text, or the second where the first is empty.
func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
