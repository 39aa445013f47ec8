package node

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ctdpif"
)

// limits hands over the limits of a datapath's zones, and where a default limit is set what it
// means for each zone of OVN: nothing else counts the connections of such a zone.
func (c *collection) limits(ctx context.Context, dp string) {
	const method = "dpctl/ct-get-limits"
	var set ctdpif.Limits
	c.file("ovs-appctl "+method+" "+dp, func(w *sink) error {
		text, err := c.s.ctl.Call(ctx, method, dp)
		if err != nil {
			return err
		}
		set, _ = ctdpif.ParseLimits(text)
		_, err = io.WriteString(w, text)
		return err
	})
	if set.Default == 0 {
		return
	}
	zones := slices.Sorted(maps.Keys(c.info.Zones))
	c.file(LimitsFile+dp, func(w *sink) error {
		byZone, err := ctdpif.ReadZoneLimits(ctx, c.s.ctl, dp, zones)
		if err == nil {
			_, err = io.WriteString(w, printLimits(byZone))
		}
		return err
	})
}

// printLimits prints limits as LimitsFile has them.
func printLimits(byZone map[uint16]ctstate.ZoneLimit) string {
	var b strings.Builder
	for _, zone := range slices.Sorted(maps.Keys(byZone)) {
		fmt.Fprintf(&b, "zone=%d,limit=%d,count=%d\n", zone, byZone[zone].Limit, byZone[zone].Count)
	}
	return b.String()
}
