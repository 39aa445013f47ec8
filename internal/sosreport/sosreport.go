// Package sosreport finds in a sosreport what a chassis, or OVN's databases, can be rebuilt from.
// sos is https://github.com/sosreport/sos: what its plugins collect, and under which names, was
// read in its release 4.12.
package sosreport

import (
	"bufio"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/archive"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/rebuild"
)

// Reader reads sosreports.
type Reader struct{}

// Looks returns how a sosreport is recognised.
func (Reader) Looks() string {
	return "a folder sos_commands (sosreport, or made by ovn-ct-trace bundle)"
}

// plugins are those whose commands are read.
var plugins = []string{"openvswitch", "ovn_host", "ovn_central", "openshift_ovn", "microshift_ovn", "conntrack", "kernel", "networking", "dpkg", "rpm", "host", "date", OwnPlugin}

// Wants reports whether a member may be read.
func (Reader) Wants(name string) bool {
	parts := strings.Split(name, "/")
	for i, p := range parts {
		rest := parts[i+1:]
		switch p {
		case "sos_commands", "sos_strings":
			return len(rest) > 0 && slices.Contains(plugins, rest[0])
		case "sos_reports":
			return len(rest) == 1 && rest[0] == "manifest.json"
		}
	}
	switch base := path.Base(name); base {
	case "conf.db", "ovnnb_db.db", "ovnsb_db.db", "hostname", "uname", "installed-debs", "installed-rpms":
		return true
	default:
		return strings.HasSuffix(base, ".db.tailed")
	}
}

// Detect returns the folders of the tree that are sosreports.
func (Reader) Detect(t *archive.Tree) []string { return t.Below("sos_commands") }

// CleanedError reports a report that "sos clean" has changed.
type CleanedError struct{ From, In string }

func (e *CleanedError) Error() string {
	return fmt.Sprintf("%s was changed by sos clean (it has MAC addresses that begin with 53:4f:53, in %s): addresses in flows' registers and in hexadecimal are not mapped, "+
		"so that nothing fits together; ask for the report as it was", e.From, e.In)
}

// reader is one run of Read.
type reader struct {
	tree  *archive.Tree
	index *index
	host  *rebuild.Host
}

// Read reads one sosreport, whose files are at the top of the tree.
func (Reader) Read(t *archive.Tree) (*rebuild.Host, error) {
	r := &reader{tree: t, index: newIndex(t), host: &rebuild.Host{From: t.From, Notes: slices.Clone(t.Refused)}}
	if err := r.cleaned(); err != nil {
		return nil, err
	}
	h := r.host
	h.Hostname = r.hostname()
	h.Kernel = r.kernel()
	h.OVS, h.OVN = r.versions()
	r.own()
	h.Conf = r.database("conf.db")
	h.NB, h.SB = r.database("ovnnb_db.db"), r.database("ovnsb_db.db")
	h.NBRows = func() (map[string][]rebuild.Row, error) { return r.lists("ovn-nbctl") }
	h.SBRows = func() (map[string][]rebuild.Row, error) { return r.lists("ovn-sbctl") }
	if h.Conf.Missing == "" {
		r.openvswitch()
	}
	if h.Conf.Missing != "" && h.NB.Missing != "" && h.SB.Missing != "" && len(r.index.base[Mangle("ovn-sbctl list Port_Binding")]) == 0 {
		return nil, fmt.Errorf("%s is a sosreport with neither Open vSwitch's database (conf.db) nor OVN's (ovnnb_db.db, ovnsb_db.db): was sos run with its plugins openvswitch and ovn_central?", t.From)
	}
	return h, nil
}

// openvswitch reads what the plugins openvswitch, ovn_host, conntrack and kernel have collected.
func (r *reader) openvswitch() {
	h := r.host
	list := r.part(rowShape, "ovs-vsctl -t 5 list interface")
	h.InterfacesLack = list.Lacks()
	if list.There() {
		if in, err := list.Open(); err == nil {
			h.Interfaces, err = parseRows(in)
			in.Close()
			if err != nil {
				h.InterfacesLack = err.Error()
			}
		}
	}
	h.Bridge = r.bridge
	h.Routes = r.part(routeShape, "ovs-appctl ovs/route/show")
	h.Neighbours = r.firstOf(neighShape, "ovs-appctl tnl/arp/show", "ovs-appctl tnl/neigh/show")
	if r.index.own == nil { // whose manifest has the length of each file
		h.WaysLack = onlyDump
	}
	h.Conntrack = r.conntrack
	h.Fragments = func(dp string) *rebuild.Part { return r.part(anyShape, "ovs-appctl dpctl/ipf-get-status "+dp) }
	h.Listed = r.part(listShape, "conntrack -L -o extended")
	h.Sysctls = r.sysctls()
}

// onlyDump is why a missing route or neighbour is not certain: a dump that was cut at the end of a
// line looks whole, for it has no end of its own, and nothing else in a report counts its lines.
const onlyDump = "nothing else in the report than ovs/route/show and tnl/arp/show says that there is no route or neighbour"

