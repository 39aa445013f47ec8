package node

import (
	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/oftrace"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/pinctrl"
)

// replay is engine.Replayer by pinctrl's machine, which knows the actions that OVN's flows use.
func replay(sec oftrace.Section, start *openflow.Flow) ([]engine.Place, map[*oftrace.Node]openflow.Flow, error) {
	found, lookups, err := pinctrl.Follow(sec, start)
	var out []engine.Place
	for _, p := range found {
		out = append(out, engine.Place{Text: p.Node.Text, Flow: p.Flow, Lost: p.Lost})
	}
	return out, lookups, err
}
