package deployment

import (
	"cmp"
	"context"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/kube"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/push"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/usage"
)

// checkKube refuses a kubectl that is no command, and what would have no effect.
func (o Options) checkKube() error {
	if o.Kube == "" {
		for flag, value := range map[string]string{"--kube-context": o.KubeContext, "--kube-namespace": o.KubeNamespace,
			"--kube-selector": o.KubeSelector, "--kube-container": o.KubeContainer} {
			if value != "" {
				return usage.Errorf("--kube "+flag+" "+value, "%s has no effect without --kube", flag)
			}
		}
		return nil
	}
	if o.NodeCommand != "" {
		return usage.Errorf("--node CHASSIS=exec:COMMAND reaches single chassis in another way", "--kube and --node-cmd are both ways to all nodes")
	}
	if _, err := node.SplitCommand(o.Kube); err != nil {
		return &usage.Error{Msg: "--kube: " + err.Error(), Err: err}
	}
	return nil
}

// cluster returns the Kubernetes cluster whose pods are the nodes, or nil.
func (o Options) cluster() *kube.Cluster {
	words, err := node.SplitCommand(o.Kube)
	if o.Kube == "" || err != nil { // Check has refused the error
		return nil
	}
	return &kube.Cluster{Command: words, Context: o.KubeContext, Namespace: o.KubeNamespace, Selector: o.KubeSelector, Container: o.KubeContainer}
}

// inPod is the node of a chassis in the pod that runs Open vSwitch there, or of any where the
// chassis has no name. The pod is looked for when the node is first asked.
func (n *Nodes) inPod(c *ovn.Chassis) node.Node {
	return &node.Remote{Name: cmp.Or(c.Name, "(any)"), Patience: n.patience, Open: n.pusher.Open, Reach: func(ctx context.Context) ([]string, error) {
		way, err := n.cluster.Way(ctx, c.Name, c.Hostname)
		if err != nil {
			return nil, err
		}
		return push.Shell(way), nil
	}}
}
