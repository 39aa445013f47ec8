package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/kube/kubetest"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab"
)

// bare makes a poor host of a chassis: the tool's folder is hidden, and the usual places of
// temporary files run no programs.
const bare = `mount -t tmpfs tmpfs ` + remoteBin + ` && mount -t tmpfs -o noexec tmpfs /tmp && mount -t tmpfs -o noexec tmpfs /dev/shm && exec "$@"`

// way returns the words that open a way to a chassis where nothing is installed.
func way(chassis string) []string {
	return []string{"ip", "netns", "exec", chassis, "env", "OVS_RUNDIR=" + lab.Dir + "/" + chassis + "/ovs", "OVN_RUNDIR=" + lab.Dir + "/" + chassis + "/ovn",
		"unshare", "--mount", "--propagation", "private", "sh", "-c", bare, "bare"}
}

// wayCommand is the way as a --node-cmd.
func wayCommand() string {
	words := way("{chassis}")
	for i, w := range words {
		if strings.ContainsAny(w, " $\"") {
			words[i] = "'" + w + "'"
		}
	}
	return strings.Join(words, " ")
}

// question is a session over three chassis.
var question = []string{"session", "-o", "summary", "--from", "sw0-p1", "--to", "30.0.0.10:80/tcp", "--timeout", "5m", "--sb", lab.SBRemote, "--nb", lab.NBRemote}

// nodesCheck compares answers of nodes that are reached in several ways.
type nodesCheck struct {
	*lab.Lab
	want []byte // the answer of an installed tool
}

// cmdInsideNodes asks one question over chassis where nothing is installed, by --push and by
// --kube, which must have the answer that an installed tool gives, and over a chassis that does not
// answer.
func cmdInsideNodes(ctx context.Context, args []string) error {
	l, err := lab.Attach(base(), os.Stderr)
	if err != nil {
		return err
	}
	n := &nodesCheck{Lab: l}
	run, err := l.RunTool(ctx, builtTool, append(question, "--node-cmd", nodeCmd())...)
	if err != nil {
		return err
	}
	if run.Status != 0 {
		return fmt.Errorf("an installed tool: exit status %d: %s", run.Status, run.Stderr)
	}
	n.want = run.Out
	failed := 0
	for _, c := range []struct {
		name string
		run  func(context.Context) error
	}{
		{"push", func(ctx context.Context) error { return n.ask(ctx, "--push", "--node-cmd", wayCommand()) }},
		{"push, and keep", n.keep}, {"two runs at once", n.twice}, {"kube", n.kube}, {"a chassis that does not answer", n.dead},
	} {
		began := time.Now()
		err := c.run(ctx)
		if err == nil {
			err = nothingLeft()
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		outcome := "ok"
		if err != nil {
			outcome = "FAILED: " + err.Error()
			failed++
		}
		fmt.Printf("nodes: %s: %s (%.1f s)\n", c.name, outcome, time.Since(began).Seconds())
	}
	if failed > 0 {
		return fmt.Errorf("nodes: %d checks failed", failed)
	}
	return nil
}

// ask asks the question in another way, and compares the answer.
func (n *nodesCheck) ask(ctx context.Context, args ...string) error {
	run, err := n.RunTool(ctx, builtTool, append(question[:len(question):len(question)], args...)...)
	switch {
	case err != nil:
		return err
	case run.Status != 0:
		return fmt.Errorf("exit status %d: %s", run.Status, run.Stderr)
	case !bytes.Equal(run.Out, n.want):
		return fmt.Errorf("another answer than by an installed tool:\n%s\n%s", run.Out, n.want)
	}
	return nil
}

// unnamed asks the question in another way, with no other database than args name.
func (n *nodesCheck) unnamed(ctx context.Context, args ...string) error {
	i := slices.Index(question, "--sb")
	cmd := exec.CommandContext(ctx, builtTool, append(question[:i:i], args...)...)
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "OVN_") }), "OVN_RUNDIR=/nowhere")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("without databases: %w: %s", err, stderr.Bytes())
	}
	if !bytes.Equal(out, n.want) {
		return fmt.Errorf("without databases: another answer than by an installed tool: %s%s", out, stderr.Bytes())
	}
	return nil
}

