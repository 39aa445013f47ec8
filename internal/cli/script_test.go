package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn/ovntest"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/reporttest"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv/dummy"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"ovn-ct-trace": func() { // as cmd/ovn-ct-trace does
			ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
			status := Run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
			stop()
			os.Exit(status)
		},
	})
}

// commands are the scripts' commands beside testscript's own:
//
//	status N CMD...    CMD ends with exit status N; with "-o json", it prints what its schema allows
//	fails N CMD...     the same, and prints only "ovn-ct-trace: ..." lines on standard error, with at
//	                   most one hint, which is last
//	checkjson          standard output is a valid and consistent report (checkReport);
//	                   "checkjson -schema": any document of the schema
//	fake-ovs DIR       an ovs-vswitchd whose answers are the files "dpif-show" and "trace" of DIR;
//	                   FAKE_OVS is its run folder
//	receive PORT SRC DST SPORT DPORT FLAGS    a real TCP packet into the datapath
//	steady FILE        writes standard output to FILE without recirculation ids and versions, which
//	                   differ between runs
//	pcap FILE LINK PACKET...    a capture (capture_test.go)
//	keys               tunnel keys (capture_test.go)
//	mute               a server that accepts connections and sends nothing; MUTE is its remote
//	gone FILE          the process whose id FILE holds has ended
func commands(o *dummy.OVS) map[string]func(ts *testscript.TestScript, neg bool, args []string) {
	return map[string]func(ts *testscript.TestScript, neg bool, args []string){
		"status": func(ts *testscript.TestScript, _ bool, args []string) { status(ts, args) },
		"fails":  fails,
		"checkjson": func(ts *testscript.TestScript, _ bool, args []string) {
			check := checkReport
			if len(args) > 0 && args[0] == "-schema" {
				check = reporttest.Check
			}
			ts.Check(check([]byte(ts.ReadFile("stdout"))))
		},
		"fake-ovs": fakeOVS,
		"mute":     mute,
		"pcap":     pcap,
		"keys":     keys,
		"steady": func(ts *testscript.TestScript, _ bool, args []string) {
			ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(steady(ts.ReadFile("stdout"))), 0o600))
		},
		"gone": func(ts *testscript.TestScript, _ bool, args []string) {
			pid, err := strconv.Atoi(strings.TrimSpace(ts.ReadFile(args[0])))
			ts.Check(err)
			for i := 0; i < 100; i++ {
				if stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err != nil || strings.Contains(string(stat), ") Z ") {
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
			ts.Fatalf("process %d is left behind", pid)
		},
		"receive": func(ts *testscript.TestScript, _ bool, a []string) {
			o.Appctl("netdev-dummy/receive", a[0], fmt.Sprintf("in_port(1),eth(src=0a:00:00:00:00:01,dst=0a:00:00:00:00:02),eth_type(0x0800),"+
				"ipv4(src=%s,dst=%s,proto=6,tos=0,ttl=64,frag=no),tcp(src=%s,dst=%s),tcp_flags(%s)", a[1], a[2], a[3], a[4], a[5]))
			for i := 0; !strings.Contains(o.Appctl("dpctl/dump-conntrack"), "sport="+a[3]); i++ {
				if i == 500 {
					ts.Fatalf("the packet left no entry")
				}
				time.Sleep(10 * time.Millisecond)
			}
		},
	}
}

var (
	recircIDs    = regexp.MustCompile(`(recirc\(|recirc_id=)0x[0-9a-f]+`)
	versionTexts = regexp.MustCompile(`"(tool|ovs|kernel)": "[^"]*"`)
)

// steady numbers recirculation ids in order of appearance, and removes versions.
func steady(text string) string {
	seen := map[string]string{}
	text = recircIDs.ReplaceAllStringFunc(text, func(s string) string {
		i := strings.Index(s, "0x")
		id := s[i:]
		if seen[id] == "" {
			seen[id] = fmt.Sprintf("0x%x", len(seen)+1)
		}
		return s[:i] + seen[id]
	})
	return versionTexts.ReplaceAllString(text, `"$1": "X"`)
}

