package whatif

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/deployment"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// releases warns of daemons of the copy that are of another release than the deployment's, or of an
// unknown one: what they make of the databases is compared, before as well as after.
func (t *task) releases(ctx context.Context, run *deployment.Run) error {
	real, err := northd(ctx, t.live.SB)
	if err != nil {
		return err
	}
	ours, err := northd(ctx, run.SB)
	if err != nil {
		return err
	}
	t.warnOfRelease("ovn-northd", map[string]string{"": real}, ours)
	controllers, switches, controller := map[string]string{}, map[string]string{}, ""
	for _, row := range t.Chassis {
		n, err := run.Nodes.Node(ctx, row)
		if err != nil {
			return err
		}
		copied, err := n.Info(ctx)
		if err != nil {
			return err
		}
		controller = copied.OVNVersion
		controllers[row.Name], switches[row.Name] = t.infos[row.Name].OVNVersion, t.infos[row.Name].OVSVersion
	}
	t.warnOfRelease("ovn-controller", controllers, controller)
	vswitchd, err := t.copied.OVSVersion(ctx)
	if err != nil {
		return err
	}
	t.warnOfRelease("Open vSwitch", switches, vswitchd)
	return nil
}

// northd returns the release of ovn-northd that it writes into its databases, without the versions
// of the schema and of the pipeline (lib/ovn-util.c: ovn_get_internal_version); empty for one that
// writes none.
func northd(ctx context.Context, sb *ovn.SB) (string, error) {
	res, err := sb.Select(ctx, ovsdb.From("SB_Global", "options"))
	if err != nil || len(res[0]) == 0 {
		return "", err
	}
	release, _, _ := strings.Cut(res[0][0].Map("options")["northd_internal_version"], "-")
	return release, nil
}

// warnOfRelease compares a daemon's releases in the deployment, by chassis, with that here.
func (t *task) warnOfRelease(daemon string, there map[string]string, here string) {
	by := map[string][]string{}
	for _, chassis := range slices.Sorted(maps.Keys(there)) {
		if release := there[chassis]; release != here {
			by[release] = append(by[release], chassis)
		}
	}
	for _, release := range slices.Sorted(maps.Keys(by)) {
		what := daemon
		if on := by[release]; on[0] != "" {
			what += " of " + on[0]
			if len(on) > 1 {
				what += fmt.Sprintf(" and %d more", len(on)-1)
			}
		}
		const unknown = "of an unknown release"
		t.warn("%s is %s, and %s here: the copy is what the release here makes of the databases", what, cmp.Or(release, unknown), cmp.Or(here, unknown))
	}
}