// kept returns the copies of the tool, and what else a push has left.
func kept() (files []string) {
	for _, dir := range []string{"/run", "/var/tmp", "/root"} {
		found, _ := filepath.Glob(dir + "/.ovn-ct-trace*")
		for _, f := range found {
			inside, _ := filepath.Glob(f + "/*")
			files = append(append(files, f), inside...)
		}
	}
	return files
}

func nothingLeft() error {
	if left := kept(); len(left) > 0 {
		return fmt.Errorf("left behind: %v", left)
	}
	return nil
}

// keep leaves the tool there, uses it again, and then removes it.
func (n *nodesCheck) keep(ctx context.Context) error {
	for range 2 {
		if err := n.ask(ctx, "--push-keep", "--node-cmd", wayCommand()); err != nil {
			return err
		}
		if left := kept(); len(left) != 2 { // the folder and the program, of all chassis: they share /run
			return fmt.Errorf("kept: %v", left)
		}
	}
	return n.ask(ctx, "--push", "--node-cmd", wayCommand())
}

func (n *nodesCheck) twice(ctx context.Context) error {
	other := make(chan error, 1)
	go func() { other <- n.ask(ctx, "--push", "--node-cmd", wayCommand()) }()
	return errors.Join(n.ask(ctx, "--push", "--node-cmd", wayCommand()), <-other)
}

// kube asks through the real kubectl and a small API server, whose pods are the chassis.
func (n *nodesCheck) kube(ctx context.Context) error {
	if _, err := exec.LookPath("kubectl"); err != nil {
		return err
	}
	var cluster kubetest.Server
	for _, c := range n.Topo.Chassis {
		node := "node-" + c.Name
		cluster.Nodes = append(cluster.Nodes, kubetest.Node{Name: node, Annotations: map[string]string{"k8s.ovn.org/node-chassis-id": c.Name}})
		cluster.Pods = append(cluster.Pods, kubetest.Pod{Namespace: "ovn-kubernetes", Name: "ovnkube-node-" + c.Name, Node: node,
			Labels: map[string]string{"app": "ovnkube-node"}, Containers: []kubetest.Container{{Name: "ovn-controller"}}, Enter: way(c.Name)})
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: &cluster}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	defer func() { server.Close(); <-served }()
	home, err := os.MkdirTemp("", "kube")
	if err != nil {
		return err
	}
	defer os.RemoveAll(home)
	config := filepath.Join(home, "config")
	if err := os.WriteFile(config, []byte(kubetest.Config("http://"+listener.Addr().String())), 0o600); err != nil {
		return err
	}
	if err := n.ask(ctx, "--kube=kubectl --kubeconfig="+config+" --cache-dir="+home); err != nil {
		return err
	}
	// Nothing names the Southbound database: that of any pod's chassis is read, through the pod.
	if err := n.unnamed(ctx, "--nb", lab.NBRemote, "--kube=kubectl --kubeconfig="+config+" --cache-dir="+home); err != nil {
		return err
	}
	// As a plugin of kubectl, which needs no flag to reach its own cluster.
	if err := os.Symlink(builtTool, filepath.Join(home, "kubectl-ovn_ct_trace")); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "kubectl", append([]string{"ovn-ct-trace"}, question...)...)
	cmd.Env = append(append(os.Environ(), n.Bin.Env()...), "KUBECONFIG="+config, "HOME="+home, "PATH="+home+":"+os.Getenv("PATH"))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("kubectl ovn-ct-trace: %w: %s", err, stderr.Bytes())
	}
	if !bytes.Equal(out, n.want) {
		return fmt.Errorf("kubectl ovn-ct-trace: another answer than by an installed tool: %s", out)
	}
	return nil
}

// dead asks over a chassis that does not answer: it is named, within its own time, and the others
// answer.
func (n *nodesCheck) dead(ctx context.Context) error {
	args := append(question[:len(question):len(question)], "--push", "--node-cmd", wayCommand(), "--node", "hv3=exec:sh -c 'exec sleep 1000'", "--timeout", "45s")
	run, err := n.RunTool(ctx, builtTool, args...)
	if err != nil {
		return err
	}
	if run.Status != 3 || !strings.Contains(run.Stderr, "chassis hv3: start sh: no answer: its part of the run's time") {
		return fmt.Errorf("exit status %d: %s", run.Status, run.Stderr)
	}
	return nil
}
