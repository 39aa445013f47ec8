package cases

import "github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/probe"

// unseen lists, by case and kind of archive, why the archive does not show what decides. All others
// are answered as live, or unknown.
var unseen = map[string]map[string]string{
	"stale-acl-added":   {"must-gather": "that ovn-controller is behind was not counted (nb_cfg)"},
	"stale-acl-removed": {"must-gather": "that ovn-controller is behind was not counted (nb_cfg)"},
	"stale-flow-lost":   {"must-gather": "that a flow was removed by hand is in no database"},

	"bond-provider-slb":         ofReports("which member of a balanced bond a source was assigned to is not in bond/show below a kilobyte; the answer says so"),
	"bond-provider-tcp":         ofReports("a bond is rebuilt without LACP; the answer says so"),
	"bond-tunnel-tcp":           ofReports("a bond is rebuilt without LACP, and so without its recirculation; the answer says so"),
	"bond-tunnel-broadcast-tcp": ofReports("a bond is rebuilt without LACP, and so without its recirculation; the answer says so"),
}

// unseenOnUserspace are further ones on the userspace datapath.
var unseenOnUserspace = map[string]map[string]string{
	"lb-hairpin-sctp": {"must-gather": "the release of Open vSwitch is in no database: 3.1 does not translate ports of SCTP, the newest known one does"},
	"mirror-gre":      {"must-gather": "the kernel's tunnel, for which the lab's stands there, needs no neighbour that Open vSwitch knows"},
}

// ofReports is for archives with the chassis' own tables.
func ofReports(why string) map[string]string {
	return map[string]string{"sosreport": why, "bundle": why}
}

// markUnseen sets Case.Unseen.
func markUnseen(all []probe.Case, by map[string]map[string]string) {
	for i := range all {
		if why := by[all[i].Name]; why != nil {
			all[i].Unseen = why
		}
	}
}
