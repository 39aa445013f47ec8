package sosreport

import (
	"fmt"
	"regexp"
	"strconv"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/rebuild"
)

// entriesLine is the line of fdb/stats-show with the number of addresses.
var entriesLine = regexp.MustCompile(`^\s*Current/maximum MAC entries in the table: (\d+)/\d+\s*$`)

// learned returns what a bridge has learned of addresses. fdb/show has no end of its own: a dump
// that was cut at the end of a line has fewer addresses than fdb/stats-show has counted.
func (r *reader) learned(bridge string) *rebuild.Part {
	p := r.part(macShape, "ovs-appctl fdb/show "+bridge)
	if r.index.own != nil || !p.There() || p.Cut != "" { // whose manifest has the length of each file
		return p
	}
	for _, l := range r.text("ovs-appctl fdb/stats-show "+bridge, 1<<20) {
		m := entriesLine.FindStringSubmatch(l)
		if m == nil {
			continue
		}
		if n, err := strconv.Atoi(m[1]); err != nil || p.Count < n {
			p.Cut = fmt.Sprintf("%s has %d addresses, and fdb/stats-show has counted %s", p.Name, p.Count, m[1])
		}
		return p
	}
	p.Cut = fmt.Sprintf("%s has %d addresses, and no fdb/stats-show says that these are all", p.Name, p.Count)
	return p
}
