package ctdpif

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// perConnection is the time that ovs-vswitchd's main thread needs for one connection of a dump: to
// find it, to format it and to encode the reply (measured: 3 to 6 microseconds).
const perConnection = 4 * time.Microsecond

// TooLargeError reports a table that was not dumped because it has more than Max connections.
type TooLargeError struct {
	Connections, Max int // of all zones
}

// Hold estimates how long a dump would occupy ovs-vswitchd's main thread if all connections were in
// the zone.
func (e *TooLargeError) Hold() time.Duration {
	return (time.Duration(e.Connections) * perConnection).Round(100 * time.Millisecond)
}

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("the datapath has %d connections, and Open vSwitch can only dump a zone of them: a dump holds ovs-vswitchd's main thread "+
		"for up to about %v, while ports without a PMD thread forward nothing; --max-dump %d allows it (now %d)",
		e.Connections, e.Hold(), (e.Connections/100_000+1)*100_000, e.Max)
}

// MayDump returns a TooLargeError if the datapath has more than MaxDump connections in all zones.
// Open vSwitch has no count of one zone: it counts only connections created after the zone got a
// limit.
func (t *Table) MayDump(ctx context.Context) error {
	if t.MaxDump <= 0 {
		return nil
	}
	if t.count == nil {
		n, err := t.connections(ctx)
		if err != nil {
			return err
		}
		t.count = &n
	}
	if *t.count > t.MaxDump {
		return &TooLargeError{Connections: *t.count, Max: t.MaxDump}
	}
	return nil
}

// connections returns the number of connections in all zones (dpctl/ct-get-nconns).
func (t *Table) connections(ctx context.Context) (int, error) {
	var args []string
	if t.dp != "" {
		args = append(args, t.dp)
	}
	r, err := t.s.Stream(ctx, "dpctl/ct-get-nconns", args...)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, 100))
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 32)
	if err != nil {
		return 0, fmt.Errorf("dpctl/ct-get-nconns: %w", err)
	}
	return int(n), nil
}
