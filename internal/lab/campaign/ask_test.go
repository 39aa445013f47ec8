package campaign

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab"
)

// An answer has the exit status and what was printed, and only those of why count for the median.
func TestAsk(t *testing.T) {
	tool := filepath.Join(t.TempDir(), "tool")
	script := "#!/bin/sh\ncase $* in *broken*) echo no database >&2; exit 3;; esac\n" +
		`echo '{"reaches":true,"causes":[{"code":"acl-drop"}]}'; exit 1` + "\n"
	if err := os.WriteFile(tool, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	r := &Runner{Lab: &lab.Lab{Topo: lab.Base(), Bin: &lab.Binaries{}}, Tool: tool}
	for _, args := range [][]string{{"why", "--from", "sw0-p1"}, {"nat"}} {
		a, err := r.ask(t.Context(), args)
		if err != nil || a.why != (args[0] == "why") || a.status != 1 || len(a.Causes) != 1 {
			t.Errorf("%s: %+v, %v", args, a, err)
		}
	}
	if len(r.took) != 1 {
		t.Errorf("%d answers of why", len(r.took))
	}
	if _, err := r.ask(t.Context(), []string{"why", "broken"}); err == nil || !strings.Contains(err.Error(), "exit status 3") || !strings.Contains(err.Error(), "no database") {
		t.Errorf("without an answer: %v", err)
	}
}

// A fault is mended although the time of its instance is over.
func TestMendAfterTheEnd(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	mended := false
	in := Instance{Repair: func(ctx context.Context, s *stage) error {
		mended = ctx.Err() == nil
		return ctx.Err()
	}}
	s := &stage{Runner: &Runner{Lab: &lab.Lab{Topo: lab.Base(), Bin: &lab.Binaries{}}}, in: &in}
	if err := s.mend(ctx); err == nil { // without a lab the rest fails
		t.Error("no error without a lab")
	}
	if !mended {
		t.Error("not mended")
	}
}
