package ovncttrace_test

import (
	"errors"
	"flag"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"sync"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn/ovntest"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv/dummy"
)

// examplesVar is set where the examples have a deployment to run on.
const examplesVar = "CT_TRACE_EXAMPLES"

// TestMain leaves the examples to TestExamples, which makes the deployment that they run on. It is
// also a node of TestPartial.
func TestMain(m *testing.M) {
	if how := os.Getenv(dyingVar); how != "" {
		dyingNode(how)
		os.Exit(0)
	}
	flag.Parse()
	if os.Getenv(examplesVar) == "" {
		if err := flag.Set("test.skip", "^Example"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

// exampleNB is the network of the examples.
const exampleNB = `
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
--name=no-ssh acl-add sw0 to-lport 1000 'outport == "web" && tcp.dst == 22' drop
`

// network brings up a real OVN of one chassis with Open vSwitch's dummy datapath, and sets the
// environment so that it is the deployment of empty Options.
func network(t *testing.T) (*ovntest.Deployment, *dummy.OVS) {
	t.Helper()
	central := ovntest.New(t, exampleNB)
	ovs := dummy.Start(t)
	ovs.Controller(central.SB)
	ovs.Bind("client")
	ovs.Bind("web")
	for _, wait := range []string{"wait-until logical_switch_port client up=true", "wait-until logical_switch_port web up=true", "--wait=hv sync"} {
		if _, err := central.NBCtl(t.Context(), wait); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("OVN_SB_DB", central.SB)
	t.Setenv("OVN_NB_DB", central.NB)
	t.Setenv("OVS_RUNDIR", ovs.RunDir)
	return central, ovs
}

// exampleLine is what the testing package prints of an example.
var exampleLine = regexp.MustCompile(`(?m)^--- PASS: (Example\w+)`)

// TestExamples runs the examples in a process of their own.
func TestExamples(t *testing.T) {
	network(t)
	cmd := exec.Command(os.Args[0], "-test.run=^Example", "-test.v")
	cmd.Env = append(os.Environ(), examplesVar+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var passed []string
	for _, m := range exampleLine.FindAllStringSubmatch(string(out), -1) {
		passed = append(passed, m[1])
	}
	slices.Sort(passed)
	if want := []string{"ExampleDeployment_Session", "ExampleDeployment_Trace", "ExampleError"}; !slices.Equal(passed, want) {
		t.Errorf("ran %v, want %v\n%s", passed, want, out)
	}
}

// TestDeploymentStaysTrue: concurrent questions of one deployment do not see each other's entries,
// and each sees what has changed since the last one.
func TestDeploymentStaysTrue(t *testing.T) {
	central, ovs := network(t)
	d, err := ovncttrace.Open(t.Context(), ovncttrace.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	https := ovncttrace.Question{From: "client", To: "web:443/tcp"}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if r, err := d.Session(t.Context(), https); err != nil || !r.Established() {
				t.Error(err, ovncttrace.Text(r))
			}
			r, err := d.Trace(t.Context(), https)
			if err != nil || !r.Delivered("web") {
				t.Error(err, ovncttrace.Text(r))
				return
			}
			if ct := r.Packets[0].Hops[0].Segments[0].CT; len(ct) == 0 || ct[0].Found != "none" {
				t.Errorf("first look-up: %+v", ct)
			}
		})
	}
	wg.Wait()
	// A rule, and a port with its interface, added after the deployment was opened.
	nb := func(command string) {
		if _, err := central.NBCtl(t.Context(), command); err != nil {
			t.Fatal(err)
		}
	}
	nb("--wait=hv --name=no-https acl-add sw0 to-lport 1000 'tcp.dst == 443' drop")
	if r, err := d.Trace(t.Context(), https); err != nil || !r.DroppedBy("ACL", "no-https") {
		t.Error(err, ovncttrace.Text(r))
	}
	nb("lsp-add sw0 db\nlsp-set-addresses db '50:54:00:00:00:05 10.0.0.5'")
	ovs.Bind("db")
	nb("wait-until logical_switch_port db up=true")
	nb("--wait=hv sync")
	if r, err := d.Trace(t.Context(), ovncttrace.Question{From: "client", To: "db:80/tcp"}); err != nil || !r.Delivered("db") {
		t.Error(err, ovncttrace.Text(r))
	}
	nb("--wait=hv lsp-del web")
	_, err = d.Trace(t.Context(), https)
	checkKind(t, "a port that is gone", err, ovncttrace.BadInput)
}

// TestKinds: wrong input and unreachable databases have their kinds; wrong input is found before
// anything is connected.
func TestKinds(t *testing.T) {
	gone := "tcp:127.0.0.1:1"
	for _, c := range []struct {
		name string
		opt  ovncttrace.Options
		want ovncttrace.Kind
	}{
		{"no remote", ovncttrace.Options{SB: "nonsense"}, ovncttrace.BadInput},
		{"no way to a node", ovncttrace.Options{SB: gone, Nodes: map[string]string{"hv1": "pigeon:x"}}, ovncttrace.BadInput},
		{"no command", ovncttrace.Options{SB: gone, NodeCommand: "ssh '"}, ovncttrace.BadInput},
		{"no time", ovncttrace.Options{SB: gone, Timeout: -1}, ovncttrace.BadInput},
		{"no zone", ovncttrace.Options{SB: gone, NBOf: map[string]string{"hv4": ""}}, ovncttrace.BadInput},
		{"nobody there", ovncttrace.Options{SB: gone, NB: gone}, ovncttrace.Unreachable},
	} {
		_, err := ovncttrace.Open(t.Context(), c.opt)
		checkKind(t, c.name, err, c.want)
	}
}

func checkKind(t *testing.T, name string, err error, want ovncttrace.Kind) {
	t.Helper()
	var e *ovncttrace.Error
	if !errors.As(err, &e) || e.Kind != want {
		t.Errorf("%s: %v, want it %v", name, err, want)
	}
}
