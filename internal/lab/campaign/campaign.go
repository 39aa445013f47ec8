// Package campaign injects faults into the lab: it draws a kind of fault and an instance of it,
// really injects it, checks with real packets that it is there, asks the tool, compares code and
// named object with what was injected, mends the fault, and checks that packets flow again. It uses
// the tool only through its command line and its JSON.
package campaign

import (
	"context"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/probe"
)

// Kind is one kind of fault.
type Kind struct {
	Name string
	Only string // the only datapath that can have the fault (lab.Userspace); empty: both
	// Until is a feature of releases (lab.Schema.Has) that no longer have the fault; empty: all do.
	Until string
	Draw  func(d *draw) Instance
}

// Instance is one fault, drawn and ready to be injected. The commands are those of lab.Do.
type Instance struct {
	What string // what is injected, on one line

	// Setup makes the healthy state that the fault breaks, and Teardown removes it.
	Setup, Teardown []string
	// Flow works before the fault and after it is mended. No From: there is no such flow.
	Flow Flow
	// Before makes connections that exist when the fault is injected.
	Before func(ctx context.Context, s *stage) error

	Inject, Mend []string
	// Act is the part of the injection that is no command, after Inject.
	Act func(ctx context.Context, s *stage) error
	// Repair is the part of mending that is no command, before Mend.
	Repair func(ctx context.Context, s *stage) error
	// Unsettled skips the wait for the chassis after the injection, for a part of OVN does not run.
	Unsettled bool

	// Shows returns why the fault does not show, "" if it does. Without it, Flow must fail.
	Shows func(ctx context.Context, s *stage) (string, error)
	// Asks are the questions, each with what must be found.
	Asks []Ask
}

// Ask is a question and the finding that must be in its answer.
type Ask struct {
	Args []string // the command, why or nat, and its flags without those that reach the lab
	// Codes are the codes that name the fault.
	Codes []string
	// Objects are the names or UUIDs of which the finding must name one, by its Northbound row or
	// its place. A text that begins with "?" is a command of lab.Do that prints UUIDs, run when the
	// fault is there. Without any, the code is enough.
	Objects []string
	// Any accepts the finding as any cause that why names; otherwise only the first counts, which
	// decides.
	Any bool
	// Lacks says of a kind of archive (probe.Archive) which part of it that is not collected makes
	// the fault invisible, as a text that a warning of its answer must contain.
	Lacks map[string]string
	// Stays skips the check that the finding is gone after mending.
	Stays bool
}

// Flow is a handshake between two places of the lab.
type Flow struct {
	From  string // logical port or outside host
	To    string // logical port, outside host or IP address
	Proto string // tcp, udp or icmp
	Dport int
	Sport int // 0: another one each time
	Size  int // bytes of payload of the first packet
	V6    bool
}

// stage is what an instance's functions work with.
type stage struct {
	*Runner
	in  *Instance
	end string // where the first packet of the flow arrives without the fault
	// conns are the connections that Before has made.
	conns []connection
}

// connection is an established connection.
type connection struct {
	flow Flow
	sent []probe.Exchange
}
