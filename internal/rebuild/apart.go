package rebuild

import (
	"os"
	"syscall"
)

// namespaces returns what to start the process with, the best first: a network namespace of its
// own, which root may make; one in a user namespace of its own, which anybody may make where the
// system allows it; none.
//
// A private ovs-vswitchd needs that: it listens for changes of this machine's routes even with
// --disable-system-route, and then forgets the addresses of its dummy devices (lib/route-table.c:
// route_table_reset, lib/ovs-router.c: ovs_router_flush). Since Open vSwitch 3.6 it finds no route
// for a tunnel whose local address it has forgotten. In an empty namespace no route changes.
func (c *Command) namespaces() []syscall.SysProcAttr {
	if !c.Apart {
		return []syscall.SysProcAttr{{}}
	}
	same := func(id int) []syscall.SysProcIDMap {
		return []syscall.SysProcIDMap{{ContainerID: id, HostID: id, Size: 1}}
	}
	return []syscall.SysProcAttr{
		{Cloneflags: syscall.CLONE_NEWNET},
		{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWUSER, UidMappings: same(os.Geteuid()), GidMappings: same(os.Getegid())},
		{},
	}
}
