package node

import (
	"maps"
	"slices"
	"testing"
)

// Every method of the service has its use, and no other: one without is refused by node serve.
func TestEveryMethodHasItsUse(t *testing.T) {
	s := NewServing(NewService(Options{}), ServeOptions{Releases: true})
	got, want := slices.Sorted(maps.Keys(s.methods())), slices.Sorted(maps.Keys(uses))
	if !slices.Equal(got, want) {
		t.Errorf("methods %q, uses %q", got, want)
	}
}
