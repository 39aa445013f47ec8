package microflow

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn/ovntest"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovnexpr"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv"
)

// ovnTrace is a real ovn-trace as a daemon over a real Southbound database that knows the corpus'
// names.
type ovnTrace struct {
	d   *ovntest.Deployment
	ctl string
}

const oracleNB = `
ls-add sw0
lsp-add sw0 p1
lsp-add sw0 p2
pg-add two p1 p2
pg-add one p1
pg-add none
create Address_Set name=one addresses=10.0.0.1
create Address_Set name=one6 addresses="fd00::1"
create Address_Set name=many addresses=10.0.0.1,10.0.0.2,10.0.1.0/24
create Address_Set name=empty
`

func startOVNTrace(t *testing.T) *ovnTrace {
	t.Helper()
	trace, appctl := testenv.Tool(t, "ovn-trace"), testenv.Tool(t, "ovs-appctl")
	d := ovntest.New(t, oracleNB)
	o := &ovnTrace{d: d, ctl: filepath.Join(d.Dir, "ovn-trace.ctl")}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if out, err := d.Run(ctx, "", trace, "--db="+d.Sock("sb"), "--unixctl="+o.ctl, "--no-leader-only", "--detach",
		"--pidfile="+filepath.Join(d.Dir, "ovn-trace.pid")); err != nil {
		t.Fatalf("ovn-trace: %v\n%s", err, out)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		d.Run(ctx, "", appctl, "-t", o.ctl, "exit")
	})
	return o
}

// ask returns the flow of the first line, or what was refused and why.
func (o *ovnTrace) ask(t *testing.T, expr string) (flow, refused string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	out, err := o.d.Run(ctx, "", "ovs-appctl", "-t", o.ctl, "trace", "--minimal", "sw0", expr)
	if err != nil {
		t.Fatalf("ovn-trace of %q: %v\n%s", expr, err, out)
	}
	line, _, _ := strings.Cut(out, "\n")
	if flow, ok := strings.CutPrefix(line, "# "); ok {
		return flow, ""
	}
	return "", strings.TrimPrefix(line, "error parsing flow: ")
}

// compare returns how ovn-trace's answer differs from ours, or nothing.
func (o *ovnTrace) compare(t *testing.T, expr string) string {
	t.Helper()
	mf, err := Parse(expr, Options{Symbols: names{}})
	if err == nil && mf.InPort == "" {
		return "" // ovn-trace 23.03 does not survive an expression without inport when the datapath is named
	}
	flow, refused := o.ask(t, expr)
	switch {
	case err != nil && flow != "":
		return fmt.Sprintf("refused here: %v; ovn-trace: %s", err, flow)
	case err != nil:
		// The words agree too, up to what OVN says without a full stop.
		if ours := err.Error(); !strings.HasPrefix(strings.TrimSuffix(refused, "."), strings.TrimSuffix(ours, "...")) {
			return fmt.Sprintf("refused here: %s; by ovn-trace: %s", ours, refused)
		}
		return ""
	case refused != "":
		return fmt.Sprintf("read here as %s; ovn-trace: %s", describe(mf), refused)
	}
	f, err := openflow.Parse(flow)
	if err != nil {
		return err.Error()
	}
	theirs, err := openflow.ToPacket(f)
	if err != nil {
		return fmt.Sprintf("%s: %v", flow, err)
	}
	if diff := cmp.Diff(plain(mf.Packet), plain(theirs), cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		return "packet -ours +theirs:\n" + diff
	}
	return otherDiff(mf, f)
}

// plain replaces an address that is not given by the zero address, as in a flow.
func plain(p packet.Packet) packet.Packet {
	zero := netip.IPv4Unspecified()
	switch {
	case p.EthType == packet.EthIPv6:
		zero = netip.IPv6Unspecified()
	case p.EthType == packet.EthMPLS || p.EthType == packet.EthMPLSM:
		p.MPLS = []packet.MPLS{{}}
		return p
	case !p.IsIP() && !p.IsARP():
		return p
	}
	for _, a := range []*netip.Addr{&p.Src, &p.Dst} {
		if !a.IsValid() {
			*a = zero
		}
	}
	if p.IsND() && !p.NDTarget.IsValid() {
		p.NDTarget = netip.IPv6Unspecified()
	}
	return p
}

// otherDiff compares conntrack fields and registers.
func otherDiff(mf Microflow, f openflow.Flow) string {
	want := map[string]openflow.U128{}
	text, _ := f.Get("ct_state")
	if s, _, err := openflow.ParseCTState(text); err == nil {
		want["ct_state"] = openflow.U128{Lo: uint64(s)}
	}
	got := map[string]openflow.U128{"ct_state": {Lo: uint64(mf.CTState)}}
	for theirs, ours := range map[string]string{"ct_mark": "ct_mark", "ct_label": "ct_label", "pkt_mark": "pkt.mark", "reg10": "flags"} {
		v, _ := f.U128(theirs)
		want[ours], got[ours] = v, mf.Other[ours].Value
	}
	reg := func(n int) uint64 { v, _ := f.Uint(fmt.Sprintf("reg%d", n)); return v }
	for i := range 2 {
		name := fmt.Sprintf("xxreg%d", i)
		want[name] = openflow.U128{Hi: reg(4*i)<<32 | reg(4*i+1), Lo: reg(4*i+2)<<32 | reg(4*i+3)}
		got[name] = mf.Other[name].Value
	}
	want["xreg4"], got["xreg4"] = openflow.U128{Lo: reg(8)<<32 | reg(9)}, mf.Other["xreg4"].Value
	if _, ok := want["ct_state"]; !ok {
		want["ct_state"] = openflow.U128{}
	}
	if diff := cmp.Diff(got, want); diff != "" {
		return "-ours +theirs:\n" + diff
	}
	return ""
}