func mute(ts *testscript.TestScript, _ bool, _ []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			defer c.Close()
		}
	}()
	ts.Setenv("MUTE", "tcp:"+l.Addr().String())
}

func status(ts *testscript.TestScript, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: status N CMD...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var ee *exec.ExitError
		if !errors.As(err, &ee) {
			ts.Fatalf("%v", err)
		}
		got = ee.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
	out := ts.ReadFile("stdout")
	switch {
	case out == "" || !slices.Contains(args, "json"):
	case slices.Contains(args, "matrix"): // one document a line
		for line := range strings.Lines(out) {
			ts.Check(reporttest.Check([]byte(line)))
		}
	default:
		ts.Check(reporttest.Check([]byte(out)))
	}
}

func fails(ts *testscript.TestScript, _ bool, args []string) {
	status(ts, args)
	if out := ts.ReadFile("stdout"); out != "" {
		ts.Fatalf("standard output is not empty: %q", out)
	}
	lines := strings.Split(ts.ReadFile("stderr"), "\n")
	if n := len(lines) - 1; n < 1 || lines[n] != "" {
		ts.Fatalf("standard error does not end with a line: %q", lines)
	}
	lines = lines[:len(lines)-1]
	const prefix, hint = "ovn-ct-trace: ", "ovn-ct-trace: hint: "
	for i, l := range lines {
		switch {
		case !strings.HasPrefix(l, prefix):
			ts.Fatalf("line %d of standard error is %q", i+1, l)
		case strings.HasPrefix(l, hint) && (i == 0 || i != len(lines)-1):
			ts.Fatalf("the hint is line %d of %d", i+1, len(lines))
		case strings.HasSuffix(l, ".") && i == 0:
			ts.Fatalf("the message ends with a full stop: %q", l)
		}
	}
	// Between message and hint there may be quoted input with its mark.
	quoted := len(lines) - 1
	if strings.HasPrefix(lines[len(lines)-1], hint) {
		quoted--
	}
	if quoted != 0 && (quoted < 2 || strings.Trim(strings.TrimPrefix(lines[quoted], prefix), " ^") != "") {
		ts.Fatalf("more than a line: %q", lines)
	}
}

// run runs the scripts of a folder of testdata.
func run(t *testing.T, dir string, o *dummy.OVS, vars map[string]string) {
	testscript.Run(t, testscript.Params{
		Dir:           filepath.Join("testdata", dir),
		Cmds:          commands(o),
		UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != "",
		Setup: func(env *testscript.Env) error {
			// No settings of this machine: no run folder, no database.
			for _, name := range []string{"OVS_RUNDIR", "OVN_RUNDIR"} {
				env.Setenv(name, filepath.Join(env.WorkDir, "none"))
			}
			env.Setenv("NL", "\n")
			env.Setenv("GORACE", "atexit_sleep_ms=0") // a second for every run of the command
			env.Setenv("OVN_SB_DB", "")
			env.Setenv("OVN_NB_DB", "")
			for k, v := range vars {
				env.Setenv(k, v)
			}
			return nil
		},
	})
}

// TestPlain needs nothing but the command.
func TestPlain(t *testing.T) { run(t, "plain", nil, nil) }

// scriptFlows let p1 open TCP connections to p2 through a translation, and p2 answer; the other
// flows cause the other verdicts.
const scriptFlows = `
table=0,priority=10,in_port=1,tcp,actions=ct(zone=5,nat,table=1)
table=0,priority=10,in_port=2,tcp,actions=ct(zone=5,nat,table=2)
table=0,priority=10,in_port=1,udp,actions=LOCAL
table=0,priority=10,in_port=1,icmp,actions=CONTROLLER
table=0,priority=10,in_port=1,arp,actions=output:2,output:3
table=0,priority=10,in_port=3,tcp,actions=ct(commit,zone=6,table=3)
table=0,priority=0,actions=drop
table=1,ct_state=+trk+new,tcp,actions=ct(commit,zone=5,nat(dst=10.0.0.9:8080),exec(set_field:0x7->ct_mark),table=3)
table=1,ct_state=+trk+est,tcp,actions=resubmit(,3)
table=2,ct_state=+trk+est+rpl,ct_mark=0x7,tcp,actions=output:1
table=2,priority=0,actions=drop
table=3,actions=output:2
`

