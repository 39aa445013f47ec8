package driver

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn/ovntest"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// fakeNode is a chassis whose traces a test provides; every request is kept.
type fakeNode struct {
	node.Node // what the driver does not ask for
	info      *node.Info
	infoErr   error
	trace     func(req node.TraceRequest) (*engine.Result, error)
	asked     []node.TraceRequest
	committed []node.CommitRequest
}

func (f *fakeNode) Info(context.Context) (*node.Info, error) { return f.info, f.infoErr }

func (f *fakeNode) Trace(_ context.Context, req node.TraceRequest) (*engine.Result, error) {
	f.asked = append(f.asked, req)
	return f.trace(req)
}

func (f *fakeNode) Commit(_ context.Context, req node.CommitRequest) (*node.CommitResult, error) {
	f.committed = append(f.committed, req)
	return &node.CommitResult{Warnings: []string{"a warning"}}, nil
}

// fakeNodes are the chassis of a test; one that is not there cannot be reached.
type fakeNodes map[string]*fakeNode

func (f fakeNodes) Node(_ context.Context, c *ovn.Chassis) (node.Node, error) {
	if n := f[c.Name]; n != nil {
		return n, nil
	}
	return nil, &node.Error{Node: c.Name, Op: "reach", Err: errors.New("no way to it")}
}

// chassisIPs are the tunnel addresses of the chassis.
var chassisIPs = map[string][]string{"hv1": {"10.9.0.1", "10.9.1.1"}, "hv2": {"10.9.0.2"}, "hv3": {"fd09::3"}, "vtep": {"10.9.0.9"}}

// southbound is a real database: ovntest.Topology with sw0-p1 and its nested container on hv1,
// sw1-p1 and the gateway on hv2.
func southbound(t *testing.T) *ovn.SB {
	t.Helper()
	d := ovntest.New(t, ovntest.Topology+`lsp-add sw0 sw0-child sw0-p1 42
ls-add prov
lsp-add prov prov-any
lsp-set-addresses prov-any unknown
lsp-add prov ln-prov '' 30
lsp-set-type ln-prov localnet
lsp-set-addresses ln-prov unknown
lsp-set-options ln-prov network_name=physnet1
lsp-add sw0 sw0-vtep
lsp-set-type sw0-vtep vtep
lsp-add sw0 sw0-far
lsp-set-type sw0-far remote
lsp-set-addresses sw0-far '50:54:00:00:00:09 10.0.0.9'
lsp-add sw0 sw0-lost
lsp-set-type sw0-lost remote
`)
	ctx := context.Background()
	script := `
chassis-add hv1 geneve 10.9.0.1
chassis-add hv2 geneve 10.9.0.2
chassis-add hv3 geneve fd09::3
chassis-add vtep vxlan 10.9.0.9
chassis-add oldvtep vxlan 10.9.0.8
lsp-bind prov-any hv2
lsp-bind sw0-p1 hv1
lsp-bind sw0-child hv1
lsp-bind sw1-p1 hv2
lsp-bind cr-lr0-public hv2
set chassis hv1 other_config:ovn-bridge-mappings=physnet1:br-ex
set chassis hv2 other_config:ovn-bridge-mappings=physnet1:br-ex
set chassis hv3 other_config:ovn-bridge-mappings=physnet2:br-ex
set chassis vtep other_config:is-vtep=true
set chassis oldvtep vtep_logical_switches=sw0
lsp-bind sw0-far hv3
`
	if _, err := d.SBCtl(ctx, script); err != nil {
		t.Fatal(err)
	}
	if _, err := d.SBCtl(ctx, "--id=@e create encap type=geneve ip=10.9.1.1 chassis_name=hv1 -- add chassis hv1 encaps @e"); err != nil {
		t.Fatal(err)
	}
	for mac, port := range map[string]string{"02:f0:00:00:00:01": "prov-any", "02:f0:00:00:00:02": "ln-prov"} {
		key := func(table, is string) string {
			out, err := d.SBCtl(ctx, "--bare --columns=tunnel_key find "+table+" "+is)
			if err != nil {
				t.Fatal(err)
			}
			return strings.TrimSpace(out)
		}
		dp, portKey := key("datapath_binding", "external_ids:name=prov"), key("port_binding", "logical_port="+port)
		if _, err := d.SBCtl(ctx, "create fdb mac=\""+mac+"\" dp_key="+dp+" port_key="+portKey); err != nil {
			t.Fatal(err)
		}
	}
	sb, err := ovn.DialSB(ctx, ovsdb.Options{Remotes: d.SB})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sb.Close() })
	return sb
}

// Port numbers of every fake chassis.
const (
	vifPort    = 1
	physPort   = 1 // of br-ex
	tunnelBase = 10
)

