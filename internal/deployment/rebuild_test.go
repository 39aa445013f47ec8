package deployment

import (
	"strings"
	"testing"
)

// Beside archives, nothing that leads to a live deployment is taken.
func TestBundleAlone(t *testing.T) {
	for name, o := range map[string]Options{
		"--sb": {SB: "tcp:1.1.1.1:6642"}, "--nb": {NB: "tcp:1.1.1.1:6641"}, "--nb-of": {NBOf: map[string]string{"hv1": "tcp:1.1.1.1:6641"}},
		"--node": {Nodes: map[string]string{"hv1": "local"}}, "--node-cmd": {NodeCommand: "ssh {hostname}"}, "--kube": {Kube: "kubectl"}, "--ovs-rundir": {OVSRunDir: "/run"},
	} {
		if err := o.Check(); err != nil {
			t.Errorf("%s alone: %v", name, err)
		}
		o.Bundles = []string{"sosreport"}
		if err := o.Check(); err == nil || !strings.Contains(err.Error(), "no part of a live one") {
			t.Errorf("%s beside --bundle: %v", name, err)
		}
	}
}
