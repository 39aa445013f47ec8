package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/driver"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/question"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/usage"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// The question whether to send is answered by yes only, and ends with the program.
func TestVerifyAsks(t *testing.T) {
	ans := &question.Answer{Report: &report.Report{}, Trace: &driver.Trace{Start: driver.Start{Chassis: "hv1", Port: "sw0-p1"}}}
	ask := func(ctx context.Context, in io.Reader) error {
		var stderr bytes.Buffer
		v := &verification{app: &app{in: in, err: &stderr}}
		return v.ask(ctx, ans)
	}
	for in, sent := range map[string]bool{"y\n": true, "YES\n": true, "n\n": false, "\n": false, "": false, "y": true, "yesterday\n": false} {
		err := ask(t.Context(), strings.NewReader(in))
		var refused *usage.Error
		if sent != (err == nil) || err != nil && !errors.As(err, &refused) {
			t.Errorf("%q: %v", in, err)
		}
	}
	r, _ := io.Pipe() // nobody answers
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := ask(ctx, r); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
