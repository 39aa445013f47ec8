package deployment

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/offline"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
)

// TestNodesAtOnce: a chassis has one node, also for concurrent callers.
func TestNodesAtOnce(t *testing.T) {
	n := NewNodes(Options{NodeCommand: "true {chassis}", Nodes: map[string]string{"near": "local"}}, "")
	got := make([]node.Node, 60)
	var wg sync.WaitGroup
	for i := range got {
		name := []string{"hv1", "hv2", "near"}[i%3]
		wg.Go(func() {
			nd, err := n.Node(t.Context(), &ovn.Chassis{Name: name})
			if err != nil {
				t.Error(err)
			}
			got[i] = nd
			if _, local := nd.(*node.Service); local != (name == "near") {
				t.Errorf("%s is this machine: %v", name, local)
			}
		})
	}
	wg.Wait()
	for i := range got {
		if got[i] != got[i%3] {
			t.Errorf("asker %d has another node than asker %d", i, i%3)
		}
	}
}

// TestGivenByNodes: a command for all chassis and a cluster's pods reach every one, also of another
// zone.
func TestGivenByNodes(t *testing.T) {
	for _, c := range []struct {
		opt         Options
		near, other bool
	}{
		{Options{}, false, false},
		{Options{OVSRunDir: "/x"}, false, false},
		{Options{offline: &offline.Deployment{}}, false, false},
		{Options{NodeCommand: "ssh {hostname}"}, true, true},
		{Options{NodeCommand: "tls:{ip}:7471"}, true, true},
		{Options{Kube: "kubectl"}, true, true},
		{Options{Nodes: map[string]string{"near": "local"}}, true, false},
		{Options{Nodes: map[string]string{"near.example": "local"}}, true, false},
	} {
		n := NewNodes(c.opt, "")
		near := n.Given(&ovn.Chassis{Name: "near", Hostname: "near.example"})
		if other := n.Given(&ovn.Chassis{Name: "hv9"}); near != c.near || other != c.other {
			t.Errorf("%+v: %v, %v", c.opt, near, other)
		}
		// One of another zone of which only the name of the chassis is known.
		remote := &ovn.Chassis{Name: "hv9", OtherConfig: map[string]string{"is-remote": "true"}}
		if other := n.Given(remote); other != (c.other && !strings.Contains(c.opt.NodeCommand, "{")) {
			t.Errorf("%+v: %v for one of another zone without a host name", c.opt, other)
		}
	}
}

// TestPatience: in every way a dead node takes only its part of the run's time.
func TestPatience(t *testing.T) {
	id := identityOptions(t)
	for name, opt := range map[string]Options{
		"command": {NodeCommand: "ssh {chassis}"}, "pod": {Kube: "kubectl"}, "push": {NodeCommand: "ssh {chassis}", Push: true},
		"one": {Nodes: map[string]string{"hv1": "exec:ssh hv1"}}, "served": {NodeCommand: "tls:{chassis}:1"},
		"one served": {Nodes: map[string]string{"hv1": "tls:hv1:1"}},
	} {
		opt.Certificate, opt.PrivateKey, opt.CACert, opt.Timeout = id.Certificate, id.PrivateKey, id.CACert, 30*time.Second
		n, err := NewNodes(opt, "").Node(t.Context(), &ovn.Chassis{Name: "hv1"})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := n.(*node.Remote).Patience; got != 10*time.Second {
			t.Errorf("%s: %v", name, got)
		}
	}
}
