package rebuild

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/pinctrl"
)

// Learning returns the learn() actions of a bridge's flows.
func (s *Switch) Learning(ctx context.Context, bridge string) (out []Learn, err error) {
	err = s.eachFlow(ctx, bridge, func(line []byte) {
		if bytes.Contains(line, []byte("learn(")) {
			out = append(out, Learns(string(line))...)
		}
	})
	return out, err
}

// eachFlow calls f for each line of a bridge's dump of flows, which is valid until f returns.
func (s *Switch) eachFlow(ctx context.Context, bridge string, f func(line []byte)) error {
	return s.room.run(ctx, env(s.RunDir), &lineWriter{f: f}, "ovs-ofctl", openFlow, "--no-stats", "dump-flows", bridge)
}

// lineWriter calls f for each whole line that is written to it.
type lineWriter struct {
	f    func(line []byte)
	held []byte
}

// Write implements io.Writer.
func (w *lineWriter) Write(p []byte) (int, error) {
	n := len(p)
	for {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			w.held = append(w.held, p...)
			return n, nil
		}
		if len(w.held) > 0 {
			w.f(append(w.held, p[:i]...))
			w.held = w.held[:0]
		} else {
			w.f(p[:i])
		}
		p = p[i+1:]
	}
}

// AddFlows adds flows to a bridge, all or none.
func (s *Switch) AddFlows(ctx context.Context, bridge string, flows []string) error {
	if len(flows) == 0 {
		return nil
	}
	flows = slices.Clone(flows)
	slices.Sort(flows)
	file := filepath.Join(s.RunDir, "flows")
	if err := os.WriteFile(file, []byte(strings.Join(slices.Compact(flows), "\n")+"\n"), 0o600); err != nil {
		return err
	}
	_, err := s.Ofctl(ctx, openFlow, "--bundle", "add-flows", bridge, file)
	return err
}

// HasFlows reports whether a table of a bridge has a flow.
func (s *Switch) HasFlows(ctx context.Context, bridge string, table uint8) (bool, error) {
	text, err := s.Ofctl(ctx, openFlow, "dump-aggregate", bridge, fmt.Sprintf("table=%d", table))
	if err != nil {
		return false, err
	}
	_, count, ok := strings.Cut(text, "flow_count=")
	if !ok {
		return false, fmt.Errorf("ovs-ofctl dump-aggregate says no flow_count: %.100q", text)
	}
	return strings.TrimSpace(count) != "0", nil
}

// Flows returns the flows of a dump in the form in which AddFlows takes them, without counters and
// timeouts. unknown is the reason of a flow that stands for what is not known; empty without one.
func Flows(p *Part) (flows []string, unknown string, err error) {
	err = lines(p, func(line string) error {
		f, ok := flow(line)
		if !ok {
			return nil
		}
		if _, actions, _ := strings.Cut(f, " actions="); unknown == "" {
			unknown = pinctrl.Lacking(actions)
		}
		flows = append(flows, f)
		return nil
	})
	return flows, unknown, err
}

// FillBridge gives a bridge the flows that were dumped of another machine's bridge with the same port
// numbers, with what they refer to, in the place of its own. lacks returns why the effect of
// actions is unknown; empty if it is not. What the bridge has learned of MAC addresses is left out.
// notes say what is not known.
func (r *Room) FillBridge(ctx context.Context, sw *Switch, name string, found *Bridge, lacks func(actions string) string) (notes []string, err error) {
	c, err := readConf(ctx, sw.DB.Remote)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(c.bridges, func(br *bridge) bool { return br.name == name })
	if i < 0 {
		return nil, fmt.Errorf("the copy has no bridge %s", name)
	}
	// ovs-vswitchd itself puts a flow into a standalone bridge.
	if err := sw.Vsctl(ctx, "--timeout=60", "set-fail-mode", name, "secure"); err != nil {
		return nil, err
	}
	b := &builder{room: r, host: &Host{}, conf: c, sw: sw, out: &Chassis{}, lacks: lacks}
	whole := *found
	whole.MACs = &Part{}
	err = b.flows(ctx, c.bridges[i], &whole, nil)
	return b.out.Notes, err
}
