package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/failure"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/syntax"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv/dummy"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/unixctl"
)

// statefulFlows let p1 open connections to p2, and p2 answer.
const statefulFlows = `
table=0,in_port=1,tcp,actions=ct(zone=5,table=1)
table=0,in_port=2,tcp,actions=ct(zone=5,table=2)
table=1,ct_state=+trk+new,tcp,actions=ct(commit,zone=5,exec(set_field:0x7->ct_mark)),output:2
table=1,ct_state=+trk+est,tcp,actions=output:2
table=2,ct_state=+trk+est+rpl,ct_mark=0x7,tcp,actions=output:1
table=2,priority=0,actions=drop
`

// userspaceOVS starts an Open vSwitch with the userspace datapath.
func userspaceOVS(t *testing.T) *dummy.OVS {
	t.Helper()
	o := dummy.Start(t)
	o.Vsctl("add-br", "br-int", "--", "set", "bridge", "br-int", "datapath_type=dummy", "fail-mode=secure",
		"external_ids:ct-zone-p1=5", "--", "set", "open", ".", "external_ids:system-id=hv1", "external_ids:hostname=host1",
		"external_ids:ovn-remote=tcp:127.0.0.1:6642", "external_ids:ovn-encap-type=geneve,vxlan", "external_ids:ovn-encap-ip=10.9.0.1,fd09::1",
		"external_ids:ovn-bridge-mappings=physnet1:br-ex")
	o.AddPorts("br-int", map[string]int{"p1": 1, "p2": 2})
	o.Vsctl("set", "interface", "p1", "external_ids:iface-id=sw0-p1")
	o.AddFlows("br-int", statefulFlows)
	return o
}

func service(t *testing.T, opt Options) *Service {
	t.Helper()
	opt.OVNRunDir = t.TempDir()
	s := NewService(opt)
	t.Cleanup(func() { s.Close(context.Background()) })
	return s
}

func tcpPacket(src, dst string, flags packet.TCPFlags) packet.Packet {
	a, b := netip.MustParseAddrPort(src), netip.MustParseAddrPort(dst)
	return packet.Packet{
		EthSrc: packet.MAC{10, 0, 0, 0, 0, 1}, EthDst: packet.MAC{10, 0, 0, 0, 0, 2}, EthType: packet.EthIPv4,
		Src: a.Addr(), Dst: b.Addr(), Proto: packet.ProtoTCP, TTL: 64, SrcPort: a.Port(), DstPort: b.Port(), TCPFlags: flags,
	}
}

// receive sends a real packet into the datapath.
func receive(o *dummy.OVS, port, src, dst string, sport, dport, flags int) {
	o.Appctl("netdev-dummy/receive", port, fmt.Sprintf("in_port(1),eth(src=0a:00:00:00:00:01,dst=0a:00:00:00:00:02),eth_type(0x0800),"+
		"ipv4(src=%s,dst=%s,proto=6,tos=0,ttl=64,frag=no),tcp(src=%d,dst=%d),tcp_flags(%#x)", src, dst, sport, dport, flags))
}

func TestInfoOfARealOVS(t *testing.T) {
	o := userspaceOVS(t)
	info, err := service(t, Options{RunDir: o.RunDir}).Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if info.SystemID != "hv1" || info.Hostname != "host1" || info.OVSVersion != o.Version || info.Datapath != "dummy" || info.Bridge != "br-int" ||
		info.OVNRemote != "tcp:127.0.0.1:6642" || info.OVNVersion != "" || info.Zones[5] != "p1" || info.BridgeMappings["physnet1"] != "br-ex" ||
		strings.Join(info.EncapIPs, " ") != "10.9.0.1 fd09::1" || strings.Join(info.EncapTypes, " ") != "geneve vxlan" {
		t.Errorf("%+v", info)
	}
	if p, ok := info.PortByIfaceID("sw0-p1"); !ok || p.Name != "p1" || p.OFPort != 1 || p.Kind != engine.PortVIF {
		t.Errorf("sw0-p1 is %+v", p)
	}
}

