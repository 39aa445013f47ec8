package sosreport

import (
	"crypto/sha1"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/archive"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/rebuild"
)

const (
	flows5  = "OFPST_FLOW reply (OF1.5) (xid=0x2):\n cookie=0x1, duration=1s, table=0, n_packets=0, n_bytes=0, priority=1 actions=drop\n"
	entries = "udp,orig=(src=10.0.0.3,dst=10.0.0.4,sport=53,dport=54),reply=(src=10.0.0.4,dst=10.0.0.3,sport=54,dport=53),id=2,zone=8,status=CONFIRMED\n"
)

// all5 is bridge/dump-flows of the flows of flows5; Open vSwitch's own are in table 254.
const (
	all5 = "duration=1s, n_packets=0, n_bytes=0, n_offload_packets=0, n_offload_bytes=0, priority=1,actions=drop\n" +
		"table_id=254, duration=1s, n_packets=0, n_bytes=0, n_offload_packets=0, n_offload_bytes=0, priority=2,recirc_id=0,actions=drop\n"
	allFile = "sos_commands/openvswitch/ovs-appctl_bridge.dump-flows_--offload-stats_br-int"
)

// report writes a sosreport of these files, and opens it. A content "-> X" is a link to X.
func report(t *testing.T, files map[string]string) *archive.Tree {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "sosreport-x")
	if _, ok := files["etc/openvswitch/conf.db"]; !ok {
		files["etc/openvswitch/conf.db"] = schema
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		var err error
		if target, ok := strings.CutPrefix(text, "-> "); ok {
			err = os.Symlink(target, path)
		} else {
			err = os.WriteFile(path, []byte(text), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	tree, err := archive.Open(t.Context(), dir, nil, Reader{}.Wants, archive.DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tree.Close() })
	return tree
}

// flow5 is a line of a dump.
func flow5(table int) string {
	return fmt.Sprintf(" cookie=0x2, duration=1s, table=%d, n_packets=0, n_bytes=0, priority=1 actions=drop\n", table)
}

func read(t *testing.T, files map[string]string) *rebuild.Host {
	t.Helper()
	h, err := Reader{}.Read(report(t, files))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

const ovs = "sos_commands/openvswitch/"

// Each way in which a dump can be less than it should is seen, and named.
func TestLacks(t *testing.T) {
	for _, c := range []struct {
		name  string
		files map[string]string
		want  string // in what the flows lack; empty if they are whole
	}{
		{"whole", map[string]string{ovs + "ovs-ofctl_-O_OpenFlow15_dump-flows_br-int": flows5, allFile: all5}, ""},
		{"alone", map[string]string{ovs + "ovs-ofctl_-O_OpenFlow15_dump-flows_br-int": flows5}, "is the only dump"},
		{"of two plugins", map[string]string{ovs + "ovs-ofctl_-O_OpenFlow13_dump-flows_br-int": flows5, "sos_commands/ovn_host/ovs-ofctl_-O_OpenFlow13_dump-flows_br-int": flows5}, ""},
		{"of two plugins, one shorter", map[string]string{ovs + "ovs-ofctl_-O_OpenFlow13_dump-flows_br-int": flows5, "sos_commands/ovn_host/ovs-ofctl_-O_OpenFlow13_dump-flows_br-int": flows5 + flow5(7)}, "another dump of them"},
		{"listed", map[string]string{ovs + "ovs-ofctl_-O_OpenFlow15_dump-flows_br-int": flows5,
			"sos_reports/manifest.json": `{"components":{"report":{"plugins":{"openvswitch":{"commands":[{"exec":"ovs-ofctl -O OpenFlow15 dump-flows br-int","filepath":"` + ovs + `ovs-ofctl_-O_OpenFlow15_dump-flows_br-int","return_code":0}]}}}}}`}, ""},
		{"more replies", map[string]string{ovs + "ovs-ofctl_-O_OpenFlow15_dump-flows_br-int": strings.Replace(flows5, "0x2):", "0x2): flags=[more]", 1), allFile: all5}, "before the last of the replies"},
		{"two replies", map[string]string{ovs + "ovs-ofctl_-O_OpenFlow15_dump-flows_br-int": strings.Replace(flows5, "0x2):", "0x2): flags=[more]", 1) + flows5, allFile: all5}, ""},
		{"a later table is missing", map[string]string{ovs + "ovs-ofctl_-O_OpenFlow15_dump-flows_br-int": flows5 + flow5(3), allFile: all5 + "table_id=9, " + all5[:104]}, "in table 3 with 1 flows of it"},
		{"an earlier flow came between", map[string]string{ovs + "ovs-ofctl_-O_OpenFlow15_dump-flows_br-int": flows5 + flow5(3), allFile: all5[:104] + all5[:104] + all5[:104] + "table_id=3, " + all5}, ""},
		{"warned in a line", map[string]string{allFile: all5, ovs + "ovs-ofctl_dump-flows_br-int": flows5[:60] + "2026-11-29T23:03:16Z|00018|timeval|WARN|Unreasonably long 1023ms poll interval\n" +
			"2026-11-29T23:03:16Z|00019|coverage|INFO|Skipping details\n" + flows5[60:]}, ""},
		{"warned at the end", map[string]string{allFile: all5, ovs + "ovs-ofctl_dump-flows_br-int": strings.TrimSuffix(flows5, "\n") + "2026-11-29T23:03:16Z|00018|timeval|WARN|long\n"}, "in the middle of a line"},
		{"warned", map[string]string{allFile: all5, ovs + "ovs-ofctl_dump-flows_br-int": "2026-11-29T18:14:40Z|00001|vconn|WARN|version\n" + flows5}, ""},
		{"absent", map[string]string{ovs + "ovs-ofctl_dump-flows_br-ex": flows5}, "has no output of"},
		{"empty", map[string]string{ovs + "ovs-ofctl_dump-flows_br-int": ""}, "is empty"},
		{"message", map[string]string{ovs + "ovs-ofctl_dump-flows_br-int": "ovs-ofctl: br-int is not a bridge or a socket\n"}, "error message instead: ovs-ofctl: br-int is not a bridge"},
		{"torn", map[string]string{ovs + "ovs-ofctl_dump-flows_br-int": strings.TrimSuffix(flows5, "\n")}, "ends in the middle of a line"},
		{"headless", map[string]string{ovs + "ovs-ofctl_dump-flows_br-int": flows5[40:]}, "the beginning of"},
		{"tailed", map[string]string{
			ovs + "ovs-ofctl_dump-flows_br-int":                          "-> ../../sos_strings/openvswitch/ovs-ofctl_dump-flows_br-int.tailed",
			"sos_strings/openvswitch/ovs-ofctl_dump-flows_br-int.tailed": flows5,
		}, "only the end"},
		{"truncated", map[string]string{
			ovs + "ovs-ofctl_dump-flows_br-int": flows5,
			"sos_reports/manifest.json":         `{"components":{"report":{"plugins":{"openvswitch":{"commands":[{"exec":"/usr/bin/ovs-ofctl dump-flows br-int","filepath":"` + ovs + `ovs-ofctl_dump-flows_br-int","truncated":true,"return_code":0}]}}}}}`,
		}, "only the end"},
		{"fewer", map[string]string{
			ovs + "ovs-ofctl_-O_OpenFlow15_dump-flows_br-int": flows5,
			ovs + "ovs-ofctl_-O_OpenFlow13_dump-flows_br-int": strings.TrimSuffix(flows5+flows5[36:], "\n"),
			ovs + "ovs-ofctl_-O_OpenFlow10_dump-flows_br-int": flows5 + flows5[36:] + flows5[36:80],
		}, "another dump of them"},
		{"fullest", map[string]string{
			ovs + "ovs-ofctl_-O_OpenFlow15_dump-flows_br-int": flows5,
			ovs + "ovs-ofctl_-O_OpenFlow13_dump-flows_br-int": flows5 + flows5[36:],
		}, ""},
	} {
		b := read(t, c.files).Bridge("br-int")
		got := b.Flows.Lacks()
		if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		if c.name == "fullest" && b.Flows.Count != 2 {
			t.Errorf("the dump with %d flows was taken", b.Flows.Count)
		}
	}
}

// The connections are all there if nothing speaks against it.
func TestConnections(t *testing.T) {
	dump, stats := ovs+"ovs-appctl_dpctl.dump-conntrack_-m_netdev_ovs-netdev", ovs+"ovs-appctl_dpctl.ct-stats-show_-m_netdev_ovs-netdev"
	manifest := `{"components":{"report":{"plugins":{"openvswitch":{"commands":[{"exec":"ovs-appctl dpctl/dump-conntrack -m netdev@ovs-netdev","filepath":"` + dump + `","return_code":0}]}}}}}`
	for _, c := range []struct {
		name, dump, stats, manifest, want string
	}{
		{"counted", entries, "Connections Stats:\n    Total: 1\n", "", ""},
		{"fewer", entries, "Connections Stats:\n    Total: 2\n", "", "has counted 2"},
		{"not counted", entries, "", "", ""},
		{"none, counted", "", "    Total: 0\n", "", ""},
		{"none, listed", "", "", manifest, ""},
		{"none", "", "", "", "nothing else says"},
		{"torn", entries[:60], "", "", "in the middle of a line"},
		{"headless", entries[60:], "", "", "not one of its items"},
		{"message", "ovs-appctl: cannot read pidfile\n", "", "", "error message instead"},
	} {
		files := map[string]string{dump: c.dump}
		if c.stats != "" {
			files[stats] = c.stats
		}
		if c.manifest != "" {
			files["sos_reports/manifest.json"] = c.manifest
		}
		got := read(t, files).Conntrack("netdev@ovs-netdev").Lacks()
		if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// A cleaned report, one with nothing of use, and a cut database are refused.
func TestRefused(t *testing.T) {
	var cleaned *CleanedError
	_, err := Reader{}.Read(report(t, map[string]string{ovs + "ovs-vsctl_-t_5_list_interface": "mac_in_use : \"53:4f:53:00:00:01\"\n"}))
	if !errors.As(err, &cleaned) {
		t.Errorf("a cleaned report: %v", err)
	}
	one := strings.Repeat("x", 100_000) + `"mac":"53:4f:53:00:00:01"`
	if _, err = (Reader{}).Read(report(t, map[string]string{ovs + "x": "", "var/lib/ovn/ovnsb_db.db": one})); !errors.As(err, &cleaned) {
		t.Errorf("a cleaned database: %v", err)
	}
	if _, err := (Reader{}).Read(report(t, map[string]string{"etc/openvswitch/conf.db": "-> /nowhere", ovs + "x": ""})); err == nil {
		t.Error("a report without a database is read")
	}
	for content, want := range map[string]string{
		schema + "OVSDB JSON 20 da39\n{}": "after record 1",
		schema + "OVSDB JS":               "after record 1",
		"":                                "is empty",
		"text":                            "does not begin",
		schema:                            "",
	} {
		h := read(t, map[string]string{"etc/openvswitch/conf.db": content, "var/lib/ovn/ovnsb_db.db": schema})
		if got := h.Conf.Lacks(); (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%q: %q, want %q", content, got, want)
		}
	}
	h := read(t, map[string]string{"var/lib/ovn/ovnsb_db.db": "OVSDB JSON 20 da39\n{}"})
	if notes := strings.Join(h.Notes, "; "); !strings.Contains(notes, "ovnsb_db.db ends in the middle") || strings.Contains(notes, "ovnnb_db.db") {
		t.Errorf("a torn database and one that is not there: %q", notes)
	}
}

// schema is the first record of a database's file.
const schema = "OVSDB JSON 19 cf9cd71b5fea590363ebdbd02846db74b36978e4\n{\"tables\":{\"T\":{}}}"

// A database's file whose last record is from before its last change has lost its end. A time after
// the collection is that of a copy.
func TestOlder(t *testing.T) {
	const record = `{"Bridge":{},"_date":1700000000000,"_comment":"x"}`
	at := time.UnixMilli(1700000000000)
	for _, c := range []struct {
		changed time.Time
		want    string
	}{{at, ""}, {at.Add(time.Second), ""}, {at.Add(4 * time.Second), "its end is missing"}, {at.Add(time.Minute), "its end is missing"}, {at.Add(time.Hour), ""}} {
		tree := report(t, map[string]string{
			"etc/openvswitch/conf.db":   schema + fmt.Sprintf("OVSDB JSON %d %x\n%s", len(record), sha1.Sum([]byte(record)), record),
			"sos_reports/manifest.json": fmt.Sprintf(`{"components":{"report":{"plugins":{"x":{"commands":[{"exec":"date","filepath":"x","end_time":%d}]}}}}}`, at.Unix()+600),
		})
		file := filepath.Join(tree.From, "etc/openvswitch/conf.db")
		if err := os.Chtimes(file, c.changed, c.changed); err != nil {
			t.Fatal(err)
		}
		tree, err := archive.Open(t.Context(), tree.From, nil, Reader{}.Wants, archive.DefaultLimits)
		if err != nil {
			t.Fatal(err)
		}
		defer tree.Close()
		h, err := Reader{}.Read(tree)
		if err != nil {
			t.Fatal(err)
		}
		if got := h.Conf.Lacks(); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("changed %v: %q, want %q", c.changed, got, c.want)
		}
	}
}

// What sos is told of the host is read.
func TestFacts(t *testing.T) {
	h := read(t, map[string]string{
		"hostname":                            "hv1\n",
		"sos_commands/kernel/uname_-a":        "Linux hv1 6.1.0-13-amd64 #1 SMP x86_64 GNU/Linux\n",
		"uname":                               "-> sos_commands/kernel/uname_-a",
		"sos_commands/kernel/sysctl_-a":       strings.Repeat("net.ipv4.conf.tap0123456.accept_local = 0\n", 200_000) + "net.netfilter.nf_conntrack_max = 262144\nkernel.x = 1\nnet.netfilter.nf_conntrack_tcp_loose = 1\n",
		"installed-rpms":                      "openvswitch3.1-3.1.0-10.el9fdp.x86_64     Mon\novn23.03-host-23.03.1-7.el9fdp.x86_64   Mon\n",
		ovs + "ovs-vsctl_-t_5_list_interface": "_uuid    : 1\nname     : \"p1\"\nofport   : 3\nbfd_status: {forwarding=\"true\"}\n\n_uuid : 2\nname : p2\nofport : 4",
	})
	if h.Hostname != "hv1" || h.Kernel != "6.1.0-13-amd64" || h.OVS != "3.1.0" || h.OVN != "23.03.1" || len(h.Sysctls) != 2 || h.Sysctls["net.netfilter.nf_conntrack_max"] != "262144" {
		t.Errorf("%+v", h)
	}
	if len(h.Interfaces) != 1 || h.Interfaces[0]["ofport"] != "3" || h.Interfaces[0]["bfd_status"] != `{forwarding="true"}` || h.InterfacesLack == "" {
		t.Errorf("interfaces: %v, %q", h.Interfaces, h.InterfacesLack)
	}
}

// What a program logs is no part of its output, and parts no line.
func TestSpoken(t *testing.T) {
	tree := report(t, map[string]string{ovs + "ovs-ofctl_dump-flows_br-int": flows5[:60] + "2026-11-29T23:03:16.123Z|00018|timeval|WARN|x\n" + flows5[60:]})
	h, err := Reader{}.Read(tree)
	if err != nil {
		t.Fatal(err)
	}
	in, err := h.Bridge("br-int").Flows.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if b, err := io.ReadAll(in); err != nil || string(b) != flows5 {
		t.Errorf("%q, %v", b, err)
	}
}

func TestMangle(t *testing.T) {
	for cmd, want := range map[string]string{
		"ovs-appctl dpctl/dump-conntrack -m system@ovs-system": "ovs-appctl_dpctl.dump-conntrack_-m_system_ovs-system",
		"/usr/sbin/ip -o addr":                                 "ip_-o_addr",
		"ovs-vsctl -t 5 list interface":                        "ovs-vsctl_-t_5_list_interface",
	} {
		if got := Mangle(cmd); got != want {
			t.Errorf("%s: %s, want %s", cmd, got, want)
		}
	}
}

func FuzzRows(f *testing.F) {
	f.Add("_uuid : 1\nname : \"p1\"\n\n_uuid : 2\n")
	f.Fuzz(func(t *testing.T, text string) {
		rows, err := parseRows(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			if len(r) == 0 {
				t.Errorf("%q has an empty row", text)
			}
		}
	})
}

// FuzzPart: whatever a file holds, checking it ends, and what is whole has its newline.
func FuzzPart(f *testing.F) {
	f.Add(flows5)
	f.Add(entries)
	f.Fuzz(func(t *testing.T, text string) {
		h := read(t, map[string]string{ovs + "ovs-ofctl_dump-flows_br-int": text})
		if strings.HasPrefix(text, "-> ") {
			return
		}
		if p := h.Bridge("br-int").Flows; p.Lacks() == "" && !strings.HasSuffix(text, "\n") {
			t.Errorf("%q is whole", text)
		}
	})
}
