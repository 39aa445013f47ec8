package failure_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/dpif"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/driver"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/failure"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/nodens"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/unixctl"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/usage"
)

// TestKindAndHint: each error has its kind and its hint, as it is and wrapped.
func TestKindAndHint(t *testing.T) {
	call := func(err error) error { return &unixctl.CallError{Path: "/r/x.ctl", Method: "m", Err: err} }
	refuse := func(text string) error {
		return &engine.TraceError{Bridge: "br0", Err: &unixctl.Error{Path: "/r/x.ctl", Method: "ofproto/trace", Text: text}}
	}
	_, show := dpif.ParseShow("system@ovs-system:\n  br0:\n    p1 1/2\n")
	for _, c := range []struct {
		err  error
		kind failure.Kind
		hint string
	}{
		{usage.Errorf("try this", "wrong"), failure.Input, "try this"},
		{&ovn.NotFoundError{What: "logical port", Name: "a"}, failure.Input, ""},
		{&ovn.NotFoundError{What: "logical port", Name: "a", Nearest: []string{"b", "c", "d"}}, failure.Input, "did you mean b, c or d?"},
		{&driver.UnboundError{Port: "p1"}, failure.Input, "iface-id=p1"},
		{&driver.EntryError{Port: "p1"}, failure.Input, ""},
		{refuse("Syntax error"), failure.Input, ""},
		{refuse(`"ofproto/trace" is not a valid command`), failure.Unreachable, ""},
		{&engine.TraceError{Bridge: "br0", Err: call(syscall.ECONNREFUSED)}, failure.Unreachable, "is Open vSwitch running"},
		{call(context.DeadlineExceeded), failure.Unreachable, "--timeout"},
		{call(fs.ErrPermission), failure.Unreachable, "CAP_NET_ADMIN"},
		{&unixctl.NotFoundError{RunDir: "/r", Daemon: "ovs-vswitchd", Err: fs.ErrNotExist}, failure.Unreachable, "--ovs-rundir"},
		{&nodens.Error{Op: "enter", Err: fs.ErrPermission, Hint: "as root"}, failure.Unreachable, "as root"},
		{&ovsdb.Error{Remote: "tcp:a:1", Database: ovn.Southbound, Op: "connect", Err: syscall.ECONNREFUSED}, failure.Unreachable, "--sb"},
		{&ovsdb.Error{Remote: "tcp:a:1", Database: ovn.Northbound, Op: "connect", Err: syscall.ECONNREFUSED}, failure.Unreachable, "--nb"},
		{&ovsdb.Error{Remote: "tcp:a:1", Database: ovn.Southbound, Op: "connect", Err: context.DeadlineExceeded}, failure.Unreachable, "--timeout"},
		{&node.Error{Node: "hv1", Op: "start", Err: errors.New("x"), Hint: "by hand"}, failure.Unreachable, "by hand"},
		{&node.Error{Node: "hv1", Op: "trace", Err: fs.ErrPermission, Hint: "by hand"}, failure.Unreachable, "CAP_NET_ADMIN"},
		{&node.Error{Node: "hv1", Op: "find", Err: &ovn.NotFoundError{What: "x"}}, failure.Unreachable, ""},
		{&node.Error{Node: "hv1", Op: "reach", Err: &nodens.Error{Op: "enter", Hint: "as root"}, Hint: "by hand"}, failure.Unreachable, "as root"},
		{&node.Error{Node: "hv1", Op: "reach", Err: context.DeadlineExceeded, Hint: "by hand"}, failure.Unreachable, "by hand"},
		{&usage.Error{Msg: "overlay: x", Err: call(syscall.ECONNREFUSED)}, failure.Input, "is Open vSwitch running"},
		{&usage.Error{Msg: "overlay: x", Err: &fs.PathError{Op: "open", Path: "x", Err: syscall.EACCES}}, failure.Input, "as the user who runs this command"},
		{&ovsdb.Error{Remote: "ssl:a:1", Database: ovn.Southbound, Op: "connect", Err: &node.Error{Node: "hv1", Op: "start", Err: errors.New("x"), Hint: "by hand"}}, failure.Unreachable, "by hand"},
		{&ovn.AmbiguousError{What: "logical port", Name: "a", Candidates: []string{"a1", "a2"}}, failure.Input, "name one of them"},
		{&node.RemoteError{Code: 1, Text: "x"}, failure.Unreachable, ""},
		{&node.RemoteError{Code: 4, Text: "x"}, failure.Undetermined, ""},
		{&node.RemoteError{Code: 5, Text: "x"}, failure.Undetermined, ""},
		{show, failure.Unreachable, ""},
		{node.ErrUserspace, failure.Input, ""},
		{engine.ErrLimit, failure.Undetermined, ""},
		{engine.ErrChanged, failure.Undetermined, ""},
		{context.Canceled, failure.Unreachable, ""},
		{context.DeadlineExceeded, failure.Unreachable, "--timeout"},
		{&fs.PathError{Op: "write", Path: "/dev/stdout", Err: syscall.ENOSPC}, failure.Unreachable, ""},
		{errors.New("accepts 1 arg"), failure.Input, ""},
	} {
		for _, err := range []error{c.err, fmt.Errorf("chassis hv1: %w", c.err), errors.Join(c.err)} {
			if got := failure.KindOf(err); got != c.kind {
				t.Errorf("%T %v: kind %d, want %d", c.err, err, got, c.kind)
			}
			if h := failure.HintOf(err); c.hint == "" && h != "" || !strings.Contains(h, c.hint) {
				t.Errorf("%T %v: hint %q, want %q", c.err, err, h, c.hint)
			}
		}
	}
}
