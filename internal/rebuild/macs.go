package rebuild

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/pinctrl"
)

// learned is an address that a bridge has learned.
type learned struct{ vlan, mac string }

// macs restores what a bridge has learned of addresses (fdb/show), and returns it.
func (b *builder) macs(ctx context.Context, br *bridge, p *Part) (out []learned, err error) {
	if !p.There() {
		return nil, nil
	}
	names := map[string]string{"LOCAL": br.name}
	for _, p := range br.ports {
		for _, i := range p.ifaces {
			names[fmt.Sprint(i.ofport)] = i.name
		}
	}
	err = lines(p, func(line string) error {
		port, l, ok := learnedLine(line)
		if name := names[port]; ok && name != "" {
			if _, err := b.sw.Appctl(ctx, "fdb/add", br.name, name, l.vlan, l.mac); err != nil {
				b.note("%s: the learned address %s of port %s: %v", br.name, l.mac, name, err)
				return nil
			}
			out = append(out, l)
		}
		return nil
	})
	return out, err
}

// learnedLine reads a line of fdb/show: port, VLAN, address and age; false for another line.
func learnedLine(line string) (port string, l learned, ok bool) {
	f := strings.Fields(line)
	if len(f) != 4 || strings.EqualFold(f[0], "port") { // "Port" since Open vSwitch 4.0
		return "", learned{}, false
	}
	return f[0], learned{f[1], f[2]}, true
}

// normalAction is the action NORMAL in a list of actions.
var normalAction = regexp.MustCompile(`(^|[,( =])NORMAL($|[,)])`)

// unlearned replaces the action NORMAL in a bridge's file of flows if something of what it has
// learned may be missing, and says so. What is sent to a group, or to a known address, does not
// depend on it; the rest is unknown.
func (b *builder) unlearned(file string, n *needs, br *bridge, macs *Part, known []learned) error {
	why := macs.Lacks()
	if why == "" || !n.normal {
		return nil
	}
	b.note("what %s has learned of MAC addresses is not all known (%s): where its NORMAL action looks up one that is not, the packet's end is unknown", br.name, why)
	reason := "not collected: what " + br.name + " has learned of MAC addresses, by which NORMAL decides: " + why
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	table := n.spare()
	n.tables[fmt.Sprint(table)] = true
	var out strings.Builder
	for line := range strings.Lines(string(text)) {
		match, actions, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " actions=")
		out.WriteString(match + " actions=" + normalAction.ReplaceAllString(actions, fmt.Sprintf("${1}resubmit(,%d)${2}", table)) + "\n")
	}
	add := func(match, actions string) { fmt.Fprintf(&out, "table=%d,%s actions=%s\n", table, match, actions) }
	add("priority=0", pinctrl.NotCollected(reason))
	if br.bySource() {
		known = nil // admission may drop by the source's address (is_admissible)
	} else {
		add("priority=1,dl_dst=01:00:00:00:00:00/01:00:00:00:00:00", "NORMAL")
	}
	for _, l := range known {
		switch {
		case l.vlan != "0":
			add("priority=1,dl_vlan="+l.vlan+",dl_dst="+l.mac, "NORMAL")
		case !br.tagged():
			add("priority=1,vlan_tci=0x0000,dl_dst="+l.mac, "NORMAL")
		}
	}
	return os.WriteFile(file, []byte(out.String()), 0o600)
}

// bySource reports whether the bridge looks up where it has learned a packet's source: it has a
// bond that balances by source.
func (br *bridge) bySource() bool {
	for _, p := range br.ports {
		if len(p.ifaces) > 1 && p.row.Str("bond_mode") != "active-backup" && p.row.Str("bond_mode") != "" {
			return true
		}
	}
	return false
}

// tagged reports whether a port puts packets without a tag on a VLAN.
func (br *bridge) tagged() bool {
	for _, p := range br.ports {
		if p.row.Int("tag") != 0 {
			return true
		}
	}
	return false
}
