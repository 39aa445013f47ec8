package cli

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

// Each kind of error has its exit status and its hint, as it is and behind the words of who passes it on.
func TestStatusAndHint(t *testing.T) {
	call := func(err error) error { return &unixctl.CallError{Path: "/r/x.ctl", Method: "m", Err: err} }
	refuse := func(text string) error {
		return &engine.TraceError{Bridge: "br0", Err: &unixctl.Error{Path: "/r/x.ctl", Method: "ofproto/trace", Text: text}}
	}
	for _, c := range []struct {
		err    error
		status int
		hint   string
	}{
		{usage.Errorf("try this", "wrong"), 2, "try this"},
		{&ovn.NotFoundError{What: "logical port", Name: "a"}, 2, ""},
		{&ovn.NotFoundError{What: "logical port", Name: "a", Nearest: []string{"b", "c", "d"}}, 2, "did you mean b, c or d?"},
		{&driver.UnboundError{Port: "p1"}, 2, "iface-id=p1"},
		{&driver.EntryError{Port: "p1"}, 2, ""},
		{refuse("Syntax error"), 2, ""},
		{refuse(`"ofproto/trace" is not a valid command`), 3, ""},
		{&engine.TraceError{Bridge: "br0", Err: call(syscall.ECONNREFUSED)}, 3, "is Open vSwitch running"},
		{call(context.DeadlineExceeded), 3, "--timeout"},
		{call(fs.ErrPermission), 3, "CAP_NET_ADMIN"},
		{&unixctl.NotFoundError{RunDir: "/r", Daemon: "ovs-vswitchd", Err: fs.ErrNotExist}, 3, "--ovs-rundir"},
		{&nodens.Error{Op: "enter", Err: fs.ErrPermission, Hint: "as root"}, 3, "as root"},
		{&ovsdb.Error{Remote: "tcp:a:1", Database: ovn.Southbound, Op: "connect", Err: syscall.ECONNREFUSED}, 3, "--sb"},
		{&ovsdb.Error{Remote: "tcp:a:1", Database: ovn.Northbound, Op: "connect", Err: syscall.ECONNREFUSED}, 3, "--nb"},
		{&ovsdb.Error{Remote: "tcp:a:1", Database: ovn.Southbound, Op: "connect", Err: context.DeadlineExceeded}, 3, "--timeout"},
		{&node.Error{Node: "hv1", Op: "start", Err: errors.New("x"), Hint: "by hand"}, 3, "by hand"},
		{&node.Error{Node: "hv1", Op: "trace", Err: fs.ErrPermission, Hint: "by hand"}, 3, "CAP_NET_ADMIN"},
		{&node.Error{Node: "hv1", Op: "find", Err: &ovn.NotFoundError{What: "x"}}, 3, ""},
		{&node.RemoteError{Code: 1, Text: "x"}, 3, ""},
		{&node.RemoteError{Code: 4, Text: "x"}, 4, ""},
		{&node.RemoteError{Code: 5, Text: "x"}, 4, ""},
		{&dpif.SyntaxError{In: "x"}, 3, ""},
		{node.ErrUserspace, 2, ""},
		{engine.ErrLimit, 4, ""},
		{engine.ErrChanged, 4, ""},
		{context.Canceled, 3, ""},
		{context.DeadlineExceeded, 3, "--timeout"},
		{&fs.PathError{Op: "write", Path: "/dev/stdout", Err: syscall.ENOSPC}, 3, ""},
		{errors.New("accepts 1 arg"), 2, ""},
	} {
		for _, err := range []error{c.err, fmt.Errorf("chassis hv1: %w", c.err), errors.Join(c.err)} {
			if got := statusOf(err); got != c.status {
				t.Errorf("%T %v: status %d, want %d", c.err, err, got, c.status)
			}
			if h := hintOf(err); c.hint == "" && h != "" || !strings.Contains(h, c.hint) {
				t.Errorf("%T %v: hint %q, want %q", c.err, err, h, c.hint)
			}
		}
	}
}
