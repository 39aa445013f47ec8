package fleet

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/rebuild"
)

// Pair is the two chassis of island 0, real: an ovs-vswitchd on the dummy datapath and an
// ovn-controller each, with tunnels to every chassis of the deployment.
type Pair struct {
	room *rebuild.Room
	Dirs map[string]string // run folders by chassis
	pids map[string]int    // of the ovs-vswitchds
	own  []*rebuild.Proc   // the ovn-controllers
}

// underlay is the bridge that tunnels leave by.
const underlay = "br-wire"

// StartPair starts the real chassis and waits until their flows are complete. Close ends them;
// their rows in the Southbound database stay.
func StartPair(ctx context.Context, w *World) (_ *Pair, err error) {
	room, err := rebuild.Open(rebuild.Options{})
	if err != nil {
		return nil, err
	}
	p := &Pair{room: room, Dirs: map[string]string{}, pids: map[string]int{}}
	defer func() {
		if err != nil {
			_ = p.Close()
		}
	}()
	for side, ports := range map[string][]string{"a": {"a", "c"}, "b": {"b"}} {
		if err := p.start(ctx, w, side, ports); err != nil {
			return nil, fmt.Errorf("chassis %s: %w", Island(0).Chassis(side), err)
		}
	}
	if err := p.settle(ctx, w); err != nil {
		return nil, err
	}
	return p, nil
}

func (p *Pair) start(ctx context.Context, w *World, side string, ports []string) error {
	name := Island(0).Chassis(side)
	sw, err := p.room.NewSwitch(ctx, name)
	if err != nil {
		return err
	}
	if err := sw.Up(ctx); err != nil {
		return err
	}
	ids := []string{"--timeout=60", "set", "open", "."}
	for k, v := range map[string]string{
		"system-id": name, "hostname": name, "ovn-remote": w.SB, "ovn-encap-type": "geneve", "ovn-encap-ip": Island(0).Endpoint(side),
		"ovn-monitor-all": "false", "ovn-remote-probe-interval": "0", "ovn-openflow-probe-interval": "0",
	} {
		ids = append(ids, fmt.Sprintf("external-ids:%s=%q", k, v))
	}
	ids = append(ids, "--", "add-br", underlay, "--", "set", "bridge", underlay, "datapath_type=dummy",
		"--", "add-port", underlay, "wire", "--", "set", "interface", "wire", "type=dummy", // where its NORMAL sends packets
		"--", "add-br", "br-int", "--", "set", "bridge", "br-int", "fail-mode=secure", "datapath_type=dummy")
	for _, port := range ports {
		id := Island(0).Port(port)
		ids = append(ids, "--", "add-port", "br-int", id, "--", "set", "interface", id, "type=dummy", "external-ids:iface-id="+id)
	}
	if err := sw.Vsctl(ctx, ids...); err != nil {
		return err
	}
	far := Island(0).Endpoint("a")
	if side == "a" {
		far = Island(0).Endpoint("b")
	}
	for _, call := range [][]string{
		{"netdev-dummy/ip4addr", underlay, Island(0).Endpoint(side) + "/10"},
		{"ovs/route/add", "127.64.0.0/10", underlay},
		{"tnl/arp/set", underlay, far, "02:00:00:00:00:02"},
	} {
		if _, err := sw.Appctl(ctx, call[0], call[1:]...); err != nil {
			return fmt.Errorf("%s: %w", call[0], err)
		}
	}
	p.Dirs[side], p.pids[side] = sw.RunDir, sw.Proc.PID
	controller, err := p.room.Start(ctx, rebuild.Command{
		Name: "ovn-controller", Dir: sw.RunDir, Log: "ovn-controller.log", Env: []string{"OVS_RUNDIR=" + sw.RunDir, "OVN_RUNDIR=" + sw.RunDir},
		Args:  []string{sw.DB.Remote, "--pidfile", "-vconsole:warn", "-vsyslog:off", "-vfile:off"},
		Ready: []string{filepath.Join(sw.RunDir, "ovn-controller.pid")},
	})
	if err == nil {
		p.own = append(p.own, controller)
	}
	return err
}

// settle waits until both controllers have confirmed the newest configuration.
func (p *Pair) settle(ctx context.Context, w *World) error {
	if _, err := w.NBCtl(ctx, "sync"); err != nil {
		return err
	}
	for _, s := range []string{"a", "b"} {
		// SB_Global.nb_cfg of the sync before.
		out, err := w.SBCtl(ctx, "get SB_Global . nb_cfg")
		if err != nil {
			return err
		}
		var cfg int
		if _, err := fmt.Sscan(out, &cfg); err != nil {
			return err
		}
		if _, err := w.SBCtl(ctx, fmt.Sprintf("wait-until Chassis_Private %s nb_cfg>=%d", Island(0).Chassis(s), cfg)); err != nil {
			return err
		}
	}
	return w.bind(ctx, Island(w.Islands))
}

// Service returns the node of a real chassis.
func (p *Pair) Service(side string) *node.Service {
	return node.NewService(node.Options{RunDir: p.Dirs[side], OVNRunDir: p.Dirs[side]})
}

// PID returns the process id of a chassis' ovs-vswitchd.
func (p *Pair) PID(side string) int { return p.pids[side] }

// Close kills the processes. An ovn-controller that ended by itself would remove its chassis' rows.
func (p *Pair) Close() error {
	for _, c := range p.own {
		c.Kill()
	}
	return p.room.Close()
}
