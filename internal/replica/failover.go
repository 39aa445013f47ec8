package replica

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/failure"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// failoverTime is how long the gateways of a dead chassis may take to move: the claim of a port
// follows what ovs-vswitchd publishes of its tunnels, not the number of a configuration.
const failoverTime = 20 * time.Second

// StuckError is a port that stays on a dead chassis although another one of its group runs.
type StuckError struct{ Port, Chassis, Candidate string }

func (e *StuckError) Error() string {
	return fmt.Sprintf("port %s stays on chassis %s, which is down, although %s may have it", e.Port, e.Chassis, e.Candidate)
}

// Failure classifies the error as undetermined.
func (e *StuckError) Failure() (failure.Kind, string) {
	return failure.Undetermined, "ask again: the copied ovn-controllers may have been too slow"
}

// failover returns when no port of a group of chassis is on a dead chassis any more, unless no other
// chassis of its group runs in the copy. It returns a *StuckError if one stays there.
func (r *Replica) failover(ctx context.Context) error {
	limit := time.Now().Add(failoverTime)
	for {
		if err := r.Settle(ctx); err != nil {
			return err
		}
		err := r.stuck(ctx)
		var port *StuckError
		if !errors.As(err, &port) || time.Now().After(limit) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(settleStep):
		}
	}
}

// stuck returns a *StuckError for a port that a running chassis should have instead of a dead one.
func (r *Replica) stuck(ctx context.Context) error {
	res, err := r.sb.Select(ctx, ovsdb.From("Port_Binding", "logical_port", "chassis", "ha_chassis_group"), ovsdb.From("HA_Chassis_Group", "ha_chassis"),
		ovsdb.From("HA_Chassis", "chassis"), ovsdb.From("Chassis", "name"))
	if err != nil {
		return err
	}
	names := map[ovsdb.UUID]string{}
	for _, row := range res[3] {
		names[row.UUID()] = row.Str("name")
	}
	member := map[ovsdb.UUID]string{} // its chassis' name
	for _, row := range res[2] {
		member[row.UUID()] = names[row.Ref("chassis")]
	}
	spare := map[ovsdb.UUID]string{} // a running chassis of each group
	for _, row := range res[1] {
		for _, m := range row.Refs("ha_chassis") {
			if name := member[m]; r.running(name) != nil {
				spare[row.UUID()] = name
			}
		}
	}
	for _, row := range res[0] {
		at, other := names[row.Ref("chassis")], spare[row.Ref("ha_chassis_group")]
		if other != "" && r.IsDown(at) {
			return &StuckError{row.Str("logical_port"), at, other}
		}
	}
	return nil
}
