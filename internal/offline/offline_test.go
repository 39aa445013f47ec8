package offline_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	ovncttrace "github.com/ovn-ct-trace/ovn-ct-trace"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/cli"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/offline"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/offline/cuts"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn/ovntest"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/rebuild"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv/dummy"
)

// networkNB is a switch on which web may only answer: its own packets are dropped, unless they
// belong to a connection.
const networkNB = `
ls-add sw0
lsp-add sw0 client
lsp-set-addresses client '50:54:00:00:00:03 10.0.0.3'
lsp-add sw0 web
lsp-set-addresses web '50:54:00:00:00:04 10.0.0.4'
lr-add lr0
lrp-add lr0 lr0-sw0 00:00:00:00:ff:01 10.0.0.1/24
lsp-add sw0 sw0-lr0
lsp-set-type sw0-lr0 router
lsp-set-addresses sw0-lr0 router
lsp-set-options sw0-lr0 router-port=lr0-sw0
lb-add lb0 30.0.0.1:80 10.0.0.4:8080 tcp
ls-lb-add sw0 lb0
acl-add sw0 from-lport 1001 'inport == "web" && udp' drop
acl-add sw0 to-lport 1000 'outport == "web" && udp' allow-related
`

// questions are asked live and of every archive.
var questions = []ovncttrace.Question{
	{Microflow: `inport == "web" && eth.src == 50:54:00:00:00:04 && eth.dst == 50:54:00:00:00:03 && ip4.src == 10.0.0.4 && ip4.dst == 10.0.0.3 && ip.ttl == 64 && udp.src == 53 && udp.dst == 4000`},
	{Microflow: `inport == "web" && eth.src == 50:54:00:00:00:04 && eth.dst == 50:54:00:00:00:03 && ip4.src == 10.0.0.4 && ip4.dst == 10.0.0.3 && ip.ttl == 64 && udp.src == 53 && udp.dst == 4001`},
	{From: "client", To: "30.0.0.1:80/tcp"},
}

// ask returns the verdict of each question, with the reason of the first branch.
func ask(t *testing.T, opt ovncttrace.Options) (verdicts []string, why string, err error) {
	t.Helper()
	d, err := ovncttrace.Open(t.Context(), opt)
	if err != nil {
		return nil, "", err
	}
	defer d.Close()
	for _, q := range questions {
		r, err := d.Trace(t.Context(), q)
		if err != nil {
			return nil, "", err
		}
		b := r.Packets[0].Branches[0]
		v := fmt.Sprintf("%s at %s as %v", r.Verdict, b.End.Port, b.Header.IPDst)
		if fmt.Sprint(r.Verdict) == "unknown" {
			v = "unknown"
			if b.Reason != nil {
				why = b.Reason.Text
			}
		}
		verdicts = append(verdicts, v)
	}
	return verdicts, why, nil
}

