package failure

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
	for _, c := range []struct {
		err  error
		kind Kind
		hint string
	}{
		{usage.Errorf("try this", "wrong"), Input, "try this"},
		{&ovn.NotFoundError{What: "logical port", Name: "a"}, Input, ""},
		{&ovn.NotFoundError{What: "logical port", Name: "a", Nearest: []string{"b", "c", "d"}}, Input, "did you mean b, c or d?"},
		{&driver.UnboundError{Port: "p1"}, Input, "iface-id=p1"},
		{&driver.EntryError{Port: "p1"}, Input, ""},
		{refuse("Syntax error"), Input, ""},
		{refuse(`"ofproto/trace" is not a valid command`), Unreachable, ""},
		{&engine.TraceError{Bridge: "br0", Err: call(syscall.ECONNREFUSED)}, Unreachable, "is Open vSwitch running"},
		{call(context.DeadlineExceeded), Unreachable, "--timeout"},
		{call(fs.ErrPermission), Unreachable, "CAP_NET_ADMIN"},
		{&unixctl.NotFoundError{RunDir: "/r", Daemon: "ovs-vswitchd", Err: fs.ErrNotExist}, Unreachable, "--ovs-rundir"},
		{&nodens.Error{Op: "enter", Err: fs.ErrPermission, Hint: "as root"}, Unreachable, "as root"},
		{&ovsdb.Error{Remote: "tcp:a:1", Database: ovn.Southbound, Op: "connect", Err: syscall.ECONNREFUSED}, Unreachable, "--sb"},
		{&ovsdb.Error{Remote: "tcp:a:1", Database: ovn.Northbound, Op: "connect", Err: syscall.ECONNREFUSED}, Unreachable, "--nb"},
		{&ovsdb.Error{Remote: "tcp:a:1", Database: ovn.Southbound, Op: "connect", Err: context.DeadlineExceeded}, Unreachable, "--timeout"},
		{&node.Error{Node: "hv1", Op: "start", Err: errors.New("x"), Hint: "by hand"}, Unreachable, "by hand"},
		{&node.Error{Node: "hv1", Op: "trace", Err: fs.ErrPermission, Hint: "by hand"}, Unreachable, "CAP_NET_ADMIN"},
		{&node.Error{Node: "hv1", Op: "find", Err: &ovn.NotFoundError{What: "x"}}, Unreachable, ""},
		{&node.RemoteError{Code: 1, Text: "x"}, Unreachable, ""},
		{&node.RemoteError{Code: 4, Text: "x"}, Undetermined, ""},
		{&node.RemoteError{Code: 5, Text: "x"}, Undetermined, ""},
		{&dpif.SyntaxError{In: "x"}, Unreachable, ""},
		{node.ErrUserspace, Input, ""},
		{engine.ErrLimit, Undetermined, ""},
		{engine.ErrChanged, Undetermined, ""},
		{context.Canceled, Unreachable, ""},
		{context.DeadlineExceeded, Unreachable, "--timeout"},
		{&fs.PathError{Op: "write", Path: "/dev/stdout", Err: syscall.ENOSPC}, Unreachable, ""},
		{errors.New("accepts 1 arg"), Input, ""},
	} {
		for _, err := range []error{c.err, fmt.Errorf("chassis hv1: %w", c.err), errors.Join(c.err)} {
			if got := KindOf(err); got != c.kind {
				t.Errorf("%T %v: kind %d, want %d", c.err, err, got, c.kind)
			}
			if h := HintOf(err); c.hint == "" && h != "" || !strings.Contains(h, c.hint) {
				t.Errorf("%T %v: hint %q, want %q", c.err, err, h, c.hint)
			}
		}
	}
}
