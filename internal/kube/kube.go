// Package kube finds the pods of a Kubernetes cluster that run ovn-controller or Open vSwitch on a
// chassis' node. It runs the user's own kubectl or oc, with the user's own rights; it only lists
// pods and nodes, and opens a way into a container.
package kube

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/kballard/go-shellquote"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/failure"
)

// Cluster is a Kubernetes cluster as kubectl reaches it. It is safe for concurrent use.
type Cluster struct {
	// Command is kubectl or oc, with arguments of the user's.
	Command []string
	// Context is the context of the user's configuration; its current one when empty.
	Context string
	// Namespace, Selector and Container replace those of the known deployments where not empty.
	Namespace, Selector, Container string

	mu    sync.Mutex
	found *layout // that of the last pod found
	nodes []item  // of the cluster, once listed

	maxList int // 0: maxList
}

// layout says which pods of a deployment run Open vSwitch.
type layout struct {
	name, namespace, selector string
	containers                []string // the better first
}

// ovnKubernetes are the containers of OVN-Kubernetes' pods that have the sockets of the node's Open
// vSwitch and its OVN.
var ovnKubernetes = []string{"ovn-controller", "ovnkube-controller", "ovnkube-node", "ovn-node"}

// layouts are the known deployments.
var layouts = []layout{
	{"OVN-Kubernetes", "ovn-kubernetes", "app=ovnkube-node", ovnKubernetes},
	{"OpenShift", "openshift-ovn-kubernetes", "app=ovnkube-node", ovnKubernetes},
	{"kube-ovn", "kube-system", "app=ovs", []string{"openvswitch"}},
	{"kube-ovn", "kube-system", "app.kubernetes.io/name=kube-ovn-ovs", []string{"openvswitch"}},
}

// layouts returns where to look: what the user says, else the known deployments, that of the last
// pod first.
func (c *Cluster) layouts() []layout {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []layout
	add := func(l layout) {
		if c.Namespace != "" {
			l.namespace = c.Namespace
		}
		if c.Selector != "" {
			l.selector = c.Selector
		}
		if c.Container != "" {
			l.containers = []string{c.Container}
		}
		same := func(o layout) bool { return o.namespace == l.namespace && o.selector == l.selector }
		if i := slices.IndexFunc(out, same); i < 0 {
			out = append(out, l)
		} else { // the user's selector may be of either deployment
			for _, name := range l.containers {
				if !slices.Contains(out[i].containers, name) {
					out[i].containers = append(slices.Clone(out[i].containers), name)
				}
			}
		}
	}
	if c.found != nil {
		add(*c.found)
	}
	for _, l := range layouts {
		add(l)
	}
	return out
}

// Error is a cluster that cannot be asked, or in which something is not found.
type Error struct {
	Op   string
	Err  error
	Hint string
}