// centralOnly is what sos collects on a host with the databases of another zone, which knows hv1 as
// a chassis of elsewhere.
func centralOnly(t *testing.T) (folder string) {
	t.Helper()
	other := ovntest.New(t, "ls-add sw9\nlsp-add sw9 other")
	if _, err := other.SBCtl(t.Context(), "chassis-add hv1 geneve 127.0.0.11 -- set chassis hv1 hostname=hv1 other_config:is-remote=true"); err != nil {
		t.Fatal(err)
	}
	folder = filepath.Join(t.TempDir(), "sosreport-central")
	cmd := exec.CommandContext(t.Context(), "bash", "../../scripts/sosdump.sh", folder, "central")
	cmd.Env = append(os.Environ(), "QUICK=1", "OVS_RUNDIR=/nowhere", "OVN_RUNDIR=/nowhere", "OVN_NB_FILE="+databaseFile(other.NB, "nb.db"), "OVN_SB_FILE="+databaseFile(other.SB, "sb.db"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return folder
}

// databaseFile returns the file of a database that is served at a socket.
func databaseFile(remote, name string) string {
	return filepath.Join(filepath.Dir(strings.TrimPrefix(remote, "unix:")), name)
}

// A port that only the databases of another zone have is found where an archive of its chassis was
// given. A Northbound database that none was given of is said.
func TestOtherZone(t *testing.T) {
	folder, live := collected(t)
	bundles := []string{centralOnly(t), folder}
	got, why, err := ask(t, ovncttrace.Options{Bundles: bundles})
	if err != nil || !slices.Equal(got, live) {
		t.Errorf("%v, %v, %s; live %v", got, err, why, live)
	}
	if err := os.Remove(filepath.Join(folder, "var", "lib", "ovn", "ovnnb_db.db")); err != nil {
		t.Fatal(err)
	}
	d, err := ovncttrace.Open(t.Context(), ovncttrace.Options{Bundles: bundles})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	const lacks = "not collected: no archive with the Northbound database of its zone was given"
	r, err := d.Trace(t.Context(), questions[0])
	if err != nil || !strings.Contains(strings.Join(r.Warnings, "\n"), lacks) {
		t.Errorf("without its zone's Northbound database: %v, %v", r, err)
	}
}

// Databases whose files are missing are made of their listed rows, where each table that counts was
// listed whole. That they were is said.
func TestListed(t *testing.T) {
	folder, live := collected(t, "OVN_LISTS=1")
	for _, name := range []string{"ovnnb_db.db", "ovnsb_db.db"} {
		if err := os.Remove(filepath.Join(folder, "var", "lib", "ovn", name)); err != nil {
			t.Fatal(err)
		}
	}
	got, why, err := ask(t, ovncttrace.Options{Bundles: []string{folder}})
	if err != nil || !slices.Equal(got, live) {
		t.Errorf("%v, %v, %s; live %v", got, err, why, live)
	}
	d, err := offline.Open(t.Context(), offline.Options{Paths: []string{folder}})
	if err != nil {
		t.Fatal(err)
	}
	notes := strings.Join(d.Notes(), "\n")
	d.Close()
	if strings.Count(notes, "was made of its listed rows") != 2 {
		t.Errorf("notes: %s", notes)
	}
	list := filepath.Join(folder, "sos_commands", "ovn_central", "ovn-sbctl_list_Port_Binding")
	b, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(list, b[:len(b)-5], 0o600); err != nil {
		t.Fatal(err)
	}
	if got, _, err := ask(t, ovncttrace.Options{Bundles: []string{folder}}); err == nil {
		t.Errorf("a cut list: %v", got)
	}
}

// doctor reads the databases of a chassis of another zone out of its archive.
func TestDoctorOtherZone(t *testing.T) {
	folder, _ := collected(t)
	bundles := []string{centralOnly(t), folder}
	var out, errs strings.Builder
	cli.Run(t.Context(), []string{"doctor", "--bundle", bundles[0], "--bundle", bundles[1]}, nil, &out, &errs)
	if text := out.String(); strings.Count(text, "Southbound database at ") != 2 || strings.Count(text, "Northbound database at ") != 2 {
		t.Errorf("doctor: %s%s", text, errs.String())
	}
}

// collected is a live deployment with a connection, and what sos collects of it. env is of
// sosdump.sh.
func collected(t *testing.T, env ...string) (folder string, live []string) {
	t.Helper()
	for _, tool := range []string{"bash", "ovs-ofctl", "ovs-appctl", "ovs-vsctl", "ovs-vswitchd", "ovsdb-server", "ovsdb-tool"} {
		testenv.Tool(t, tool)
	}
	central := ovntest.New(t, networkNB)
	ovs := dummy.Start(t)
	ovs.Controller(central.SB)
	ovs.Bind("client")
	ovs.Bind("web")
	for _, wait := range []string{"wait-until logical_switch_port client up=true", "wait-until logical_switch_port web up=true", "--wait=hv sync"} {
		if _, err := central.NBCtl(t.Context(), wait); err != nil {
			t.Fatal(err)
		}
	}
	ovs.Appctl("netdev-dummy/receive", "client", "in_port(1),eth(src=50:54:00:00:00:03,dst=50:54:00:00:00:04),eth_type(0x0800),"+
		"ipv4(src=10.0.0.3,dst=10.0.0.4,proto=17,tos=0,ttl=64,frag=no),udp(src=4000,dst=53)")
	for !strings.Contains(ovs.Appctl("dpctl/dump-conntrack", "dummy@ovs-dummy"), "sport=4000") {
	}
	live, _, err := ask(t, ovncttrace.Options{SB: central.SB, NB: central.NB, OVSRunDir: ovs.RunDir})
	if err != nil {
		t.Fatal(err)
	}

	folder = filepath.Join(t.TempDir(), "sosreport-hv1")
	cmd := exec.CommandContext(t.Context(), "bash", "../../scripts/sosdump.sh", folder, "hv1")
	cmd.Env = append(os.Environ(), "OVS_RUNDIR="+ovs.RunDir, "OVS_CONF_DB="+netdev(t, filepath.Join(ovs.RunDir, "conf.db")),
		"OVN_NB_FILE="+databaseFile(central.NB, "nb.db"), "OVN_SB_FILE="+databaseFile(central.SB, "sb.db"), "OPENFLOW=OpenFlow13 OpenFlow15",
		"OVN_NB_DB="+central.NB, "OVN_SB_DB="+central.SB)
	cmd.Env = append(cmd.Env, env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	// The test's datapath has another name than a real one.
	err = filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.Contains(path, "dummy_ovs-dummy") {
			err = os.Rename(path, strings.ReplaceAll(path, "dummy_ovs-dummy", "netdev_ovs-netdev"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	manifest := filepath.Join(folder, "sos_reports", "manifest.json")
	b, err := os.ReadFile(manifest)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer("dummy_ovs-dummy", "netdev_ovs-netdev", "dummy@ovs-dummy", "netdev@ovs-netdev").Replace(string(b))
	if err := os.WriteFile(manifest, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return folder, live
}

// netdev returns a copy of a database in which the bridges are of the userspace datapath.
func netdev(t *testing.T, conf string) string {
	t.Helper()
	r, err := rebuild.Open(rebuild.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	db, err := r.OpenDB(t.Context(), "conf", conf)
	if err != nil {
		t.Fatal(err)
	}
	change := map[string]any{"op": "update", "table": "Bridge", "where": []any{}, "row": map[string]any{"datapath_type": "netdev"}}
	if err := db.Transact(t.Context(), "Open_vSwitch", change); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(db.File)
	if err != nil {
		t.Fatal(err)
	}
	fi, err := os.Stat(db.File)
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "conf.db")
	if err := os.WriteFile(out, b, 0o600); err != nil {
		t.Fatal(err)
	}
	// The time of its last change is that of its last record.
	if err := os.Chtimes(out, fi.ModTime(), fi.ModTime()); err != nil {
		t.Fatal(err)
	}
	return out
}

// copyOf copies a folder, with the times of its files.
func copyOf(t *testing.T, folder string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "sosreport-hv1")
	if out, err := exec.CommandContext(t.Context(), "cp", "-a", folder, to).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return to
}

// again checks that a chassis whose rebuilding was cancelled by one question is there for the next.
func again(t *testing.T, folder string) {
	t.Helper()
	d, err := offline.Open(t.Context(), offline.Options{Paths: []string{folder}})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.Node(ctx, "hv1"); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled rebuilding: %v", err)
	}
	if _, err := d.Node(t.Context(), "hv1"); err != nil {
		t.Errorf("after a cancelled rebuilding: %v", err)
	}
}

// Whatever is missing in an archive, an answer from it is the live one or unknown, or it is
// refused; the whole archive gives the live answer.
func TestCut(t *testing.T) {
	folder, live := collected(t)
	for _, v := range live {
		if v == "unknown" {
			t.Fatalf("live: %v", live)
		}
	}
	whole, why, err := ask(t, ovncttrace.Options{Bundles: []string{folder}})
	if err != nil || !slices.Equal(whole, live) {
		t.Fatalf("the whole archive: %v, %v, %s; live %v", whole, err, why, live)
	}
	again(t, folder)
	packed := filepath.Join(t.TempDir(), "sosreport-hv1.tar.xz")
	if out, err := exec.CommandContext(t.Context(), "tar", "-C", filepath.Dir(folder), "-cJf", packed, filepath.Base(folder)).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if whole, why, err := ask(t, ovncttrace.Options{Bundles: []string{packed}}); err != nil || !slices.Equal(whole, live) {
		t.Errorf("the packed archive: %v, %v, %s; live %v", whole, err, why, live)
	}

	kinds(t, folder, live)
	run := &cuts.Run{Folders: []string{copyOf(t, folder)}, Live: cutAnswers(live, ""), Places: places(), Seed: seed(), Again: places() / 50, Log: t.Logf}
	run.Ask = func(_ context.Context, folders []string) ([]cuts.Answer, error) {
		got, why, err := ask(t, ovncttrace.Options{Bundles: folders})
		return cutAnswers(got, why), err
	}
	count, err := run.Do(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Log(count)
	for _, w := range count.Wrong {
		t.Error(w)
	}
	if count.Files < 20 || count.Answered == 0 || count.Unknown == 0 || count.Refused == 0 {
		t.Errorf("the cuts have not all kinds of results: %s", count)
	}
}

// kinds drops and cuts all files of a kind at once, as where a plugin of sos was not run.
func kinds(t *testing.T, folder string, live []string) {
	t.Helper()
	count := map[string]int{}
	for _, pattern := range []string{"*ofctl*dump-flows_br-int", "*dump-groups_br-int", "*dump-conntrack*", "*dump-tlv-map_br-int", "ovn*_db.db"} {
		var files []string
		err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
			if ok, _ := filepath.Match(pattern, filepath.Base(path)); ok && err == nil {
				files = append(files, strings.TrimPrefix(path, folder+"/"))
			}
			return err
		})
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: no such file (%v)", pattern, err)
		}
		for what, change := range map[string]func([]byte) []byte{
			"without":    func([]byte) []byte { return nil },
			"a third of": func(b []byte) []byte { return b[:len(b)/3] },
			"the end of": func(b []byte) []byte { return b[len(b)/2:] },
			// The lines of another dump of the same table do not tell that it is cut.
			"whole lines of": func(b []byte) []byte {
				l := slices.Collect(strings.Lines(string(b)))
				return []byte(strings.Join(l[:len(l)/2], ""))
			},
		} {
			dir := copyOf(t, folder)
			for _, name := range files {
				path := filepath.Join(dir, name)
				content, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if content = change(content); content == nil {
					err = os.Remove(path)
				} else {
					err = os.WriteFile(path, content, 0o600)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			got, why, err := ask(t, ovncttrace.Options{Bundles: []string{dir}})
			os.RemoveAll(dir)
			switch {
			case err != nil:
				count["refused"]++
				t.Logf("%s %s: %v", what, pattern, err)
				continue
			case slices.Equal(got, live):
				count["answered"]++
			default:
				count["unknown"]++
			}
			for i := range got {
				if got[i] != live[i] && got[i] != "unknown" {
					t.Errorf("%s %s: question %d: %s, live %s", what, pattern, i+1, got[i], live[i])
				}
			}
			t.Logf("%s %s: %v: %s", what, pattern, got, why)
		}
	}
	t.Log(count)
}
