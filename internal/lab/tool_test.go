package lab

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestRunTool(t *testing.T) {
	l := &Lab{Bin: &Binaries{}}
	run := func(timeout time.Duration, argv ...string) (*ToolRun, error) {
		ctx, cancel := context.WithTimeout(t.Context(), timeout)
		defer cancel()
		return l.RunTool(ctx, argv[0], argv[1:]...)
	}
	var got struct{ N int }
	r, err := run(time.Minute, "/bin/sh", "-c", `echo '{"n":7}'; echo said >&2; exit 3`)
	if err != nil || r.Status != 3 || r.Stderr != "said" || r.JSON(&got) != nil || got.N != 7 {
		t.Errorf("%+v, %v, %+v", r, err, got)
	}
	r, err = run(time.Minute, "/bin/sh", "-c", "echo broken >&2; exit 2")
	if err != nil {
		t.Fatal(err)
	}
	if err := r.JSON(&got); err == nil || !strings.Contains(err.Error(), "exit status 2") || !strings.Contains(err.Error(), "broken") {
		t.Errorf("without JSON: %v", err)
	}
	if r, err := run(time.Minute, "/nonexistent"); r != nil || err == nil {
		t.Errorf("no such command: %+v, %v", r, err)
	}
	if r, err := run(time.Minute, "/bin/sh", "-c", "kill -9 $$"); r == nil || err == nil {
		t.Errorf("killed: %+v, %v", r, err)
	}
	if r, err := run(100*time.Millisecond, "/bin/sleep", "60"); r == nil || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("in time: %+v, %v", r, err)
	}
}
