package offline

import (
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ctdpif"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/rebuild"
)

// own adds to a kept table what only this tool's own bundles have of it.
func own(h *rebuild.Host, dp string, k *node.Kept) {
	if h.Entries == nil {
		return
	}
	if strings.HasPrefix(dp, "system@") {
		p := h.Entries(dp)
		if k.Lacks = p.Lacks(); p.There() {
			k.Entries = p.Open
		}
		if p := h.Expected(dp); p.Lacks() == "" {
			k.Expected = func() (io.ReadCloser, error) { return p.Open() }
		}
	}
	if p := h.Limits(dp); p.Lacks() == "" {
		k.Limits, _ = node.ParseKeptLimits(text(p)) // without them, the counts are unknown
	}
	k.Answers, k.Lost = map[string]string{}, map[string]string{}
	for _, method := range []string{"dpctl/ct-get-maxconns", "dpctl/ct-get-tcp-seq-chk", "dpctl/ct-get-limits", "dpctl/ipf-get-status"} {
		p := h.Asked(method, dp)
		switch {
		case p == nil: // that machine does not have the command
		case p.Lacks() != "":
			k.Lost[method] = p.Lacks()
		default:
			k.Answers[method] = text(p)
		}
	}
	if p := h.Asked("dpctl/dump-conntrack-exp", dp); p.Lacks() == "" {
		if k.Dump == nil {
			k.Dump = &ctdpif.Recorded{}
		}
		k.Dump.Expected = func() (io.ReadCloser, error) { return p.Open() }
	}
}

// notFound notes the chassis that were not collected with a host.
func (d *Deployment) notFound(h *rebuild.Host) {
	for _, name := range slices.Sorted(maps.Keys(h.Failed)) {
		if d.failed == nil {
			d.failed = map[string]string{}
		}
		d.failed[name] = h.Failed[name]
		d.notes = append(d.notes, name+" was not collected: "+h.Failed[name])
	}
}
