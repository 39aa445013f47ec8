package driver

import (
	"context"
	"errors"
	"net/netip"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
)

// Southbound returns the Southbound database that a chassis itself uses: the run's own where the
// chassis is registered there and not remote, else the one that its ovn-remote names (OVN-IC and
// interconnect deployments have one in each zone, and register the other zones' chassis as remote).
// Where that cannot be reached, it returns the run's own, with a warning.
func (d *Driver) Southbound(ctx context.Context, chassis string) (*ovn.SB, error) {
	if sb := d.zones[chassis]; sb != nil {
		return sb, nil
	}
	sb, err := d.southbound(ctx, chassis)
	if err != nil {
		return nil, err
	}
	if d.infos[chassis] == nil {
		return sb, nil // its ovn-remote is unknown until its node was asked
	}
	d.setZone(chassis, sb)
	return sb, nil
}

func (d *Driver) setZone(chassis string, sb *ovn.SB) {
	if d.zones == nil {
		d.zones = map[string]*ovn.SB{}
	}
	d.zones[chassis] = sb
}

func (d *Driver) southbound(ctx context.Context, chassis string) (*ovn.SB, error) {
	row, err := d.ownRow(ctx, chassis)
	var missing *ovn.NotFoundError
	switch {
	case err == nil && !row.IsRemote():
		return d.SB, nil
	case err != nil && !errors.As(err, &missing):
		return nil, err
	}
	info := d.infos[chassis]
	if info == nil || info.OVNRemote == "" || d.DialSB == nil {
		return d.SB, nil
	}
	key := info.OVNRemote
	if strings.Contains(key, "unix:") {
		key = chassis + " " + key // a socket is another database on every machine
	}
	if sb := d.remotes[key]; sb != nil {
		return sb, nil
	}
	sb, err := d.DialSB(ctx, chassis, info.OVNRemote)
	if err != nil {
		d.note(NoteSouthbound, "", "chassis "+chassis+" has a Southbound database of its own that cannot be read from here: "+err.Error())
		return d.SB, nil
	}
	if d.remotes == nil {
		d.remotes = map[string]*ovn.SB{}
	}
	d.remotes[key] = sb
	return sb, nil
}

// ownRow reads a chassis of the run's own database, once.
func (d *Driver) ownRow(ctx context.Context, chassis string) (*ovn.Chassis, error) {
	if c := d.own[chassis]; c != nil {
		return c, nil
	}
	if c := d.directory(ctx).ByName(chassis); c != nil {
		d.setOwn(c)
		return c, nil
	}
	c, err := d.SB.ChassisByName(ctx, chassis)
	if err == nil && c.Name == chassis {
		d.setOwn(c)
	}
	return c, err
}

func (d *Driver) setOwn(c *ovn.Chassis) {
	if d.own == nil {
		d.own = map[string]*ovn.Chassis{}
	}
	d.own[c.Name] = c
}

// endpoint is a tunnel address as a database knows it.
type endpoint struct {
	sb   *ovn.SB
	addr netip.Addr
}

// byEndpoint reads the chassis with a tunnel address, once.
func (d *Driver) byEndpoint(ctx context.Context, sb *ovn.SB, addr netip.Addr) (*ovn.Chassis, error) {
	at := endpoint{sb, addr}
	if c := d.peers[at]; c != nil {
		return c, nil
	}
	if c := d.listedAt(ctx, sb, addr); c != nil {
		return c, nil
	}
	c, err := sb.ChassisByEncapIP(ctx, addr)
	if err == nil {
		if d.peers == nil {
			d.peers = map[endpoint]*ovn.Chassis{}
		}
		d.peers[at] = c
		if sb == d.SB {
			d.setOwn(c)
		}
	}
	return c, err
}

// listedAt returns the chassis with a tunnel address where the directory has one; else nil.
func (d *Driver) listedAt(ctx context.Context, sb *ovn.SB, addr netip.Addr) *ovn.Chassis {
	if sb != d.SB {
		return nil // the directory is of another database
	}
	c := d.directory(ctx).ByEncapIP(addr)
	if !d.reaches(c) {
		return nil
	}
	d.setOwn(c)
	return c
}

// Reach asks the node of a chassis and returns the Southbound database that the chassis itself
// uses.
func (d *Driver) Reach(ctx context.Context, chassis string) (*ovn.SB, error) {
	if _, _, err := d.node(ctx, chassis); err != nil {
		return nil, err
	}
	return d.Southbound(ctx, chassis)
}

// Use makes another zone's databases the driver's own. Nodes that were asked are kept.
func (d *Driver) Use(sb *ovn.SB, nb *ovn.NB) {
	for name := range d.infos { // their zones, by the database that knew them
		if d.zones[name] == nil {
			d.setZone(name, d.SB)
		}
	}
	d.SB, d.NB, d.chassis, d.own, d.listed = sb, nb, nil, nil, nil
}
