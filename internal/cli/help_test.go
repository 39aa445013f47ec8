package cli

import (
	"io"
	"testing"
)

// Help lists each of the program's commands with those of its kind.
func TestCommandGroups(t *testing.T) {
	for _, cmd := range (&app{out: io.Discard, err: io.Discard}).root().Commands() {
		if cmd.GroupID == "" {
			t.Errorf("%s is in no group", cmd.Name())
		}
	}
}
