package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// The limits of the first answer from an archive of a large chassis.
const (
	offlineTime   = 10 * time.Second
	offlineMemory = 400 << 20 // bytes of our own process, beside those of ovs-vswitchd
)

// offline collects the chassis as sos does, adds connections to its dump, and measures a trace that
// is answered from that.
func (d *deployment) offline(ctx context.Context, s settings) (met bool, err error) {
	// The chassis has a port of each island, and so the flows of all.
	var ports []string
	for n := 1; n < d.islands; n++ {
		port := fmt.Sprintf("sw%d-0-p0", n)
		ports = append(ports, "--", "add-port", "br-int", port, "--", "set", "interface", port, "type=dummy", "external-ids:iface-id="+port)
	}
	if err := d.vsctl(ctx, ports[1:]...); err != nil {
		return false, err
	}
	if _, err := d.Run(ctx, "", "ovn-nbctl", "--db="+d.NB, "--no-leader-only", "--wait=hv", "--timeout=600", "sync"); err != nil {
		return false, err
	}
	folder := filepath.Join(d.Dir, "sosreport-"+hv)
	cmd := exec.CommandContext(ctx, "scripts/sosdump.sh", folder, hv)
	cmd.Env = append(os.Environ(), "QUICK=1", "OPENFLOW=OpenFlow15", "OVS_RUNDIR="+d.Dir, "OVS_CONF_DB="+filepath.Join(d.Dir, "db.db"),
		"OVN_NB_FILE="+filepath.Join(d.Dir, "nb.db"), "OVN_SB_FILE="+filepath.Join(d.Dir, "sb.db"))
	if out, err := cmd.CombinedOutput(); err != nil {
		return false, fmt.Errorf("sosdump.sh: %w: %s", err, out)
	}
	if err := connections(filepath.Join(folder, "sos_commands", "openvswitch"), s.entries); err != nil {
		return false, err
	}
	flows, err := os.ReadFile(filepath.Join(folder, "sos_commands", "openvswitch", "ovs-ofctl_-O_OpenFlow15_dump-flows_br-int"))
	if err != nil {
		return false, err
	}
	var best cost
	for i := range s.runs {
		say("offline run %d of %d", i+1, s.runs)
		c, out, err := measured(ctx, s.tool, "trace", "--bundle", folder, "--timeout", "10m", "-o", "json", logicalFlow())
		if err := check("ovn-ct-trace", out, err, `"stage":`, `"verdict": "delivered"`); err != nil {
			return false, err
		}
		best.keep(c)
	}
	fmt.Printf("offline: %d flows, %d connections: first answer after %.1f s, %.0f MB of our own\n",
		bytes.Count(flows, []byte(" actions=")), s.entries, best.time.Seconds(), float64(best.rss)/1e6)
	met = ratio("offline-first-answer-10s", best.time.Seconds()/offlineTime.Seconds(), "<=", 1)
	return ratio("offline-memory-400MB", float64(best.rss)/offlineMemory, "<=", 1) && met, nil
}

// connections writes a dump of n connections of other islands, and their count.
func connections(dir string, n int) (err error) {
	f, err := os.Create(filepath.Join(dir, "ovs-appctl_dpctl.dump-conntrack_-m_system_ovs-system"))
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	for i := range n {
		src, dst := fmt.Sprintf("172.20.%d.%d", i>>8&255, i&255), fmt.Sprintf("172.21.%d.9", i>>16)
		fmt.Fprintf(w, "tcp,orig=(src=%s,dst=%s,sport=%d,dport=80),reply=(src=%s,dst=%s,sport=80,dport=%d),id=%d,zone=%d,status=SEEN_REPLY|ASSURED|CONFIRMED,labels=0x1,protoinfo=(state_orig=ESTABLISHED,state_reply=ESTABLISHED,wscale_orig=7,wscale_reply=7,flags_orig=SACK_PERM,flags_reply=SACK_PERM)\n",
			src, dst, 1024+i%60000, dst, src, 1024+i%60000, i+1, 1+i%16)
	}
	err = w.Flush()
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "ovs-appctl_dpctl.ct-stats-show_-m_system_ovs-system"), fmt.Appendf(nil, "Connections Stats:\n    Total: %d\n", n), 0o600)
}

// measured runs a program, and returns its time and its own peak memory, without that of the
// programs that it starts.
func measured(ctx context.Context, tool string, args ...string) (c cost, out string, err error) {
	cmd := exec.CommandContext(ctx, tool, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return c, "", err
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	for {
		select {
		case err = <-done:
			c.time = time.Since(start)
			if err != nil {
				err = fmt.Errorf("%w: %s", err, stderr.String())
			}
			return c, stdout.String(), err
		case <-time.After(20 * time.Millisecond):
			c.rss = max(c.rss, peak(cmd.Process.Pid))
		}
	}
}

// peak returns the largest resident memory that a process has had, in bytes; 0 if it has ended.
func peak(pid int) int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		var kb int64
		if _, err := fmt.Sscanf(line, "VmHWM: %d kB", &kb); err == nil {
			return kb << 10
		}
	}
	return 0
}