// TestOVNTrace asks a real ovn-trace about every expression of the corpus: both read the same
// packet, or both refuse with the same words. A known difference is listed with its case.
func TestOVNTrace(t *testing.T) {
	o := startOVNTrace(t)
	for _, cases := range corpus(t) {
		for _, c := range cases {
			if c.comment() {
				continue
			}
			diff := o.compare(t, c.expr)
			switch {
			case diff != "" && c.differs == "":
				t.Errorf("%s\n  %s", c.expr, diff)
			case diff == "" && c.differs != "" && !strings.HasPrefix(c.differs, "23.03 "):
				t.Errorf("%s: ovn-trace agrees now, the case says that it differs", c.expr)
			}
		}
	}
}

// TestOVNTraceSymbols compares every symbol's expansion and prerequisites: the message for an
// ambiguous expression contains both.
func TestOVNTraceSymbols(t *testing.T) {
	o := startOVNTrace(t)
	changed := map[string]bool{ // since 23.03
		"igmp": true, "mldv1": true, "mldv2": true, "ip6.mcast_flood": true, "ip6.mcast_rsvd": true,
	}
	asked, unknown := 0, []string(nil)
	for sym := range ovnexpr.Symbols() {
		name := sym.Name
		if strings.HasPrefix(name, "__") {
			continue
		}
		test := name + " == 1"
		if sym.IsStr() {
			test = name + ` == "p1"`
		}
		expr := `outport == {"p1", "p2"} && inport == "p1" && ` + test
		if name == "outport" {
			expr = `outport == {"p1", "p2"} && inport == "p1" && ip4`
		}
		_, refused := o.ask(t, expr)
		if strings.HasSuffix(refused, "expecting field name.") {
			unknown = append(unknown, name)
			continue
		}
		asked++
		if diff := o.compare(t, expr); diff != "" && !changed[name] {
			t.Errorf("%s\n  %s", expr, diff)
		}
	}
	slices.Sort(unknown)
	t.Logf("%d symbols asked about; not known to this ovn-trace: %v", asked, unknown)
	if asked < 100 {
		t.Errorf("only %d symbols asked about", asked)
	}
}

// TestOVNTraceRandom asks about generated expressions.
func TestOVNTraceRandom(t *testing.T) {
	o := startOVNTrace(t)
	const seed = 7
	r := rand.New(rand.NewPCG(seed, seed))
	read := 0
	for range 300 {
		expr := randomExpr(r)
		if diff := o.compare(t, expr); diff != "" {
			if strings.Contains(diff, "nw_frag=<error>") {
				continue // ip.later_frag without ip.is_frag: no packet is so, and later is what was meant
			}
			if strings.HasPrefix(diff, "read here as ") && strings.Contains(diff, "ovn-trace: Constraints are ambiguous") {
				continue // alternatives that are one packet: OVN does not look so far
			}
			t.Errorf("%s\n  %s", expr, diff)
		}
		if _, err := Parse(expr, Options{}); err == nil {
			read++
		}
	}
	t.Logf("%d of 300 are packets", read)
	if read < 60 {
		t.Errorf("only %d of 300 generated expressions are packets", read)
	}
}

// randomExpr mostly describes one packet, in roundabout ways.
func randomExpr(r *rand.Rand) string {
	terms := []string{
		`inport == "p1"`, "ip4", "tcp", "udp", "tcp.dst == 80", "tcp.src > 5", "tcp.src < 8", "tcp.src != 7", "5 < tcp.src <= 6",
		"ip.ttl == 64", "ip4.src == 10.0.0.1", "ip4.src[0..15] == 7", "ip4.dst == {10.0.0.1, 10.0.0.2}", "ip4.dst[0]",
		"!ip4.dst[1]", "eth.bcast", "!eth.mcast", "!eth.bcast", "vlan.present", "vlan.vid == 5", "ip", "ip6", "arp", "icmp",
		"icmp4.type == 8", "ip.is_frag", "!ip.is_frag", "!ip.first_frag", "ct.est", "!ct.new", "ct.trk", "reg0 == 5", "reg0[0..3] != 5",
		"flags.loopback", "ip4.mcast", "1", "tcp.flags[1]", "tcp.flags[1..2] == 3", "ip.later_frag",
	}
	out := []string{`inport == "p1"`, []string{"ip4", "ip4 && tcp", "arp", "tcp && ip4.src == 10.0.0.1"}[r.IntN(4)]}
	for range 1 + r.IntN(3) {
		t := terms[r.IntN(len(terms))]
		switch r.IntN(6) {
		case 0:
			t = "(" + t + " || " + terms[r.IntN(len(terms))] + ")"
		case 1:
			t = "(" + t + " && " + terms[r.IntN(len(terms))] + ")"
		case 2:
			t = "!(" + t + ")"
		}
		out = append(out, t)
	}
	return strings.Join(out, " && ")
}
