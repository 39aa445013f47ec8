package node

import (
	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/oftrace"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/pinctrl"
)

// Replay is engine.Replayer by pinctrl's machine, which knows the actions that OVN's flows use.
func Replay(sec oftrace.Section, start *openflow.Flow) ([]engine.Place, map[*oftrace.Node]openflow.Flow, error) {
	found, lookups, err := pinctrl.Follow(sec, start)
	var out []engine.Place
	for _, p := range found {
		place := engine.Place{Text: p.Node.Text, Flow: p.Flow, Lost: p.Lost, Bridge: sec.BridgeOf(p.Node)}
		if p.InPort != "" {
			place.Flow.Set("in_port", p.InPort)
		}
		out = append(out, place)
	}
	return out, lookups, err
}
