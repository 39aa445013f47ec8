package nodeserve

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/failure"
)

// Names of the sockets that systemd passes (FileDescriptorName=). A socket unit without one passes
// the name of the unit, whose socket is then the service's.
const metricsSocket = "metrics"

// Activated returns the sockets that systemd has passed, nil where it has not: that of the service,
// and that of health and metrics.
func Activated() (service, metrics net.Listener, err error) {
	byName, err := activation.ListenersWithNames()
	if err != nil {
		return nil, nil, fmt.Errorf("sockets of systemd: %w", err)
	}
	for name, list := range byName {
		for _, ln := range list {
			at := &service
			if name == metricsSocket {
				at = &metrics
			}
			if ln == nil || *at != nil {
				return nil, nil, fmt.Errorf("sockets of systemd: %q has more than one stream socket, or one of another kind", name)
			}
			*at = ln
		}
	}
	return service, metrics, nil
}

// Notify tells systemd a state of the service (sd_notify). Without systemd it does nothing.
func Notify(state ...string) {
	for _, s := range state {
		_, _ = daemon.SdNotify(false, s)
	}
}

// The states that Notify tells.
const (
	Started  = daemon.SdNotifyReady
	Stopping = daemon.SdNotifyStopping
)

// Watchdog tells systemd, as often as it asks for, that the process runs. It returns when ctx ends.
func Watchdog(ctx context.Context) {
	every, err := daemon.SdWatchdogEnabled(false)
	if err != nil || every == 0 {
		return
	}
	tick := time.NewTicker(every / 2)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			Notify(daemon.SdNotifyWatchdog)
		}
	}
}

// ListenError reports an address on which the service cannot listen.
type ListenError struct {
	Flag string
	Err  error
}

func (e *ListenError) Error() string { return e.Flag + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *ListenError) Unwrap() error { return e.Err }

// Failure is something that cannot be reached.
func (e *ListenError) Failure() (failure.Kind, string) {
	return failure.Unreachable, "an address of this machine, and a port that is free"
}