// firstOf returns the first of several commands' outputs that is there, else the last one's
// absence.
func (r *reader) firstOf(s shape, cmds ...string) *rebuild.Part {
	var p *rebuild.Part
	for _, c := range cmds {
		if p = r.part(s, c); p.There() {
			break
		}
	}
	return p
}

// openFlows are the ways in which sos asks ovs-ofctl, the most telling one first.
var openFlows = []string{"-O OpenFlow15 ", "-O OpenFlow14 ", "-O OpenFlow13 ", "", "-O OpenFlow12 ", "-O OpenFlow11 ", "-O OpenFlow10 "}

// bridge returns what the report has of a bridge.
func (r *reader) bridge(name string) *rebuild.Bridge {
	return &rebuild.Bridge{
		Flows:  r.flows(name),
		Groups: r.fullest(groupShape, "dump-groups "+name, []string{"-O OpenFlow15 ", "", "-O OpenFlow10 ", "-O OpenFlow14 ", "-O OpenFlow13 ", "-O OpenFlow12 ", "-O OpenFlow11 "}),
		Meters: r.fullest(meterShape, "dump-meters "+name, openFlows),
		TLVs:   r.fullest(tlvShape, "dump-tlv-map "+name, openFlows),
		MACs:   r.learned(name),
	}
}

// conntrack returns the dump of a datapath's connections.
func (r *reader) conntrack(dp string) *rebuild.Part {
	if r.index.own != nil {
		return r.part(connShape, "ovs-appctl dpctl/dump-conntrack -m -s "+dp)
	}
	p := r.part(connShape, "ovs-appctl dpctl/dump-conntrack -m "+dp)
	if !p.There() || p.Cut != "" {
		return p
	}
	total, counted := r.connections(dp)
	c, _ := r.index.find("ovs-appctl dpctl/dump-conntrack -m " + dp)
	switch {
	case counted && p.Count < total-total/100:
		p.Cut = fmt.Sprintf("%s has %d connections, and dpctl/ct-stats-show has counted %d", p.Name, p.Count, total)
	case p.Count == 0 && !counted && !c.listed:
		p.Cut = p.Name + " is empty, and nothing else says that there were no connections"
	}
	return p
}

var totalLine = regexp.MustCompile(`^\s*Total: (\d+)\s*$`)

// connections returns the number of a datapath's connections that dpctl/ct-stats-show has counted.
func (r *reader) connections(dp string) (n int, ok bool) {
	for _, l := range r.text("ovs-appctl dpctl/ct-stats-show -m "+dp, 1<<20) {
		if m := totalLine.FindStringSubmatch(l); m != nil {
			n, err := strconv.Atoi(m[1])
			return n, err == nil
		}
	}
	return 0, false
}

// text returns the lines of a small output, without one that is cut.
func (r *reader) text(cmd string, most int64) []string {
	c, ok := r.index.find(cmd)
	if !ok {
		return nil
	}
	return r.lines(c.file, most)
}

func (r *reader) lines(name string, most int64) []string {
	f, err := r.tree.Open(name)
	if err != nil {
		return nil
	}
	defer f.Close()
	var out []string
	br := bufio.NewReader(io.LimitReader(f, most))
	for {
		line, more, err := wholeLine(br)
		if more {
			out = append(out, string(line))
		}
		if err != nil {
			return out
		}
	}
}

// database returns the copy of a database's file, wherever it was on the host.
func (r *reader) database(base string) *rebuild.Part {
	var found *rebuild.Part
	for _, n := range r.tree.Names() {
		if path.Base(n) != base || strings.HasPrefix(n, "sos_") {
			continue
		}
		if link := r.tree.Link(n); strings.HasSuffix(link, ".tailed") {
			found = &rebuild.Part{Name: n, Missing: "sos has kept only the end of " + n + ": a database's file begins with its schema"}
			continue
		}
		p := r.file(n)
		if p.Missing != "" {
			found = p
			continue
		}
		if p.Cut = r.tornDatabase(p); p.Cut == "" {
			p.Cut = r.index.own.lacks(n, r.tree.Size(n))
		}
		// Of several, as a node with two OVN installations has, the newest counts.
		if found == nil || found.Missing != "" || r.tree.Modified(n).After(r.tree.Modified(found.Name)) {
			found = p
		}
	}
	if found == nil {
		return &rebuild.Part{Name: base, Missing: "the archive has no " + base}
	}
	if why := found.Lacks(); why != "" {
		r.host.Notes = append(r.host.Notes, r.host.Hostname+": a database cannot be used: "+why)
	}
	return found
}

// taken widens the time of the collection.
func (r *reader) taken(began, ended time.Time) {
	h := r.host
	if h.Began.IsZero() || began.Before(h.Began) {
		h.Began = began
	}
	if ended.After(h.Ended) {
		h.Ended = ended
	}
}
