package failure

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"testing"
)

type hinted struct {
	kind Kind
	hint string
	err  error
}

func (e *hinted) Error() string           { return "hinted" }
func (e *hinted) Unwrap() error           { return e.err }
func (e *hinted) Failure() (Kind, string) { return e.kind, e.hint }

// TestTree: the outermost error that knows its kind decides, and the outermost hint there is.
func TestTree(t *testing.T) {
	inner := &hinted{kind: Unreachable, hint: "inner"}
	for _, c := range []struct {
		err  error
		kind Kind
		hint string
	}{
		{errors.New("x"), Input, ""},
		{syscall.ENOENT, Unreachable, ""},
		{fs.ErrPermission, Unreachable, Common(fs.ErrPermission)},
		{context.DeadlineExceeded, Unreachable, Common(context.DeadlineExceeded)},
		{inner, Unreachable, "inner"},
		{&hinted{kind: Input, err: inner}, Input, "inner"},
		{&hinted{kind: Input, hint: "outer", err: inner}, Input, "outer"},
		{fmt.Errorf("a: %w, b: %w", errors.New("x"), inner), Unreachable, "inner"},
		{Of(Undetermined, inner), Undetermined, "inner"},
		{&hinted{kind: Input, err: fs.ErrPermission}, Input, Common(fs.ErrPermission)},
	} {
		if kind, hint := KindOf(c.err), HintOf(c.err); kind != c.kind || hint != c.hint {
			t.Errorf("%#v: got %d %q, want %d %q", c.err, kind, hint, c.kind, c.hint)
		}
	}
	if _, ok := Classify(context.DeadlineExceeded); ok {
		t.Error("a time limit is of no boundary")
	}
	if got := Of(Input, inner).Error(); got != "hinted" {
		t.Error(got)
	}
}

func TestDidYouMean(t *testing.T) {
	for want, names := range map[string][]string{
		"": nil, "did you mean a?": {"a"}, "did you mean a or b?": {"a", "b"}, "did you mean a, b or c?": {"a", "b", "c"},
	} {
		if got := DidYouMean(names); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