// TestOVS runs on a real ovs-vswitchd, without OVN.
func TestOVS(t *testing.T) {
	o := dummy.Start(t)
	o.Vsctl("add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=dummy", "fail-mode=secure")
	o.AddPorts("br0", map[string]int{"p1": 1, "p2": 2, "p3": 3})
	o.AddFlows("br0", scriptFlows)
	run(t, "ovs", o, map[string]string{"OVS_RUNDIR": o.RunDir, "OVS_VERSION": o.Version})
}

// scriptOVNFlows let p1 open connections to p2 at port 80, and p2 answer.
const scriptOVNFlows = `
table=0,ip,actions=ct(zone=5,table=1)
table=1,ct_state=+trk+new,in_port=1,tcp,tp_dst=80,actions=ct(commit,zone=5,table=2)
table=1,ct_state=+trk+new,in_port=1,icmp,actions=ct(commit,zone=5,table=2)
table=1,ct_state=+trk+est,actions=resubmit(,2)
table=1,priority=0,actions=drop
table=2,in_port=1,actions=output:2
table=2,in_port=2,actions=output:1
`

// scriptNB are ports that share an address, networks that share a name, and sets.
const scriptNB = `
ls-add twin1
ls-add twin2
set logical_switch twin1 external_ids:neutron\:network_name=tenant-net
set logical_switch twin2 external_ids:neutron\:network_name=tenant-net
lsp-add twin1 twin-a
lsp-set-addresses twin-a '60:54:00:00:00:01 99.0.0.1'
lsp-add twin2 twin-b
lsp-set-addresses twin-b '60:54:00:00:00:02 99.0.0.1'
set logical_switch_port blue_web-2 external_ids:neutron\:port_name=web-2
pg-add pg1 sw1-p1
pg-add nobody
create address_set name=as1 addresses="20.0.0.3"
ls-add lone
lsp-add lone lone-p1
lsp-set-addresses lone-p1 '60:54:00:00:00:07 77.0.0.3'
`

// TestOVN runs on real databases with the ports of ovntest.Topology; sw0-p1 is bound to hv1, sw1-p1
// and lone-p1 to hv2, sw0-p2 nowhere.
func TestOVN(t *testing.T) {
	d := ovntest.New(t, ovntest.Topology+scriptNB)
	ctx := context.Background()
	if out, err := d.SBCtl(ctx, "chassis-add hv1 geneve 127.0.0.11\nchassis-add hv2 geneve 127.0.0.12\nlsp-bind sw0-p1 hv1\nlsp-bind sw1-p1 hv2\nlsp-bind lone-p1 hv2"); err != nil {
		t.Fatal(err, out)
	}
	o := dummy.Start(t)
	o.Vsctl("add-br", "br-int", "--", "set", "bridge", "br-int", "datapath_type=dummy", "fail-mode=secure", "--",
		"set", "open", ".", "external_ids:system-id=hv1")
	o.AddPorts("br-int", map[string]int{"p1": 1})
	// hv2 is complete: sw1-p1 asks, blue_web-2 on the same chassis answers.
	whole := dummy.Start(t)
	whole.Vsctl("add-br", "br-int", "--", "set", "bridge", "br-int", "datapath_type=dummy", "fail-mode=secure", "external_ids:ct-zone-sw1-p1=5", "--",
		"set", "open", ".", "external_ids:system-id=hv2")
	whole.AddPorts("br-int", map[string]int{"p1": 1, "p2": 2})
	whole.Vsctl("set", "interface", "p1", "external_ids:iface-id=sw1-p1", "--", "set", "interface", "p2", "external_ids:iface-id=blue_web-2")
	whole.AddFlows("br-int", scriptOVNFlows)
	lone, err := d.NBCtl(ctx, "get logical_switch_port lone-p1 _uuid")
	if err != nil {
		t.Fatal(err)
	}
	run(t, "ovn", o, map[string]string{"LONE": strings.TrimSpace(lone), "NB": d.NB, "SB": d.SB, "RUNDIR": o.RunDir, "HV2": whole.RunDir})
}
