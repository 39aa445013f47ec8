package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/guest"
)

// command is one subcommand; inside marks those that run within an instance.
type command struct {
	name, help string
	run        func(ctx context.Context, args []string) error
}

func commands() []command {
	return []command{
		{"up", "boot an instance with the topology up, and keep it", cmdUp},
		{"down", "end the kept instance", cmdDown},
		{"exec", "run a command in the kept instance: exec CMD ARGS...", cmdExec},
		{"oracle", "predict the cases, send their packets and compare: oracle [-case NAME] [-feature F] [-each N] [-newer] [-random N -seed S] [-labs N] [-results FILE] [-reality]", cmdOracle},
		{"offline", "run cases as oracle does, and ask each question also from archives: sosreports, our own bundles, must-gathers: offline [-case NAME] [-archives RE]", cmdOffline},
		{"cuts", "cut the files of archives of the lab, of which no answer may differ from the live one: cuts [-archives RE] [-places N] [-seed S] [-folders RE] [-files RE] [-v]", cmdCuts},
		{"campaign", "inject faults, ask the tool about each, and mend them: campaign [-faults N] [-seed S] [-kinds RE] [-archives RE [-archived RE]] [-tool \"\"]", cmdCampaign},
		{"debugging", "make the faults of docs/debugging.md, and check that the commands there find them: debugging [-update]", cmdDebugging},
		{"coverage", "summarize several runs of the oracle: coverage [-o FILE] RESULTS...", cmdCoverage},
		{"demo", "run the tool on examples", inside("demo")},
		{"doctor", "run the tool's doctor, which must find no error or warning", inside("doctor")},
		{"conn", "play connections and compare what the tool's conn says of them", inside("conn")},
		{"why", "put faults into the lab, which the tool's why must name, and mend: why [-case NAME] [-show]", inside("why")},
		{"verify", "run the tool's capture and verify, and check their answers", inside("verify")},
		{"matrix", "ask for every pair of the lab, and compare with trace and with packets: matrix [-traces N] [-sent N] [-seed S]", inside("matrix")},
		{"privileges", "run commands whose node side is not root, or root without capabilities", inside("privileges")},
		{"serve", "run node serve on every chassis, and cases, refusals and a graceful end through it: serve [-case RE]", inside("serve")},
		{"nat", "run the tool's nat after healthy traffic and after faults: nat [-each N] [-case NAME]", inside("nat")},
		{"whatif", "let the tool predict changes, make them under live connections, and compare: whatif [-changes N] [-seed S] [-kinds RE] [-offline]", inside("whatif")},
		{"nodes", "ask over chassis where the tool is not installed, by --push and --kube, and over one that does not answer", inside("nodes")},
		{"zones", "in a lab of one zone a node: ask conn, nat, doctor and why about a connection between zones", inside("zones")},
		{"shell", "a shell in the lab", cmdShell},
		{"bench", "compare the time of the demo's trace with that of its ofproto/trace calls: bench [-rounds N]", inside("bench")},
		{"lab-up", "(inside) bring the topology up", cmdLabUp},
		{"lab-down", "(inside) take the topology down", cmdLabDown},
		{"capture", "(inside) write the parsers' corpus below a folder", cmdCapture},
		{"cases", "(inside) run oracle cases", cmdCases},
		{"fault", "(inside) make a fault of docs/debugging.md, or mend it: fault [-mend] NAME", cmdFault},
		{"inside-debugging", "(inside) the faults and commands of docs/debugging.md", cmdInsideDebugging},
		{"inside-campaign", "(inside) the campaign", cmdInsideCampaign},
		{"inside-conn", "(inside) the connections", cmdInsideConn},
		{"inside-cuts", "(inside) the cut archives", cmdInsideCuts},
		{"inside-demo", "(inside) the demo", cmdInsideDemo},
		{"inside-doctor", "(inside) the tool's doctor", cmdInsideDoctor},
		{"inside-why", "(inside) the faults that why must name", cmdInsideWhy},
		{"inside-verify", "(inside) the tool's capture and verify", cmdInsideVerify},
		{"inside-matrix", "(inside) the tool's matrix", cmdInsideMatrix},
		{"inside-privileges", "(inside) the node side with few privileges", cmdInsidePrivileges},
		{"inside-serve", "(inside) the tool's node serve", cmdInsideServe},
		{"inside-nat", "(inside) the tool's nat", cmdInsideNAT},
		{"inside-whatif", "(inside) the changes", cmdInsideWhatIf},
		{"inside-nodes", "(inside) the ways to the nodes", cmdInsideNodes},
		{"inside-zones", "(inside) the connection between zones", cmdInsideZones},
		{"inside-bench", "(inside) the measurement", cmdInsideBench},
		{"inside-shell", "(inside) the shell", cmdInsideShell},
		{"agent", "(inside) run commands for the host", cmdAgent},
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) > 0 {
		for _, c := range commands() {
			if c.name == args[0] {
				return c.run(ctx, args[1:])
			}
		}
	}
	fmt.Fprintln(os.Stderr, "usage: labctl COMMAND [ARGS...]")
	for _, c := range commands() {
		fmt.Fprintf(os.Stderr, "  %-16s %s\n", c.name, c.help)
	}
	return &guest.ExitError{Code: 2}
}

