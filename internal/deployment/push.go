package deployment

import (
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/push"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/usage"
)

// pushes reports whether the tool is sent to the nodes.
func (o Options) pushes() bool { return o.Push || o.PushKeep || len(o.PushBinary) > 0 }

// checkPush refuses programs that cannot be sent, and a push that has no way.
func (o Options) checkPush() error {
	if err := o.checkKube(); err != nil || !o.pushes() {
		return err
	}
	if o.Kube == "" && !o.hasCommand() {
		return usage.Errorf("--push --node-cmd 'ssh root@{hostname}'", "--push needs a way to the nodes")
	}
	if _, err := push.NewPrograms(o.PushBinary); err != nil {
		return &usage.Error{Msg: "--push-binary: " + err.Error(), Err: err,
			Hint: "--push-binary FILE or ARCH=FILE, a static ovn-ct-trace for Linux"}
	}
	return nil
}

// hasCommand reports whether a command leads to any node: there is nothing to send to others.
func (o Options) hasCommand() bool {
	if o.NodeCommand != "" && !isServed(o.NodeCommand) {
		return true
	}
	for _, target := range o.Nodes {
		if strings.HasPrefix(target, "exec:") {
			return true
		}
	}
	return false
}

// pusher returns what sends the tool, or nil where it is installed everywhere. Check has refused
// wrong files; one that has changed since is an error of each node.
func (o Options) pusher() *push.Pusher {
	if !o.pushes() && o.Kube == "" {
		return nil
	}
	programs, err := push.NewPrograms(o.PushBinary)
	return &push.Pusher{Keep: o.PushKeep, Programs: programs, Err: err}
}
