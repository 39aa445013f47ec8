package replica

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/rebuild"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/unixctl"
)

// FlowChanges are the flows of an integration bridge that were added, removed or modified, as far
// as a packet's look-ups tell whether it may meet one: by table, and by the value of metadata,
// which is the logical datapath in OVN's flows.
type FlowChanges struct {
	tables map[int]*tableChanges
}

// ParseFlowChanges reads what ovs-ofctl monitor has written (ofp_print_flow_monitor_reply): a line
// " event=ADDED table=8 cookie=0x78 ip,metadata=0x6" for each change, maybe with actions. ok is false
// if there is anything else, as where ovs-vswitchd paused because too much was waiting to be sent.
func ParseFlowChanges(log string) (out *FlowChanges, ok bool) {
	out = &FlowChanges{tables: map[int]*tableChanges{}}
	for line := range strings.Lines(log) {
		line = strings.TrimSpace(line)
		if line == "" || isReply(line) {
			continue
		}
		table, metadata, exact, ok := parseFlowChange(line)
		if !ok {
			return nil, false
		}
		out.add(table, metadata, exact)
	}
	return out, true
}

type tableChanges struct {
	every bool            // a changed flow does not match all bits of metadata
	of    map[uint64]bool // the values that changed flows match
}

// Meets reports whether a look-up in a table that found a flow of one value of metadata may find
// another flow now. The value 0 says that the flow that was found does not match metadata.
func (c *FlowChanges) Meets(table int, metadata uint64) bool {
	t := c.tables[table]
	return t != nil && (t.every || metadata == 0 || t.of[metadata])
}

func (c *FlowChanges) add(table int, metadata uint64, exact bool) {
	t := c.tables[table]
	if t == nil {
		t = &tableChanges{of: map[uint64]bool{}}
		c.tables[table] = t
	}
	if exact {
		t.of[metadata] = true
	} else {
		t.every = true
	}
}

// watch is an ovs-ofctl that writes down the changes of a bridge's flows.
type watch struct {
	room *rebuild.Room
	proc *rebuild.Proc
	log  string
	ctl  *unixctl.Client
}

// watchesAtOnce bounds the chassis that are asked at the same time.
const watchesAtOnce = 8

// Watch begins to write down the changes of the flows of every copied integration bridge.
func (r *Replica) Watch(ctx context.Context) error {
	r.watches = map[string]*watch{}
	var mu sync.Mutex
	var g errgroup.Group
	g.SetLimit(watchesAtOnce)
	for name, c := range r.chassis {
		g.Go(func() error {
			w, err := c.watch(ctx, r.room)
			if err != nil {
				return fmt.Errorf("the flows of the copied Open vSwitch of %s: %w", name, err)
			}
			mu.Lock()
			defer mu.Unlock()
			r.watches[name] = w
			return nil
		})
	}
	return g.Wait()
}

// Watched ends what Watch has begun, and returns the changes by chassis: those of which all are
// known.
func (r *Replica) Watched(ctx context.Context) map[string]*FlowChanges {
	out := map[string]*FlowChanges{}
	var mu sync.Mutex
	var g errgroup.Group
	g.SetLimit(watchesAtOnce)
	for name, w := range r.watches {
		g.Go(func() error {
			text, err := w.read(ctx)
			if w.end() != nil || err != nil {
				return nil
			}
			if changes, ok := ParseFlowChanges(text); ok {
				mu.Lock()
				defer mu.Unlock()
				out[name] = changes
			}
			return nil
		})
	}
	_ = g.Wait()
	r.watches = nil
	return out
}

// watch subscribes to the changes of the integration bridge (ovs-ofctl(8), monitor).
func (c *chassis) watch(ctx context.Context, room *rebuild.Room) (*watch, error) {
	const name = "watch"
	socket := filepath.Join(c.sw.RunDir, name+".ctl")
	w := &watch{room: room, log: filepath.Join(c.sw.RunDir, name+".log"), ctl: &unixctl.Client{Path: socket}}
	var err error
	w.proc, err = room.Start(ctx, rebuild.Command{
		Name: "ovs-ofctl", Dir: c.sw.RunDir, Log: name + ".log", Env: daemonEnv(c.sw.RunDir),
		Args:  []string{"--unixctl=" + socket, "--no-names", "monitor", c.bridge, "watch:!initial,!actions"},
		Ready: []string{socket},
	})
	if err != nil {
		return nil, err
	}
	if err := w.barrier(ctx); err != nil {
		return nil, errors.Join(err, w.end())
	}
	return w, nil
}

// barrier returns when everything that ovs-vswitchd sent before was written down.
func (w *watch) barrier(ctx context.Context) error {
	_, err := w.ctl.Call(ctx, "ofctl/barrier")
	return err
}

// read returns what was written down.
func (w *watch) read(ctx context.Context) (string, error) {
	if err := w.barrier(ctx); err != nil {
		return "", err
	}
	text, err := os.ReadFile(w.log)
	return string(text), err
}

// end stops the subscription. ovs-ofctl writes down that it was ended, too.
func (w *watch) end() error { return errors.Join(w.ctl.Close(), w.room.Stop(w.proc)) }

// isReply reports whether a line is a message that says nothing but by its further lines, or
// nothing at all: ovs-vswitchd asks for an echo each minute. All other messages count as unknown,
// among them OFPT_PORT_STATUS: a port that goes up or down may change what flows and groups do.
func isReply(line string) bool {
	for _, name := range []string{"NXST_FLOW_MONITOR reply", "ONFST_FLOW_MONITOR reply", "OFPST_FLOW_MONITOR reply", "OFPT_BARRIER_REPLY", "OFPT_ECHO_REQUEST"} {
		if rest, ok := strings.CutPrefix(line, name+" ("); ok && (strings.HasSuffix(rest, "):") || name == "OFPT_ECHO_REQUEST") {
			return true
		}
	}
	return false
}

// parseFlowChange reads a line of a change.
func parseFlowChange(line string) (table int, metadata uint64, exact, ok bool) {
	line, _, _ = strings.Cut(line, " actions=")
	words := strings.Fields(line)
	if len(words) == 0 {
		return 0, 0, false, false
	}
	switch words[0] {
	case "event=ADDED", "event=DELETED", "event=MODIFIED":
	default:
		return 0, 0, false, false
	}
	table = -1
	for _, word := range words[1:] {
		if text, is := strings.CutPrefix(word, "table="); is {
			n, err := strconv.ParseUint(text, 10, 8)
			if err != nil {
				return 0, 0, false, false
			}
			table = int(n)
		}
		for _, field := range strings.Split(word, ",") {
			if text, is := strings.CutPrefix(field, "metadata="); is && !strings.Contains(text, "/") {
				n, err := strconv.ParseUint(text, 0, 64)
				if err != nil {
					return 0, 0, false, false
				}
				metadata, exact = n, true
			}
		}
	}
	return table, metadata, exact, table >= 0
}
