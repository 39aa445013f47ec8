package node

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ctdpif"
)

// errZoneCount reports a zone under the default limit, whose connections only the datapath counts:
// it was not asked, or did not say.
var errZoneCount = errors.New("not collected: how many connections count against the zone's default limit")

// zoneLimit answers dpctl/ct-get-limits of one zone, zone=N.
func (k *Kept) zoneLimit(arg string) (string, error) {
	var zone uint16
	if _, err := fmt.Sscanf(arg, "zone=%d", &zone); err != nil {
		return "", err
	}
	l, ok := k.Limits[zone]
	if !ok {
		return "", errZoneCount
	}
	return fmt.Sprintf("default limit=%d\nzone=%d,limit=%d,count=%d", l.Limit, zone, l.Limit, l.Count), nil
}

// limits sets the limits of zones that were collected. unknown is why those of other zones are not
// known; nil if they have none.
func (k *Kept) limits(model *ctstate.Kernel) (unknown error) {
	const method = "dpctl/ct-get-limits"
	if why := k.Lost[method]; why != "" {
		return fmt.Errorf("not collected: limits of zones: %s", why)
	}
	set, ok := ctdpif.ParseLimits(k.Answers[method])
	if !ok {
		return nil
	}
	model.ZoneLimits = map[uint16]ctstate.ZoneLimit{}
	maps.Copy(model.ZoneLimits, k.Limits)
	maps.Copy(model.ZoneLimits, set.Zones)
	if set.Default == 0 {
		return nil
	}
	return errZoneCount
}

// keptLimits is the kernel of an archive in which a zone that is not among ZoneLimits may have one:
// whether a commit exceeds it is unknown.
type keptLimits struct {
	*ctstate.Kernel
	unknown error
}

// Do runs one ct() action.
func (l keptLimits) Do(ctx context.Context, tbl ctstate.Table, conn ctstate.Conn, p ctstate.Packet, a ctstate.Action) (ctstate.Result, error) {
	if _, counted := l.ZoneLimits[a.Zone]; a.Commit && !counted {
		return ctstate.Result{Conn: conn, Packet: p, Certainty: ctstate.Undetermined}, &ctstate.LookupError{Zone: a.Zone, Tuple: p.Tuple, Err: l.unknown}
	}
	return l.Kernel.Do(ctx, tbl, conn, p, a)
}

// ParseKeptLimits reads the text of LimitsFile. The error names a line that is none of it.
func ParseKeptLimits(text string) (map[uint16]ctstate.ZoneLimit, error) {
	l, ok := ctdpif.ParseLimits("default limit=1\n" + strings.TrimRight(text, "\n"))
	if !ok {
		return nil, &ctdpif.TextError{Method: "limits", Text: text}
	}
	return l.Zones, nil
}
