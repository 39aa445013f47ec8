package lab

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// sample is one command whose raw output becomes a file of the corpus.
type sample struct {
	file    string // below testdata
	chassis string
	argv    []string
}

// Capture runs the corpus' commands on the lab and writes their outputs below dir. The first line
// of each file contains command, version and date.
func (l *Lab) Capture(ctx context.Context, dir string) error {
	version, err := l.On(ctx, l.Topo.Chassis[0].Name, "ovs-vswitchd", "--version")
	if err != nil {
		return err
	}
	version, _, _ = strings.Cut(version, "\n")
	f := strings.Fields(version)
	short := f[len(f)-1]
	samples := l.stateSamples()
	for _, t := range traces {
		samples = append(samples, sample{"trace/" + t.name + ".txt", t.chassis, append([]string{"ovs-appctl", "ofproto/trace", "br-int", t.flow}, t.args...)})
	}
	for _, s := range samples {
		out, err := l.On(ctx, s.chassis, s.argv...)
		if err != nil {
			return fmt.Errorf("%s: %w", s.file, err)
		}
		if err := writeSample(dir, s.file, short, version, s.argv, out); err != nil {
			return err
		}
		if id := lastRecirc(out); id != "" && strings.HasPrefix(s.file, "trace/") {
			if err := l.captureResume(ctx, dir, short, version, s); err != nil {
				return err
			}
		}
	}
	return nil
}

func writeSample(dir, file, short, version string, argv []string, out string) error {
	ext := filepath.Ext(file)
	path := filepath.Join(dir, strings.TrimSuffix(file, ext)+"-ovs"+short+ext)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	head := fmt.Sprintf("# %s | %s | %s\n", quoteArgs(argv), version, time.Now().UTC().Format(time.DateOnly))
	return os.WriteFile(path, []byte(head+out), 0o644)
}

func quoteArgs(argv []string) string {
	var b strings.Builder
	for i, a := range argv {
		if i > 0 {
			b.WriteByte(' ')
		}
		if strings.ContainsAny(a, " (),*|;") {
			a = "'" + a + "'"
		}
		b.WriteString(a)
	}
	return b.String()
}

// lastRecirc returns the id of the last recirc(0x...) in a trace's output.
func lastRecirc(out string) string {
	i := strings.LastIndex(out, "recirc(0x")
	if i < 0 {
		return ""
	}
	rest := out[i+len("recirc("):]
	id, _, ok := strings.Cut(rest, ")")
	if !ok {
		return ""
	}
	return id
}

// captureResume traces the sample's last recirculation before its id expires.
func (l *Lab) captureResume(ctx context.Context, dir, short, version string, s sample) error {
	flow := s.argv[3]
	for _, how := range []struct{ name, match string }{
		{"resume-new", "ct_state=new|trk,"}, {"resume-est", "ct_state=est|rpl|trk,ct_mark=0x2,"}, {"resume-inv", "ct_state=inv|trk,"}, {"resume-hash", "ct_state=new|trk,dp_hash=0x1,"},
	} {
		// Repeat the first trace: the id expires soon after the trace that allocated it.
		out, err := l.On(ctx, s.chassis, s.argv...)
		if err != nil {
			return err
		}
		id := lastRecirc(out)
		if id == "" {
			return nil
		}
		argv := []string{"ovs-appctl", "ofproto/trace", "br-int", "recirc_id=" + id + "," + how.match + flow}
		out, err = l.On(ctx, s.chassis, argv...)
		if err != nil {
			continue // some states are impossible for some packets
		}
		file := strings.TrimSuffix(s.file, ".txt") + "-" + how.name + ".txt"
		if err := writeSample(dir, file, short, version, argv, out); err != nil {
			return err
		}
	}
	return nil
}

// stateSamples returns the commands that list tables, for every chassis.
func (l *Lab) stateSamples() []sample {
	var all []sample
	for _, c := range l.Topo.Chassis {
		n := c.Name
		all = append(all,
			sample{"flows/dump-flows-" + n + ".txt", n, []string{"ovs-ofctl", "dump-flows", "br-int"}},
			sample{"flows/dump-groups-" + n + ".txt", n, []string{"ovs-ofctl", "-O", "OpenFlow15", "dump-groups", "br-int"}},
			sample{"actions/dpctl-dump-flows-" + n + ".txt", n, []string{"ovs-appctl", "dpctl/dump-flows", "-m", "--names"}},
			sample{"actions/dpctl-dump-flows-numbers-" + n + ".txt", n, []string{"ovs-appctl", "dpctl/dump-flows", "-m"}},
			sample{"dpif/show-" + n + ".txt", n, []string{"ovs-appctl", "dpif/show"}},
			sample{"dpif/dpctl-show-" + n + ".txt", n, []string{"ovs-appctl", "dpctl/show"}},
			sample{"dpif/dump-conntrack-" + n + ".txt", n, []string{"ovs-appctl", "dpctl/dump-conntrack", "-m"}},
			sample{"ovn/ct-zone-list-" + n + ".txt", n, []string{"ovn-appctl", "-t", "ovn-controller", "ct-zone-list"}},
		)
	}
	return all
}