func (e *Error) Error() string { return e.Op + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Failure classifies the error as something that could not be reached.
func (e *Error) Failure() (failure.Kind, string) { return failure.Unreachable, e.Hint }

// selectHint says how to find another deployment's pods.
const selectHint = "--kube-namespace, --kube-selector and --kube-container say where Open vSwitch runs"

// Way returns the command that runs what follows it in the container on a chassis' node. The node
// is the one of the host name, else the one annotated with the chassis. Without a chassis and a
// host name it is any.
func (c *Cluster) Way(ctx context.Context, chassis, hostname string) ([]string, error) {
	if chassis == "" && hostname == "" {
		return c.anywhere(ctx)
	}
	looked, way, err := c.onNode(ctx, hostname)
	if way != nil || err != nil {
		return way, err
	}
	node, err := c.node(ctx, chassis, hostname)
	if err != nil {
		return nil, err
	}
	if node == "" {
		return nil, &Error{Op: "find its node", Err: fmt.Errorf("no node has the chassis %q or the host name %q", chassis, hostname), Hint: selectHint}
	}
	if node != hostname {
		if looked, way, err = c.onNode(ctx, node); way != nil || err != nil {
			return way, err
		}
	}
	return nil, &Error{Op: "find its pod", Err: fmt.Errorf("node %s has no pod with %s", node, strings.Join(looked, ", or ")), Hint: selectHint}
}

// onNode looks for the pod of a node. looked says what was looked for; way is nil where there is no
// pod. An error is a pod that cannot be used, or a cluster that does not answer.
func (c *Cluster) onNode(ctx context.Context, node string) (looked []string, way []string, err error) {
	if !isName(node) {
		return nil, nil, nil
	}
	return c.search(ctx, func(l layout) ([]item, error) {
		return c.list(ctx, "pods", "--output=json", "--namespace="+l.namespace, "--selector="+l.selector, "--field-selector=spec.nodeName="+node)
	})
}

// some is how many pods are looked at where any will do.
const some = 20

// anywhere returns the command into a pod of any node.
func (c *Cluster) anywhere(ctx context.Context) ([]string, error) {
	looked, way, err := c.search(ctx, func(l layout) ([]item, error) {
		query := url.Values{"labelSelector": {l.selector}, "limit": {strconv.Itoa(some)}}
		return c.list(ctx, "--raw=/api/v1/namespaces/"+url.PathEscape(l.namespace)+"/pods?"+query.Encode())
	})
	if way == nil && err == nil {
		err = &Error{Op: "find a pod", Err: fmt.Errorf("there is no pod with %s", strings.Join(looked, ", or ")), Hint: selectHint}
	}
	return way, err
}

// search looks through the pods that list returns for each of the known deployments, as onNode
// says.
func (c *Cluster) search(ctx context.Context, list func(layout) ([]item, error)) (looked []string, way []string, err error) {
	var refused error
	for _, l := range c.layouts() {
		pods, err := list(l)
		if err != nil {
			if ctx.Err() != nil {
				return nil, nil, err
			}
			refused = err // maybe of this namespace only
			continue
		}
		looked = append(looked, l.selector+" in "+l.namespace)
		for _, p := range pods {
			if way, err = c.into(p, l); err == nil {
				c.mu.Lock()
				c.found = &l
				c.mu.Unlock()
				return looked, way, nil
			}
			refused = err
		}
	}
	return looked, nil, refused
}

// into returns the command into the container of a pod: the first of those wanted that may read
// conntrack, else the first that runs.
func (c *Cluster) into(p item, l layout) ([]string, error) {
	running := func(name string) bool {
		return slices.ContainsFunc(p.Status.ContainerStatuses, func(s containerStatus) bool { return s.Name == name && s.State.Running != nil })
	}
	best := ""
	for _, name := range l.containers {
		i := slices.IndexFunc(p.Spec.Containers, func(k container) bool { return k.Name == name })
		if i < 0 || !running(name) {
			continue
		}
		if p.Spec.Containers[i].mayRead() {
			best = name
			break
		}
		if best == "" {
			best = name
		}
	}
	if best == "" {
		return nil, &Error{Op: "find its container", Err: fmt.Errorf("pod %s in %s (%s) runs none of the containers %s",
			p.Metadata.Name, l.namespace, p.Status.Phase, strings.Join(l.containers, ", ")), Hint: selectHint}
	}
	if !isName(p.Metadata.Name) || !isName(best) {
		return nil, &Error{Op: "find its pod", Err: fmt.Errorf("pod %q has no valid name", p.Metadata.Name)}
	}
	return append(c.command(), "exec", "--stdin", "--namespace="+l.namespace, p.Metadata.Name, "--container="+best, "--"), nil
}

// node returns the name of the node of a chassis; empty if there is none.
func (c *Cluster) node(ctx context.Context, chassis, hostname string) (string, error) {
	nodes, err := c.allNodes(ctx)
	if err != nil {
		return "", err
	}
	short, _, _ := strings.Cut(hostname, ".")
	for _, is := range []func(n item) bool{
		func(n item) bool { return n.chassis(chassis) },
		func(n item) bool { return n.Metadata.Name == hostname },
		func(n item) bool { return hostname != "" && n.Metadata.Labels["kubernetes.io/hostname"] == hostname },
		func(n item) bool { return short != "" && n.Metadata.Name == short },
		func(n item) bool { name, _, ok := strings.Cut(n.Metadata.Name, "."); return ok && name == hostname },
	} {
		if i := slices.IndexFunc(nodes, is); i >= 0 {
			return nodes[i].Metadata.Name, nil
		}
	}
	return "", nil
}

// allNodes lists the cluster's nodes, once.
func (c *Cluster) allNodes(ctx context.Context) ([]item, error) {
	c.mu.Lock()
	nodes := c.nodes
	c.mu.Unlock()
	if nodes != nil {
		return nodes, nil
	}
	nodes, err := c.list(ctx, "nodes", "--output=json")
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nodes = nodes
	return nodes, nil
}

// command returns the command with its context.
func (c *Cluster) command() []string {
	argv := slices.Clone(c.Command)
	if c.Context != "" {
		argv = append(argv, "--context="+c.Context)
	}
	return argv
}

// maxList is the maximum length of a list in bytes: 5,000 nodes have about 50 MB.
const maxList = 256 << 20

// reap is how long a killed kubectl's output is waited for.
const reap = time.Second

// list runs kubectl get, which prints a list as JSON.
func (c *Cluster) list(ctx context.Context, what ...string) ([]item, error) {
	argv := append(append(c.command(), "get"), what...)
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.WaitDelay = reap
	out := &limited{max: cmp.Or(c.maxList, maxList)}
	words := &tail{}
	cmd.Stdout, cmd.Stderr = out, words
	err := cmd.Run()
	fail := func(err error) ([]item, error) {
		return nil, &Error{Op: fmt.Sprintf("%s get %s", c.Command[0], what[0]), Err: err, Hint: "run it by hand: " + shellquote.Join(argv...)}
	}
	switch {
	case ctx.Err() != nil:
		return fail(fmt.Errorf("no answer: %w", ctx.Err()))
	case out.err != nil:
		return fail(out.err)
	case err != nil:
		if s := lastLine(string(words.b)); s != "" {
			err = errors.New(s)
		}
		return fail(err)
	}
	items, err := parse(out.b.Bytes())
	if err != nil {
		return fail(err)
	}
	return items, nil
}

// parse reads what kubectl get prints: a list.
func parse(text []byte) ([]item, error) {
	var list struct {
		Kind  string `json:"kind"`
		Items []item `json:"items"`
	}
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, err
	}
	if !strings.HasSuffix(list.Kind, "List") {
		return nil, fmt.Errorf("printed a %q, not a list", list.Kind)
	}
	return list.Items, nil
}

// name is what a name of Kubernetes may be (RFC 1123); a host name that is none names no node.
var name = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$`)

func isName(s string) bool { return len(s) <= 253 && name.MatchString(s) }

// limited keeps what is written up to a length, and refuses more. Its buffer is not embedded:
// copying would then use Buffer.ReadFrom, which has no bound.
type limited struct {
	b   bytes.Buffer
	max int
	err error // once more was written
}

func (l *limited) Write(p []byte) (int, error) {
	if l.b.Len()+len(p) > l.max {
		l.err = fmt.Errorf("printed more than %d bytes", l.max)
		return 0, l.err
	}
	return l.b.Write(p)
}

// tail keeps the end of what is written.
type tail struct{ b []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p...)
	t.b = t.b[max(0, len(t.b)-4096):]
	return len(p), nil
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}
