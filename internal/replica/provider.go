package replica

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/rebuild"
)

// provider gives a copied provider bridge the flows of the chassis' bridge, under the same port
// numbers. One that only switches, as OVN leaves it, stays as it is.
func (t *taking) provider(ctx context.Context, bridge string) error {
	if !slices.ContainsFunc(t.info.Ports, func(p node.Port) bool { return p.Bridge == bridge }) {
		return nil // the chassis has no such bridge, or none with a port
	}
	files, asked := t.ask(ctx, node.FlowsRequest{Bridge: bridge})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	found := &rebuild.Bridge{Flows: part(files, node.FlowsFile(bridge)), Groups: part(files, node.BridgeFile(node.DumpGroups, bridge)),
		Meters: part(files, node.BridgeFile(node.DumpMeters, bridge)), TLVs: part(files, node.BridgeFile(node.DumpTLVs, bridge))}
	if asked != nil {
		found.Flows = &rebuild.Part{Missing: asked.Error()}
	}
	if found.Flows.Lacks() == "" {
		flows, unknown, err := rebuild.Flows(found.Flows)
		switch {
		case err != nil: // FillBridge says so
		case unknown != "":
			t.note("%s", unknown)
		case plain(flows):
			return nil
		}
	}
	lacking, err := t.number(ctx, bridge)
	if err != nil {
		return err
	}
	notes, err := t.room.FillBridge(ctx, t.c.sw, bridge, found, func(actions string) string { return namesPort(actions, bridge, lacking) })
	for _, text := range notes {
		t.note("%s", text)
	}
	if len(lacking) > 0 {
		t.note("the copy of %s lacks its ports %s: what flows send there is not known, and what the bridge floods does not arrive there", bridge,
			strings.Join(slices.Sorted(maps.Values(lacking)), ", "))
	}
	return err
}

// plain reports whether flows are that of a bridge which only switches.
func plain(flows []string) bool {
	if len(flows) != 1 {
		return false
	}
	match, actions, _ := strings.Cut(flows[0], " actions=")
	for item := range strings.SplitSeq(match, ",") {
		name, _, _ := strings.Cut(item, "=")
		if !slices.Contains([]string{"cookie", "table", "priority"}, name) {
			return false
		}
	}
	return actions == "NORMAL" && strings.Contains(match, "table=0,")
}

// number gives the ports of a copied bridge the numbers that they have on the chassis, and returns
// the names of those that the copy lacks, by number.
func (t *taking) number(ctx context.Context, bridge string) (lacking map[uint32]string, err error) {
	wrong := func() (map[uint32]string, map[uint32]string, error) {
		lacking, other := map[uint32]string{}, map[uint32]string{}
		have, err := t.c.sw.Numbered(ctx)
		for _, p := range t.info.Ports {
			if p.Bridge != bridge || p.Name == bridge || p.OFPort == 0 {
				continue
			}
			switch n := have[p.Name]; {
			case n <= 0:
				lacking[p.OFPort] = p.Name
			case n != int64(p.OFPort):
				other[p.OFPort] = p.Name
			}
		}
		return lacking, other, err
	}
	lacking, other, err := wrong()
	if err != nil || len(other) == 0 {
		return lacking, err
	}
	args := []string{"--timeout=60"} // it waits until ovs-vswitchd has done it
	for n, name := range other {
		args = append(args, "--", "set", "Interface", name, "ofport_request="+strconv.FormatUint(uint64(n), 10))
	}
	if err := t.c.sw.Vsctl(ctx, args...); err != nil {
		return nil, err
	}
	lacking, other, err = wrong()
	maps.Copy(lacking, other)
	return lacking, err
}

var (
	// outputs are the numbers of ports that actions send to.
	outputs = regexp.MustCompile(`(?:output:|port=|enqueue:|enqueue\()(\d+)`)
	members = regexp.MustCompile(`members?:([\d,]+)|slaves:([\d,]+)`)
	// byRegister is an output to a port whose number a register has.
	byRegister = regexp.MustCompile(`output:[A-Z]|output\(max_len`)
)

// namesPort returns why the effect of actions is unknown: they send to a port that the copy lacks.
// It is empty if they do not.
func namesPort(actions, bridge string, lacking map[uint32]string) string {
	if len(lacking) == 0 {
		return ""
	}
	numbers := []string{}
	for _, m := range outputs.FindAllStringSubmatch(actions, -1) {
		numbers = append(numbers, m[1])
	}
	for _, m := range members.FindAllStringSubmatch(actions, -1) {
		numbers = append(numbers, strings.Split(m[1]+m[2], ",")...)
	}
	for _, s := range numbers {
		if n, err := strconv.ParseUint(s, 10, 32); err == nil && lacking[uint32(n)] != "" {
			return fmt.Sprintf("a flow of %s sends to its port %s, which is not copied", bridge, lacking[uint32(n)])
		}
	}
	if byRegister.MatchString(actions) {
		return fmt.Sprintf("a flow of %s sends to a port whose number the packet decides, and not all ports are copied", bridge)
	}
	return ""
}
