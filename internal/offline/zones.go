package offline

import "slices"

// Unusable says of each zone whose Southbound database cannot be used, why: names that are not
// found may be in it.
func (d *Deployment) Unusable() []string { return d.unusable }

// SouthboundOf returns the remote of the Southbound database that a chassis belongs to.
func (d *Deployment) SouthboundOf(name string) (remote string, ok bool) {
	for _, z := range d.zones {
		if z.owns[name] {
			return z.sb, true
		}
	}
	return "", false
}

// NorthboundOf returns the remotes of the Northbound databases of chassis that do not belong to the
// first zone.
func (d *Deployment) NorthboundOf() map[string]string {
	out := map[string]string{}
	for _, z := range slices.Backward(d.zones) {
		for name, own := range z.owns {
			if own && z.nb != "" && z.nb != d.NB {
				out[name] = z.nb
			} else if own {
				delete(out, name)
			}
		}
	}
	return out
}

// InFirstZone reports whether a chassis belongs to the zone whose databases are SB and NB.
func (d *Deployment) InFirstZone(chassis string) bool {
	return len(d.zones) > 0 && d.zones[0].owns[chassis]
}