func TestInfoNamesABondsActiveMember(t *testing.T) {
	o := userspaceOVS(t)
	o.Vsctl("add-br", "br-ex", "--", "set", "bridge", "br-ex", "datapath_type=dummy", "--",
		"add-bond", "br-ex", "bond0", "e1", "e2", "bond_mode=active-backup", "--", "set", "interface", "e1", "type=dummy", "--", "set", "interface", "e2", "type=dummy")
	o.Appctl("bond/set-active-slave", "bond0", "e2")
	var members []string
	for range 50 { // ovs-vswitchd writes the active member to the database with a delay
		info, err := service(t, Options{RunDir: o.RunDir}).Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		members = nil
		for _, p := range info.Ports {
			if p.Bond == "bond0" {
				members = append(members, fmt.Sprintf("%s active=%t", p.Name, p.Active))
			}
		}
		if strings.Join(members, ", ") == "e1 active=false, e2 active=true" {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Errorf("members %q", members)
}

func TestMirrorsOfARealOVS(t *testing.T) {
	o := userspaceOVS(t)
	o.Vsctl("--id=@s", "get", "port", "p1", "--", "--id=@o", "get", "port", "p2", "--", "--id=@m", "create", "mirror", "name=m1",
		"select_src_port=@s", "output_port=@o", "--", "--id=@v", "create", "mirror", "name=m2", "output_vlan=7", "--", "set", "bridge", "br-int", "mirrors=@m,@v")
	info, err := service(t, Options{RunDir: o.RunDir}).Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range info.Ports {
		if got := strings.Join(p.Mirrors, " "); got != map[string]string{"p2": "m1"}[p.Name] {
			t.Errorf("%s: mirrors %q", p.Name, got)
		}
	}
	if len(info.Warnings) != 1 || !strings.Contains(info.Warnings[0], "mirror m2 of br-int sends copies on VLAN 7") {
		t.Errorf("warnings %q", info.Warnings)
	}
}

// TestUserspaceEntriesAreFound checks that a trace finds the entries of packets sent through the
// datapath's conntrack.
func TestUserspaceEntriesAreFound(t *testing.T) {
	o := userspaceOVS(t)
	s := service(t, Options{RunDir: o.RunDir})
	req := TraceRequest{Request: engine.Request{InPort: 2, Packet: tcpPacket("10.0.0.2:80", "10.0.0.1:1000", 0x12)}}

	res, err := s.Trace(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if leaf := res.Outcomes[0].Leaves[0]; leaf.Kind != engine.LeafDrop {
		t.Errorf("before the SYN a SYN-ACK ends as %+v", leaf)
	}
	receive(o, "p1", "10.0.0.1", "10.0.0.2", 1000, 80, 2)
	for i := 0; !strings.Contains(o.Appctl("dpctl/dump-conntrack"), "sport=1000"); i++ {
		if i == 500 {
			t.Fatal("the SYN left no entry")
		}
		time.Sleep(10 * time.Millisecond)
	}
	dump := o.Appctl("dpctl/dump-conntrack", "-m")
	res, err = s.Trace(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if leaf := res.Outcomes[0].Leaves[0]; leaf.Kind != engine.LeafOutput || leaf.Port.Name != "p1" {
		t.Errorf("after the SYN a SYN-ACK ends as %+v", leaf)
	}
	ct := res.Segments[0].CT[0].Result
	if ct.Found != ctstate.FromUserspace || ct.Dir != ctstate.DirReply || ct.Hit == nil || ct.Hit.Mark != 7 || ct.Hit.Zone != 5 {
		t.Errorf("conntrack answered %+v", ct)
	}
	// As new, the entry does not count; the one in the overlay does.
	fresh := req
	if res, err = s.TraceAsNew(t.Context(), fresh); err != nil {
		t.Fatal(err)
	}
	if leaf := res.Outcomes[0].Leaves[0]; leaf.Kind != engine.LeafDrop {
		t.Errorf("as new a SYN-ACK ends as %+v", leaf)
	}
	fresh.Overlay = ctstate.OverlayData{Entries: []ctstate.OverlayEntry{{Entry: *ct.Hit}}}
	if res, err = s.TraceAsNew(t.Context(), fresh); err != nil {
		t.Fatal(err)
	}
	if found := res.Segments[0].CT[0].Result.Found; found != ctstate.FromOverlay {
		t.Errorf("as new the overlay's entry is found in %v", found)
	}
	if after := o.Appctl("dpctl/dump-conntrack", "-m"); after != dump {
		t.Errorf("the trace changed the table:\n%s\nwas\n%s", after, dump)
	}
	if _, err := s.Commit(t.Context(), CommitRequest{}); !errors.Is(err, ErrUserspace) {
		t.Errorf("commit: %v", err)
	}
}

// TestOverlayCarriesOver checks that the entry of one trace is in the overlay of the next, and only
// there.
func TestOverlayCarriesOver(t *testing.T) {
	o := userspaceOVS(t)
	s := service(t, Options{RunDir: o.RunDir, NoDB: true})
	res, err := s.Trace(t.Context(), TraceRequest{Request: engine.Request{Bridge: "br-int", InPort: 1, Packet: tcpPacket("10.0.0.1:1000", "10.0.0.2:80", 2)}})
	if err != nil {
		t.Fatal(err)
	}
	overlay := res.Outcomes[0].Overlay
	if len(overlay.Entries) != 1 {
		t.Fatalf("overlay %+v", overlay)
	}
	res, err = s.Trace(t.Context(), TraceRequest{Overlay: overlay, Request: engine.Request{Bridge: "br-int", InPort: 2, Packet: tcpPacket("10.0.0.2:80", "10.0.0.1:1000", 0x12)}})
	if err != nil {
		t.Fatal(err)
	}
	if leaf := res.Outcomes[0].Leaves[0]; leaf.Kind != engine.LeafOutput || res.Segments[0].CT[0].Result.Found != ctstate.FromOverlay {
		t.Errorf("%+v %+v", leaf, res.Segments[0].CT[0].Result)
	}
	if dump := o.Appctl("dpctl/dump-conntrack"); dump != "" {
		t.Errorf("the trace left %s", dump)
	}
}

func TestServiceFaults(t *testing.T) {
	empty := t.TempDir()
	stale := t.TempDir() // has the pid file and socket that a killed daemon leaves
	os.WriteFile(filepath.Join(stale, "ovs-vswitchd.pid"), []byte("999999\n"), 0o600)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(stale, "ovs-vswitchd.999999.ctl"), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	noSocket, badPID := t.TempDir(), t.TempDir()
	os.WriteFile(filepath.Join(noSocket, "ovs-vswitchd.pid"), []byte("999999\n"), 0o600)
	os.WriteFile(filepath.Join(badPID, "ovs-vswitchd.pid"), []byte("none\n"), 0o600)
	for name, c := range map[string]struct{ dir, word string }{
		"no run folder":  {filepath.Join(empty, "none"), "no such file"},
		"empty folder":   {empty, "ovs-vswitchd.pid"},
		"stale pid file": {stale, "connection refused"},
		"no socket":      {noSocket, "ovs-vswitchd.999999.ctl"},
		"bad pid file":   {badPID, "not a process id"},
	} {
		t.Run(name, func(t *testing.T) {
			s := service(t, Options{RunDir: c.dir})
			_, err := s.Info(t.Context())
			if err == nil || !strings.Contains(err.Error(), c.word) || failure.KindOf(err) != failure.Unreachable || codeOf(err) != codeUnreachable {
				t.Errorf("error %v (code %d)", err, codeOf(err))
			}
			if _, err := s.Trace(t.Context(), TraceRequest{}); err == nil {
				t.Error("a trace goes through")
			}
		})
	}
}

func TestNoDatabase(t *testing.T) {
	o := userspaceOVS(t)
	_, err := service(t, Options{RunDir: o.RunDir, DB: "unix:" + filepath.Join(o.RunDir, "none.sock")}).Info(t.Context())
	var de *ovsdb.Error
	if !errors.As(err, &de) || !strings.Contains(err.Error(), "none.sock") || failure.KindOf(err) != failure.Unreachable {
		t.Errorf("error %v", err)
	}
	// A bridge without OVN needs no database.
	info, err := service(t, Options{RunDir: o.RunDir, DB: "unix:/none", NoDB: true}).Info(t.Context())
	if err != nil || len(info.Ports) != 3 {
		t.Errorf("%+v %v", info, err)
	}
}

// TestOVSKilledInBetween kills ovs-vswitchd between two calls.
func TestOVSKilledInBetween(t *testing.T) {
	o := userspaceOVS(t)
	s := service(t, Options{RunDir: o.RunDir})
	if _, err := s.Info(t.Context()); err != nil {
		t.Fatal(err)
	}
	syscall.Kill(o.PID, syscall.SIGKILL)
	_, err := s.Trace(t.Context(), TraceRequest{Request: engine.Request{InPort: 1, Packet: tcpPacket("10.0.0.1:1000", "10.0.0.2:80", 2)}})
	var ce *unixctl.CallError
	if !errors.As(err, &ce) || failure.KindOf(err) != failure.Unreachable {
		t.Errorf("error %v", err)
	}
}

// TestOVSHangs checks that a call to a hanging ovs-vswitchd ends at its deadline.
func TestOVSHangs(t *testing.T) {
	o := userspaceOVS(t)
	s := service(t, Options{RunDir: o.RunDir})
	if _, err := s.Info(t.Context()); err != nil {
		t.Fatal(err)
	}
	syscall.Kill(o.PID, syscall.SIGSTOP)
	defer syscall.Kill(o.PID, syscall.SIGCONT)
	_, err := s.Trace(within(t, 500*time.Millisecond), TraceRequest{Request: engine.Request{InPort: 1, Packet: tcpPacket("10.0.0.1:1000", "10.0.0.2:80", 2)}})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
}

// Runs at once on one node give the answers that each gives alone: neither's recirculation ids and
// sockets are the other's.
func TestRunsAtOnce(t *testing.T) {
	o := userspaceOVS(t)
	o.AddFlows("br-int", commitFlows)
	trace := func() string {
		s := service(t, Options{RunDir: o.RunDir})
		res, err := s.Trace(t.Context(), TraceRequest{Request: engine.Request{InPort: 1, Packet: tcpPacket("10.0.0.1:1000", "10.0.0.2:80", 2)}})
		if err != nil {
			return err.Error()
		}
		var out []string
		for _, o := range res.Outcomes {
			for _, l := range o.Leaves {
				out = append(out, fmt.Sprint(l.Kind, l.Packet))
			}
		}
		return fmt.Sprint(len(res.Segments), out)
	}
	alone := trace()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 3 {
				if got := trace(); got != alone {
					t.Errorf("%s, alone %s", got, alone)
				}
			}
		})
	}
	wg.Wait()
}

// An ovs-vswitchd that is started again between two packets answers the second: the node asks the
// new process.
func TestOVSRestarted(t *testing.T) {
	first, second := userspaceOVS(t), userspaceOVS(t)
	dir := t.TempDir()
	use := func(o *dummy.OVS) {
		for _, name := range []string{"ovs-vswitchd.pid", "db.sock", fmt.Sprintf("ovs-vswitchd.%d.ctl", o.PID)} {
			os.Remove(filepath.Join(dir, name))
			if err := os.Symlink(filepath.Join(o.RunDir, name), filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	ask := func() error {
		_, err := service(t, Options{RunDir: dir}).Trace(t.Context(), TraceRequest{Request: engine.Request{InPort: 1, Packet: tcpPacket("10.0.0.1:1000", "10.0.0.2:80", 2)}})
		return err
	}
	use(first)
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	syscall.Kill(first.PID, syscall.SIGKILL)
	if err := ask(); failure.KindOf(err) != failure.Unreachable {
		t.Errorf("without it: %v", err)
	}
	use(second)
	if err := ask(); err != nil {
		t.Errorf("after its restart: %v", err)
	}
}

func TestUnknownBridge(t *testing.T) {
	o := userspaceOVS(t)
	_, err := service(t, Options{RunDir: o.RunDir, NoDB: true}).Trace(t.Context(), TraceRequest{Request: engine.Request{Bridge: "br9", InPort: 1}})
	var nf *ovn.NotFoundError
	if !errors.As(err, &nf) || nf.Name != "br9" || failure.KindOf(err) == failure.Unreachable {
		t.Errorf("error %v", err)
	}
}

// daemon serves a control socket with the answers of a test, without Open vSwitch.
func daemon(t *testing.T, answer func(method string, args []string) (string, bool)) (rundir string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "ctl")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	os.WriteFile(filepath.Join(dir, "ovs-vswitchd.pid"), []byte(strconv.Itoa(os.Getpid())), 0o600)
	serveControl(t, filepath.Join(dir, fmt.Sprintf("ovs-vswitchd.%d.ctl", os.Getpid())), answer)
	return dir
}

func TestPermissionDenied(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Log("root may do everything: only the error's kind is checked")
	}
	err := error(&unixctl.CallError{Path: "/r/x.ctl", Method: "dpif/show", Err: syscall.EACCES})
	if codeOf(err) != codePermission || !errors.Is(err, fs.ErrPermission) {
		t.Errorf("code %d", codeOf(err))
	}
}

func TestDpifShowNotUnderstood(t *testing.T) {
	dir := daemon(t, func(method string, _ []string) (string, bool) { return "netdev@x:\n  br0:\n    what is this\n", true })
	_, err := service(t, Options{RunDir: dir, NoDB: true}).Info(t.Context())
	var se *syntax.Error
	if !errors.As(err, &se) || se.In != "    what is this" {
		t.Errorf("error %v", err)
	}
}
