package deployment

import (
	"io/fs"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/offline"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/usage"
)

// DefaultTimeout bounds a run whose Options have no Timeout.
const DefaultTimeout = time.Minute

// Options are the parts of a deployment and how they are reached. The public package ovncttrace has
// the same fields and documents them; it converts its type into this one.
type Options struct {
	SB, NB                          string
	NBOf                            map[string]string
	PrivateKey, Certificate, CACert string
	AnyMember                       bool
	NodeCommand                     string
	Push, PushKeep                  bool
	PushBinary                      []string
	Kube                            string
	KubeContext                     string
	KubeNamespace, KubeSelector     string
	KubeContainer                   string
	Nodes                           map[string]string
	OVSRunDir                       string
	Timeout                         time.Duration
	MaxDump                         int
	// Bundles are archives from which the deployment is rebuilt, instead of a live one; with KeepRoom
	// the rebuilt one is left behind.
	Bundles  []string
	KeepRoom bool

	offline *offline.Deployment // set by Rebuild
}

// Check refuses invalid options; errors name them by their flags.
func (o Options) Check() error {
	for flag, list := range map[string]string{"--sb": o.SB, "--nb": o.NB} {
		if name, byNode := strings.CutPrefix(list, nodeRemote); list == "" || byNode && name != "" && !strings.Contains(name, ",") && flag == "--sb" {
			continue
		}
		if err := o.checkRemotes(flag, list); err != nil {
			return err
		}
	}
	for chassis, list := range o.NBOf {
		if chassis == "" || list == "" {
			return usage.Errorf("--nb-of hv4=tcp:HOST:6641", "--nb-of %q is not CHASSIS=REMOTES", chassis+"="+list)
		}
		if err := o.checkRemotes("--nb-of", list); err != nil {
			return err
		}
	}
	served := isServed(o.NodeCommand)
	for chassis, target := range o.Nodes {
		if _, _, err := cutTarget(chassis, target); err != nil {
			return err
		}
		served = served || isServed(target)
	}
	if err := o.checkServed(served); err != nil {
		return err
	}
	if o.NodeCommand != "" && !isServed(o.NodeCommand) {
		if _, err := node.SplitCommand(o.NodeCommand); err != nil {
			return &usage.Error{Msg: "--node-cmd: " + err.Error(), Err: err}
		}
	}
	if err := o.checkBundles(); err != nil {
		return err
	}
	if err := o.checkPush(); err != nil {
		return err
	}
	if o.Timeout < 0 {
		return usage.Errorf("--timeout 30s", "timeout %v is not positive", o.Timeout)
	}
	return nil
}

// checkBundles refuses archives beside parts of a live deployment, and those that cannot be opened.
func (o Options) checkBundles() error {
	if len(o.Bundles) > 0 && (o.SB != "" || o.NB != "" || len(o.NBOf) > 0 || o.NodeCommand != "" || o.Kube != "" || o.pushes() || len(o.Nodes) > 0 || o.OVSRunDir != "") {
		return usage.Errorf("leave out --sb, --nb, --nb-of, --node, --node-cmd, --kube, --push and --ovs-rundir", "--bundle is the whole deployment: no part of a live one is asked beside it")
	}
	for _, path := range o.Bundles {
		if path == "" {
			return usage.Errorf("--bundle PATH", "--bundle names no archive")
		}
		_, err := os.Stat(path)
		if err == nil {
			if denied := unix.Access(path, unix.R_OK); denied != nil {
				err = &fs.PathError{Op: "open", Path: path, Err: denied}
			}
		}
		if err != nil {
			return &usage.Error{Msg: "--bundle: " + err.Error(), Err: err}
		}
	}
	return nil
}

// checkRemotes refuses malformed remotes, and ssl: remotes without the authority's certificate.
func (o Options) checkRemotes(flag, list string) error {
	if err := checkForm(flag, list); err != nil {
		return err
	}
	if o.CACert == "" && strings.Contains(","+strings.ReplaceAll(list, " ", ""), ",ssl:") {
		return usage.Errorf("-C FILE, or -C none", "%s: an ssl: remote needs the certificate of an authority", flag)
	}
	return nil
}

// checkForm refuses malformed remotes.
func checkForm(flag, list string) error {
	for _, r := range strings.Split(list, ",") {
		kind, rest, _ := strings.Cut(strings.TrimSpace(r), ":")
		if kind != "unix" && kind != "tcp" && kind != "ssl" || rest == "" {
			return usage.Errorf("unix:FILE, tcp:HOST:PORT or ssl:HOST:PORT", "%s: %q is no database remote", flag, r)
		}
	}
	return nil
}

// cutTarget splits a way to reach a node, "local", "exec:COMMAND" or "tls:HOST:PORT", into its kind
// and its argument.
func cutTarget(chassis, target string) (kind, arg string, err error) {
	kind, arg, _ = strings.Cut(target, ":")
	switch {
	case chassis == "" || target == "":
		return "", "", usage.Errorf("--node hv1=local or --node 'hv1=exec:ssh hv1 ovn-ct-trace node stdio'",
			"--node %q is not CHASSIS=TARGET", chassis+"="+target)
	case kind == "tls":
		return kind, arg, checkServedAddr("--node "+chassis+"="+target, arg)
	case target != "local" && kind != "exec":
		return "", "", usage.Errorf("local, exec:COMMAND or tls:HOST:PORT", "--node %q: no way to reach a node is called %q",
			chassis+"="+target, kind)
	}
	return kind, arg, nil
}

// checkRemoteEnv refuses malformed remotes in the environment where no option overrides them. An
// ssl: remote that cannot be connected to is refused only for the Southbound database: a trace needs
// no other.
func (o Options) checkRemoteEnv() error {
	for name, given := range map[string]string{"OVN_SB_DB": o.SB, "OVN_NB_DB": o.NB} {
		list := os.Getenv(name)
		if given != "" || list == "" {
			continue
		}
		check := checkForm
		if name == "OVN_SB_DB" && len(o.Bundles) == 0 {
			check = o.checkRemotes
		}
		if err := check(name, list); err != nil {
			return err
		}
	}
	return nil
}

// southbound and northbound return how the two databases are reached.
func (o Options) southbound() ovsdb.Options {
	return o.database(remotes(o.SB, "OVN_SB_DB", "ovnsb_db.sock"))
}

func (o Options) northbound() ovsdb.Options {
	return o.database(remotes(o.NB, "OVN_NB_DB", "ovnnb_db.sock"))
}

// database returns how a database at remotes is reached.
func (o Options) database(remotes string) ovsdb.Options {
	return ovsdb.Options{
		Remotes: remotes, PrivateKey: o.PrivateKey, Certificate: o.Certificate, CACert: o.CACert,
		LeaderOnly: !o.AnyMember,
	}
}

// remotes returns the remotes given, else those of the environment, else the usual socket.
func remotes(given, env, file string) string {
	if given != "" {
		return given
	}
	if v := os.Getenv(env); v != "" {
		return v
	}
	dir := os.Getenv("OVN_RUNDIR")
	if dir == "" {
		dir = "/var/run/ovn"
	}
	return "unix:" + dir + "/" + file
}

// Bound returns Timeout, or its default where that is 0.
func (o Options) Bound() time.Duration {
	if o.Timeout == 0 {
		return DefaultTimeout
	}
	return o.Timeout
}