// chassis is a fake node with one VIF, a provider bridge, and a tunnel to each address of the
// others.
func chassis(name, vif string) *fakeNode {
	info := &node.Info{SystemID: name, Bridge: "br-int", Datapath: "system", EncapIPs: chassisIPs[name], BridgeMappings: map[string]string{"physnet1": "br-ex"},
		OVSVersion: "3.1.0", Zones: map[uint16]string{5: vif}}
	add := func(p engine.Port, options map[string]string) {
		info.Ports = append(info.Ports, node.Port{Port: p, Backer: "system@ovs-system", Options: options})
	}
	add(engine.Port{Bridge: "br-int", Name: "br-int", OFPort: 65534, Datapath: "1", Kind: engine.PortHost}, nil)
	add(engine.Port{Bridge: "br-int", Name: "tap0", OFPort: vifPort, Datapath: "2", Kind: engine.PortVIF, IfaceID: vif}, nil)
	add(engine.Port{Bridge: "br-ex", Name: "eth1", OFPort: physPort, Datapath: "3", Kind: engine.PortPhysical}, nil)
	n := uint32(tunnelBase)
	for _, peer := range []string{"hv1", "hv2", "hv3"} {
		for _, ip := range chassisIPs[peer] {
			if peer != name {
				add(engine.Port{Bridge: "br-int", Name: "ovn-" + peer + "-" + ip, OFPort: n, Datapath: "4", Type: "geneve", Kind: engine.PortTunnel},
					map[string]string{"remote_ip": ip, "key": "flow"})
				if own := chassisIPs[name]; len(own) > 1 && strings.Contains(own[0], ".") == strings.Contains(ip, ".") {
					info.Ports[len(info.Ports)-1].Source = own[0] // as the node's routes say
				}
			}
			n++
		}
	}
	return &fakeNode{info: info}
}

func (f *fakeNode) port(t *testing.T, name string) *engine.Port {
	t.Helper()
	for _, p := range f.info.Ports {
		if p.Name == name {
			return &p.Port
		}
	}
	t.Fatalf("%s has no port %s", f.info.SystemID, name)
	return nil
}

// result is one outcome with these leaves, all of one segment.
func result(leaves ...engine.Leaf) *engine.Result {
	return &engine.Result{
		Segments: []*engine.Segment{{Parent: -1, Enter: "packet", Tables: []engine.TableHit{{Bridge: "br-int", Table: 8, Priority: 50, Cookie: 0xab, Match: "metadata=0x1", Actions: []string{"resubmit(,9)"}}}}},
		Outcomes: []*engine.Outcome{{Leaves: leaves}},
	}
}

func output(port *engine.Port, p packet.Packet) engine.Leaf {
	return engine.Leaf{Kind: engine.LeafOutput, Port: port, Packet: p, Path: []int{0}}
}

// through is an output to a tunnel.
func through(port *engine.Port, p packet.Packet, src, dst string) engine.Leaf {
	l := output(port, p)
	l.Tunnel = &engine.Tunnel{ID: 5, Dst: netip.MustParseAddr(dst), Options: []engine.TunnelOption{{Class: ovnOptionClass, Type: 1, Data: []byte{0, 0}},
		{Class: ovnOptionClass, Type: ovnOptionType, Data: []byte{0, 1, 0, 2}}, {Class: 0x9999, Type: ovnOptionType, Data: []byte{0, 0, 0, 9}}}}
	if src != "" {
		l.Tunnel.Src = netip.MustParseAddr(src)
	}
	return l
}

func same(r *engine.Result) func(node.TraceRequest) (*engine.Result, error) {
	return func(node.TraceRequest) (*engine.Result, error) { return r, nil }
}

func tcpSYN() packet.Packet {
	return packet.Packet{EthSrc: packet.MAC{2, 1}, EthDst: packet.MAC{2, 2}, EthType: packet.EthIPv4, Src: netip.MustParseAddr("10.0.0.3"),
		Dst: netip.MustParseAddr("20.0.0.3"), Proto: packet.ProtoTCP, TTL: 64, SrcPort: 1000, DstPort: 80, TCPFlags: 2}
}

// fromHV1 is where sw0-p1's packets enter.
var fromHV1 = Start{Chassis: "hv1", Port: "sw0-p1", Bridge: "br-int", OFPort: vifPort, Via: "vif"}

func send(t *testing.T, d *Driver, p packet.Packet) *Trace {
	t.Helper()
	sent, err := d.Send(t.Context(), World{}, fromHV1, p, "SYN", "original")
	if err != nil {
		t.Fatal(err)
	}
	return sent
}

// ends lists a packet's branches as "verdict kind chassis port: reason".
func ends(s *Trace) string {
	var out []string
	for _, b := range s.Branches {
		line := strings.TrimSpace(fmt.Sprintf("%s %s %s %s", b.Verdict, b.Kind(), b.Chassis, b.Port))
		if b.Cause != nil {
			line += ": " + b.Cause.String()
		}
		out = append(out, line)
	}
	return strings.Join(out, "\n")
}

func entryOf(port uint16) ctstate.OverlayData {
	t := ctstate.Tuple{Proto: 6, Src: netip.MustParseAddrPort("10.0.0.3:1000"), Dst: netip.AddrPortFrom(netip.MustParseAddr("20.0.0.3"), port)}
	return ctstate.OverlayData{Entries: []ctstate.OverlayEntry{{Entry: ctstate.Entry{Zone: 5, Orig: t}}}}
}
