package sosreport

import (
	"fmt"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/rebuild"
)

// fullest returns the output with the most items among those of one command in several versions of
// OpenFlow. It is whole if it is so itself, and no other one has more: they were taken within
// seconds, and one with fewer is taken for cut.
func (r *reader) fullest(s shape, cmd string, versions []string) *rebuild.Part {
	best, most, _ := r.best(s, cmd, versions)
	if best.There() && best.Count < most && best.Cut == "" {
		best.Cut = fmt.Sprintf("%s has %d items, and another dump of them %d", best.Name, best.Count, most)
	}
	return best
}

// dumped is one of several dumps of a table.
type dumped struct {
	part *rebuild.Part
	end  end
}

// best returns the most telling one of a command's outputs, else the absence that says most; the
// highest number of items; and all that are there.
func (r *reader) best(s shape, cmd string, versions []string) (*rebuild.Part, int, []dumped) {
	var best, absent *rebuild.Part
	var all []dumped
	most := 0
	for _, v := range versions {
		p, last := r.partEnd(s, "ovs-ofctl "+v+cmd)
		if !p.There() {
			// What is wrong with a file says more than that another one is not there.
			if absent == nil || absent.Path == "" {
				absent = p
			}
			continue
		}
		all = append(all, dumped{p, last})
		most = max(most, p.Count)
		if best == nil || better(p, best) {
			best = p
		}
	}
	if best == nil {
		best = absent
	}
	return best, most, all
}

// better reports whether p says more than q, which is of a version that says more.
func better(p, q *rebuild.Part) bool {
	if (p.Cut == "") != (q.Cut == "") {
		return p.Cut == ""
	}
	return p.Count > q.Count
}

// flows returns the dump of a bridge's flows with the most of them. Open vSwitch dumps one table
// after the other: a dump is whole if it has its beginning, and no other dump goes on behind its
// end. What was installed between two dumps, in an earlier table, makes no difference.
func (r *reader) flows(bridge string) *rebuild.Part {
	const cmd = "dump-flows "
	best, _, all := r.best(flowShape, cmd+bridge, openFlows)
	if !best.There() || best.Cut != "" {
		return best
	}
	// Other plugins run the same commands.
	for _, v := range openFlows {
		for _, c := range r.index.others("ovs-ofctl " + v + cmd + bridge) {
			if p, last := r.partOf(flowShape, c); p.There() {
				all = append(all, dumped{p, last})
			}
		}
	}
	if p, last := r.partEnd(allShape, "ovs-appctl bridge/dump-flows --offload-stats "+bridge); p.There() {
		all = append(all, dumped{p, last})
	}
	var own end
	for _, d := range all {
		if d.part == best {
			own = d.end
		}
	}
	for _, d := range all {
		if own.before(d.end) {
			best.Cut = fmt.Sprintf("%s ends in table %d with %d flows of it, and another dump of them, %s, in table %d with %d",
				best.Name, own.table, own.flows, d.part.Name, d.end.table, d.end.flows)
			return best
		}
	}
	if len(all) == 1 && !r.index.ran(best.Name) {
		best.Cut = best.Name + " is the only dump, and nothing else says that it has all flows"
	}
	return best
}
