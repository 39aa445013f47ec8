package node

import (
	"bufio"
	"context"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/failure"
)

// TestSkew: a node of another protocol is refused in a line that says which side is to be updated.
func TestSkew(t *testing.T) {
	for greets, side := range map[string]string{
		"ovn-ct-trace-node/1 v0.9":                    "the tool there is older than this one: update it there",
		"ovn-ct-trace-node/3 v7":                      "the tool there is newer than this one: update the tool here",
		"ovn-ct-trace-node/20 v7":                     "the tool there is newer than this one: update the tool here",
		"ovn-ct-trace-node/x v7":                      "install one version of the tool on both sides",
		"ovn-ct-trace-node/":                          "install one version of the tool on both sides",
		"ovn-ct-trace-node/-1 v7":                     "install one version of the tool on both sides",
		"ovn-ct-trace-node/99999999999999999999999 v": "install one version of the tool on both sides",
	} {
		r, _ := remote(t, "say", strconv.Quote(greets+"\n"))
		_, err := r.Info(within(t, 20*time.Second))
		wantError(t, err, `not "ovn-ct-trace-node/2"`, ": "+side)
	}
}

// TestSkewOfCalls: an older node of this protocol answers the calls that it knows, and the error of
// another says which side is to be updated.
func TestSkewOfCalls(t *testing.T) {
	r, _ := remote(t, "older")
	ctx := within(t, 20*time.Second)
	if info, err := r.Info(ctx); err != nil || info.SystemID != "hv1" {
		t.Fatalf("%+v %v", info, err)
	}
	_, err := r.Find(ctx, FindRequest{})
	if !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), `does not know "find": update it there`) ||
		!strings.HasPrefix(err.Error(), "chassis hv2: the tool there (version "+Version()) {
		t.Error(err)
	}
}

// TestPatience: a node that does not greet is given up within its own time, also while a way to it
// is looked for or opened, and is not tried again.
func TestPatience(t *testing.T) {
	stuck := func(r *Remote) {}
	for name, set := range map[string]func(*Remote){
		"no greeting": stuck,
		"no way": func(r *Remote) {
			r.Reach = func(ctx context.Context) ([]string, error) { <-ctx.Done(); return nil, ctx.Err() }
		},
		"reads nothing": func(r *Remote) {
			r.Open = func(in io.Writer, _ *bufio.Reader) error {
				_, err := in.Write(make([]byte, 1<<22))
				return err
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, _ := remote(t, "hang")
			r.Patience = 200 * time.Millisecond
			set(r)
			ctx := within(t, time.Minute)
			_, err := r.Info(ctx)
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("no deadline: %v", err)
			}
			if want := "no answer: its part of the run's time, 200ms, is over"; r.Reach == nil {
				wantError(t, err, want)
			}
			if ctx.Err() != nil {
				t.Error("the whole run's time is over")
			}
			if _, again := r.Info(ctx); again != err {
				t.Errorf("tried again: %v", again)
			}
		})
	}
}

// TestNoCommand: where no command was found there is none to run by hand.
func TestNoCommand(t *testing.T) {
	r := &Remote{Name: "hv2", Reach: func(context.Context) ([]string, error) { return nil, errors.New("no pod") }}
	_, err := r.Info(t.Context())
	wantError(t, err, "reach: no pod")
	if hint := failure.HintOf(err); hint != "" {
		t.Errorf("hint: %s", hint)
	}
}