// config finds the checkout and the cache from the environment.
func config() (guest.Config, error) {
	exe, err := os.Executable()
	if err != nil {
		return guest.Config{}, err
	}
	checkout, err := findCheckout()
	if err != nil {
		return guest.Config{}, err
	}
	cache := os.Getenv("CT_TRACE_CACHE")
	if cache == "" {
		cache = filepath.Join(checkout, ".cache")
	}
	if cache, err = filepath.Abs(cache); err != nil {
		return guest.Config{}, err
	}
	name := os.Getenv("CT_TRACE_LAB_NAME")
	if name == "" {
		name = "default"
	}
	mode := os.Getenv("CT_TRACE_LAB")
	if mode != "" && mode != guest.ModeDirect && mode != guest.ModeGuest {
		return guest.Config{}, fmt.Errorf("CT_TRACE_LAB=%s: want direct or guest", mode)
	}
	switch topology := os.Getenv(topologyVar); topology {
	case "":
	case kube:
		name += "-" + kube
	default:
		return guest.Config{}, fmt.Errorf("%s=%s: want nothing or %s", topologyVar, topology, kube)
	}
	datapath := os.Getenv(datapathVar)
	switch datapath {
	case "", "system":
	case lab.Userspace:
		if mode == guest.ModeGuest {
			return guest.Config{}, fmt.Errorf("%s=%s needs no guest: CT_TRACE_LAB must not ask for one", datapathVar, datapath)
		}
		name, mode = name+"-"+datapath, guest.ModeDirect
	default:
		return guest.Config{}, fmt.Errorf("%s=%s: want system or userspace", datapathVar, datapath)
	}
	return guest.Config{Name: name, Cache: cache, Checkout: checkout, Mode: mode, Labctl: exe, Kernel: os.Getenv("CT_TRACE_KERNEL"), NoModules: datapath == lab.Userspace, Progress: os.Stderr}, nil
}

// datapathVar is the environment variable with the datapath of the lab's chassis, on the host and
// in the instance.
const datapathVar = "CT_TRACE_DATAPATH"

// topologyVar is the environment variable with the lab's topology, on the host and in the instance:
// empty for the base, or kube.
const topologyVar = "CT_TRACE_LAB_TOPOLOGY"

// kube is the value of topologyVar for lab.Kube.
const kube = "kube"

// base returns the topology of the lab for the datapath in datapathVar.
func base() *lab.Topology {
	if os.Getenv(topologyVar) == kube {
		if os.Getenv(datapathVar) == lab.Userspace {
			return lab.Kube(lab.Userspace)
		}
		return lab.Kube(lab.System)
	}
	if os.Getenv(datapathVar) == lab.Userspace {
		return lab.BaseOn(lab.Userspace)
	}
	return lab.Base()
}

// findCheckout returns the folder of go.mod: the working directory or one above it.
func findCheckout() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("not in a checkout: no go.mod here or in a folder above")
		}
		dir = up
	}
}

func cmdUp(ctx context.Context, args []string) error {
	os.Setenv("CT_TRACE_LAB_KEEP", "1")
	_, err := open(ctx)
	return err
}

func cmdDown(ctx context.Context, args []string) error {
	cfg, err := config()
	if err != nil {
		return err
	}
	in, err := guest.Find(ctx, cfg)
	if errors.Is(err, guest.ErrNotRunning) {
		return nil
	}
	if err != nil {
		return err
	}
	return in.Stop()
}

func cmdExec(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errors.New("exec: no command")
	}
	cfg, err := config()
	if err != nil {
		return err
	}
	in, err := guest.Find(ctx, cfg)
	if err != nil {
		return err
	}
	if strings.HasSuffix(args[0], ".test") { // go test -exec: the binary was built after the boot
		shipped := filepath.Join(cfg.Share(), "bin", filepath.Base(args[0]))
		if err := guest.CopyFile(args[0], shipped); err != nil {
			return err
		}
		args = append([]string{shipped}, args[1:]...)
	}
	dir, _ := os.Getwd()
	st, err := os.Stdin.Stat()
	// The lab's databases, and how its nodes are reached, for programs that are told by these.
	env := append(passEnv(), "NODE_CMD="+nodeCmd())
	if z := base().Zone(""); z.On == "" {
		env = append(env, "OVN_NB_DB="+z.NB(), "OVN_SB_DB="+z.SB())
	}
	cmd := guest.Command{Argv: args, Dir: dir, Env: env, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}
	cmd.TTY = err == nil && st.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != ""
	return in.Run(ctx, cmd)
}

func cmdAgent(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("agent", flag.ContinueOnError)
	listen := fs.String("listen", "", "tcp:HOST:PORT or unix:PATH")
	token := fs.String("token", "", "file holding the token")
	if err := fs.Parse(args); err != nil {
		return &guest.ExitError{Code: 2}
	}
	b, err := os.ReadFile(*token)
	if err != nil {
		return err
	}
	network, addr, _ := strings.Cut(*listen, ":")
	l, err := net.Listen(network, addr)
	if err != nil {
		return err
	}
	a := &guest.Agent{Token: strings.TrimSpace(string(b)), Log: os.Stderr}
	return a.Serve(ctx, l)
}
