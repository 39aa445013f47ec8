package deployment

import (
	"errors"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/failure"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/offline"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
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

// Archives without a Northbound database are not completed by this machine's, and what one zone
// lacks says nothing of another zone's.
func TestArchivesWithoutNorthbound(t *testing.T) {
	t.Setenv("OVN_NB_DB", "unix:/nowhere")
	opt := Options{offline: &offline.Deployment{NBLack: "empty"}, NBOf: map[string]string{"hv2": "unix:/also-nowhere"}}
	_, err := opt.DialNB(t.Context())
	if err == nil || err.Error() != "empty" || failure.KindOf(err) != failure.Unreachable {
		t.Errorf("the own zone: %v", err)
	}
	var db *ovsdb.Error
	if _, err := opt.dialNB(t.Context(), opt.database(opt.NBOf["hv2"])); !errors.As(err, &db) {
		t.Errorf("the other zone: %v", err)
	}
}
