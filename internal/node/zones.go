package node

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/syntax"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/unixctl"
)

// ZoneDifference is the name of a conntrack zone whose number in the external_ids of the
// integration bridge is another than ovn-controller's, by which packets are tracked.
type ZoneDifference struct {
	Name       string  `json:"name"`
	Bridge     *uint16 `json:"bridge,omitempty"`     // nil: the bridge has no such zone
	Controller *uint16 `json:"controller,omitempty"` // nil: ovn-controller has none
}

// compareZones reads the zones of the bridge and of ovn-controller, and returns where they differ.
// A zone that is being made may differ for a moment.
func (s *Service) compareZones(ctx context.Context, bridge string) ([]ZoneDifference, error) {
	path, _, err := unixctl.Discover(s.opt.OVNRunDir, "ovn-controller")
	if err != nil {
		return nil, err
	}
	ctl := &unixctl.Client{Path: path}
	defer ctl.Close()
	text, err := ctl.Call(ctx, "ct-zone-list")
	if err != nil {
		return nil, err
	}
	own, err := parseZoneList(text)
	if err != nil {
		return nil, err
	}
	b, err := s.bridgeRow(ctx, bridge)
	if err != nil {
		return nil, err
	}
	return zoneDifferences(b.CTZoneOf(), own), nil
}

func zoneDifferences(bridge, controller map[string]uint16) (out []ZoneDifference) {
	for name, b := range bridge {
		switch c, ok := controller[name]; {
		case !ok:
			out = append(out, ZoneDifference{Name: name, Bridge: &b})
		case b != c:
			out = append(out, ZoneDifference{Name: name, Bridge: &b, Controller: &c})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(controller)) {
		if c := controller[name]; !has(bridge, name) {
			out = append(out, ZoneDifference{Name: name, Controller: &c})
		}
	}
	slices.SortFunc(out, func(a, b ZoneDifference) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

func has(m map[string]uint16, name string) bool {
	_, ok := m[name]
	return ok
}

// parseZoneList reads what ovn-controller prints for ct-zone-list: "NAME NUMBER" on each line
// (controller/ovn-controller.c, ct_zone_list). The name may contain blanks.
func parseZoneList(text string) (map[string]uint16, error) {
	out := map[string]uint16{}
	for off := 0; off < len(text); {
		line, _, _ := strings.Cut(text[off:], "\n")
		i := strings.LastIndexByte(line, ' ')
		zone, err := strconv.ParseUint(line[i+1:], 10, 16)
		if i <= 0 || err != nil {
			return nil, &syntax.Error{What: "ct-zone-list", In: text, Off: off, Msg: "expected a name and the number of a zone"}
		}
		out[line[:i]] = uint16(zone)
		off += len(line) + 1
	}
	return out, nil
}
