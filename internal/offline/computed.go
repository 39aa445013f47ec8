package offline

import (
	"context"
	"fmt"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/rebuild"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/replica"
)

// computed adds the chassis of which only a Southbound database is known. One of which there is an
// archive too is rebuilt from that, with its own flows and connections.
func (d *Deployment) computed() {
	for _, z := range d.zones {
		for name, own := range z.owns {
			if own && z.host.Whole && d.chassis[name] == nil {
				d.chassis[name] = &chassis{zone: z.host}
			}
		}
	}
}

// host returns what was collected of the chassis, or of its zone.
func (c *chassis) host() *rebuild.Host {
	if c.conf != nil {
		return c.conf.Host
	}
	return c.zone
}

// notDumped says what the database of a chassis does not tell.
const notDumped = "%s was not collected itself: its flows are those that an ovn-controller of this machine makes of the Southbound database of %s, and its connections are not known (--as-new asks what happens to a new one)"

// build rebuilds the chassis from its own dumps, or else from its zone's database.
func (c *chassis) build(ctx context.Context, room *rebuild.Room, name string) (*rebuild.Chassis, error) {
	if c.conf != nil {
		return room.Chassis(ctx, c.conf)
	}
	made, err := replica.Compute(ctx, room, c.zone.SB.Path, name)
	if err != nil {
		return nil, err
	}
	made.Notes = append(made.Notes, fmt.Sprintf(notDumped, name, c.zone.Hostname))
	own := &rebuild.Host{From: c.zone.From, Hostname: name, Began: c.zone.Began, Ended: c.zone.Ended}
	return room.Adopt(ctx, own, *made)
}
