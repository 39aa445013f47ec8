package sosreport

import (
	"cmp"
	"fmt"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/rebuild"
)

// OwnPlugin is the folder of what only this tool's own bundles have, in the place of a plugin's.
const OwnPlugin = "ovn_ct_trace"

// OwnKey is the key of Own in a manifest.
const OwnKey = "ovn_ct_trace"

// Own is what this tool's own bundle says of a host beside what sosreport's manifest does.
type Own struct {
	Chassis string `json:"chassis,omitempty"`
	OVS     string `json:"ovs,omitempty"` // version of the running daemon, as is OVN
	OVN     string `json:"ovn,omitempty"`
	Kernel  string `json:"kernel,omitempty"`
	// ClockMS is how far the host's clock was ahead of that of the machine that collected, in
	// milliseconds.
	ClockMS int64 `json:"clock_ms,omitempty"`
	// NotCollected are the parts that were not asked for.
	NotCollected []string `json:"not_collected,omitempty"`
	// Failed are the chassis that were not reached, with the reason.
	Failed map[string]string `json:"failed,omitempty"`
	// Lacks says why something may be missing in files, by their names.
	Lacks map[string]string `json:"lacks,omitempty"`
	// Sizes are the files' lengths in bytes, by their names: one of another length was cut or changed.
	Sizes map[string]int64 `json:"sizes,omitempty"`
}

// lacks returns why something may be missing in a file; empty if nothing is known to be.
func (o *Own) lacks(file string, size int64) string {
	if o == nil {
		return ""
	}
	if want, ok := o.Sizes[file]; !ok || want != size {
		return fmt.Sprintf("it has %d bytes, and not the %d that the bundle's manifest says", size, want)
	}
	return o.Lacks[file]
}

// own takes from this tool's own bundle what sosreport does not have.
func (r *reader) own() {
	o := r.index.own
	if o == nil {
		return
	}
	h := r.host
	h.OVS, h.OVN, h.Kernel = cmp.Or(o.OVS, h.OVS), cmp.Or(o.OVN, h.OVN), cmp.Or(o.Kernel, h.Kernel)
	h.Failed = o.Failed
	h.Entries = func(dp string) *rebuild.Part { return r.part(entryShape, "entries "+dp) }
	h.Expected = func(dp string) *rebuild.Part { return r.part(entryShape, "expected "+dp) }
	h.Limits = func(dp string) *rebuild.Part { return r.part(limitShape, "limits "+dp) }
	h.Asked = func(method, dp string) *rebuild.Part {
		cmd := "ovs-appctl " + method + " " + dp
		if _, listed := o.Sizes["sos_commands/openvswitch/"+Mangle(cmd)]; !listed {
			return nil
		}
		shape := anyShape
		if method == "dpctl/dump-conntrack-exp" {
			shape = connShape
		}
		return r.part(shape, cmd)
	}
}
