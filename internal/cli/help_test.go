package cli

import (
	"io"
	"slices"
	"testing"
)

// A command that is in no group would be missing from the help.
func TestCommandGroups(t *testing.T) {
	var have, listed []string
	for _, cmd := range (&app{out: io.Discard, err: io.Discard}).root().Commands() {
		have = append(have, cmd.Name())
	}
	for _, g := range commandGroups {
		listed = append(listed, g.commands...)
	}
	slices.Sort(have)
	slices.Sort(listed)
	if !slices.Equal(have, listed) {
		t.Errorf("commands %q, listed %q", have, listed)
	}
}