// traces are the ofproto/trace requests to capture; their packets are of the base topology.
var traces = []struct {
	name, chassis, flow string
	args                []string
}{
	{"same-switch", "hv1", "in_port=sw0-p1,tcp,dl_src=50:54:00:00:00:03,dl_dst=50:54:00:00:00:05,nw_src=10.0.0.3,nw_dst=10.0.0.5,nw_ttl=64,tp_src=1111,tp_dst=80,tcp_flags=syn", nil},
	{"across-chassis", "hv1", "in_port=sw0-p1,udp,dl_src=50:54:00:00:00:03,dl_dst=50:54:00:00:00:04,nw_src=10.0.0.3,nw_dst=10.0.0.4,nw_ttl=64,udp_src=1111,udp_dst=7", nil},
	{"router", "hv1", "in_port=sw0-p1,icmp,dl_src=50:54:00:00:00:03,dl_dst=00:00:00:00:ff:01,nw_src=10.0.0.3,nw_dst=20.0.0.4,nw_ttl=64,icmp_type=8,icmp_code=0", nil},
	{"router-ct-next", "hv1", "in_port=sw0-p1,tcp,dl_src=50:54:00:00:00:03,dl_dst=00:00:00:00:ff:01,nw_src=10.0.0.3,nw_dst=20.0.0.4,nw_ttl=64,tp_src=1111,tp_dst=8080,tcp_flags=ack", []string{"--ct-next", "trk,est", "--ct-next", "trk,est"}},
	{"router-echo", "hv1", "in_port=sw0-p1,icmp,dl_src=50:54:00:00:00:03,dl_dst=00:00:00:00:ff:01,nw_src=10.0.0.3,nw_dst=10.0.0.1,nw_ttl=64,icmp_type=8,icmp_code=0", nil},
	{"router-ttl", "hv1", "in_port=sw0-p1,udp,dl_src=50:54:00:00:00:03,dl_dst=00:00:00:00:ff:01,nw_src=10.0.0.3,nw_dst=20.0.0.4,nw_ttl=1,udp_src=1111,udp_dst=7", nil},
	{"vip-one", "hv1", "in_port=sw0-p1,tcp,dl_src=50:54:00:00:00:03,dl_dst=00:00:00:00:ff:01,nw_src=10.0.0.3,nw_dst=30.0.0.10,nw_ttl=64,tp_src=1111,tp_dst=80,tcp_flags=syn", nil},
	{"vip-three", "hv1", "in_port=sw0-p1,tcp,dl_src=50:54:00:00:00:03,dl_dst=00:00:00:00:ff:01,nw_src=10.0.0.3,nw_dst=30.0.0.11,nw_ttl=64,tp_src=1111,tp_dst=80,tcp_flags=syn", nil},
	{"vip-three-ct-next", "hv1", "in_port=sw0-p1,tcp,dl_src=50:54:00:00:00:03,dl_dst=00:00:00:00:ff:01,nw_src=10.0.0.3,nw_dst=30.0.0.11,nw_ttl=64,tp_src=1111,tp_dst=80,tcp_flags=syn", []string{"--ct-next", "trk,new"}},
	{"vip-six", "hv1", "in_port=sw0-p1,tcp6,dl_src=50:54:00:00:00:03,dl_dst=00:00:00:00:ff:01,ipv6_src=fd00:10::3,ipv6_dst=fd00:30::10,nw_ttl=64,tp_src=1111,tp_dst=80,tcp_flags=syn", nil},
	{"vip-udp", "hv1", "in_port=sw0-p1,udp,dl_src=50:54:00:00:00:03,dl_dst=00:00:00:00:ff:01,nw_src=10.0.0.3,nw_dst=30.0.0.10,nw_ttl=64,udp_src=1111,udp_dst=53", nil},
	{"acl-in", "hv1", "in_port=sw0-p1,tcp,dl_src=50:54:00:00:00:03,dl_dst=00:00:00:00:ff:01,nw_src=10.0.0.3,nw_dst=40.0.0.3,nw_ttl=64,tp_src=1111,tp_dst=22,tcp_flags=syn", nil},
	{"acl-out", "hv1", "in_port=sw2-p1,tcp,dl_src=50:54:00:02:00:03,dl_dst=00:00:00:00:ff:03,nw_src=40.0.0.3,nw_dst=20.0.0.4,nw_ttl=64,tp_src=1111,tp_dst=25,tcp_flags=syn", nil},
	{"broadcast", "hv1", "in_port=sw0-p1,udp,dl_src=50:54:00:00:00:03,dl_dst=ff:ff:ff:ff:ff:ff,nw_src=10.0.0.3,nw_dst=10.0.0.255,nw_ttl=64,udp_src=1111,udp_dst=7", nil},
	{"multicast", "hv1", "in_port=sw0-p1,udp,dl_src=50:54:00:00:00:03,dl_dst=01:00:5e:01:01:01,nw_src=10.0.0.3,nw_dst=239.1.1.1,nw_ttl=64,udp_src=1111,udp_dst=7", nil},
	{"arp-router", "hv1", "in_port=sw0-p1,arp,dl_src=50:54:00:00:00:03,dl_dst=ff:ff:ff:ff:ff:ff,arp_op=1,arp_spa=10.0.0.3,arp_tpa=10.0.0.1,arp_sha=50:54:00:00:00:03,arp_tha=00:00:00:00:00:00", nil},
	{"arp-peer", "hv1", "in_port=sw0-p1,arp,dl_src=50:54:00:00:00:03,dl_dst=ff:ff:ff:ff:ff:ff,arp_op=1,arp_spa=10.0.0.3,arp_tpa=10.0.0.4,arp_sha=50:54:00:00:00:03,arp_tha=00:00:00:00:00:00", nil},
	{"arp-unknown", "hv1", "in_port=sw0-p1,arp,dl_src=50:54:00:00:00:03,dl_dst=ff:ff:ff:ff:ff:ff,arp_op=1,arp_spa=10.0.0.3,arp_tpa=10.0.0.77,arp_sha=50:54:00:00:00:03,arp_tha=00:00:00:00:00:00", nil},
	{"nd-router", "hv1", "in_port=sw0-p1,icmp6,dl_src=50:54:00:00:00:03,dl_dst=33:33:ff:00:00:01,ipv6_src=fd00:10::3,ipv6_dst=ff02::1:ff00:1,nw_ttl=255,icmpv6_type=135,icmpv6_code=0,nd_target=fd00:10::1,nd_sll=50:54:00:00:00:03", nil},
	{"no-arp-entry", "hv1", "in_port=sw0-p1,icmp,dl_src=50:54:00:00:00:03,dl_dst=00:00:00:00:ff:01,nw_src=10.0.0.3,nw_dst=20.0.0.77,nw_ttl=64,icmp_type=8,icmp_code=0", nil},
	{"tunnel-in", "hv2", "in_port=ovn-hv1-0,tun_id=0x1,tun_src=172.31.0.1,tun_dst=172.31.0.2,tun_metadata0=0x10002,tcp,dl_src=50:54:00:00:00:03,dl_dst=50:54:00:00:00:04,nw_src=10.0.0.3,nw_dst=10.0.0.4,nw_ttl=64,tp_src=1111,tp_dst=80,tcp_flags=syn", nil},
	{"spoofed", "hv1", "in_port=sw0-p1,udp,dl_src=50:54:00:00:00:99,dl_dst=50:54:00:00:00:05,nw_src=10.0.0.99,nw_dst=10.0.0.5,nw_ttl=64,udp_src=1111,udp_dst=7", nil},
	{"fragment", "hv1", "in_port=sw0-p1,udp,dl_src=50:54:00:00:00:03,dl_dst=50:54:00:00:00:05,nw_src=10.0.0.3,nw_dst=10.0.0.5,nw_ttl=64,nw_frag=later", nil},
	{"vlan", "hv1", "in_port=sw0-p1,dl_vlan=10,dl_vlan_pcp=3,udp,dl_src=50:54:00:00:00:03,dl_dst=50:54:00:00:00:05,nw_src=10.0.0.3,nw_dst=10.0.0.5,nw_ttl=64,udp_src=1111,udp_dst=7", nil},
	{"sctp", "hv1", "in_port=sw0-p1,sctp,dl_src=50:54:00:00:00:03,dl_dst=00:00:00:00:ff:01,nw_src=10.0.0.3,nw_dst=20.0.0.4,nw_ttl=64,sctp_src=1111,sctp_dst=7", nil},
	{"unknown-ethertype", "hv1", "in_port=sw0-p1,dl_src=50:54:00:00:00:03,dl_dst=50:54:00:00:00:05,dl_type=0x88cc", nil},
}
