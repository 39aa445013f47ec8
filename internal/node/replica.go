package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ctdpif"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ctlist"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ctnetlink"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/dpif"
)

// Replica makes a Service answer for another machine, whose Open vSwitch was rebuilt here on a
// dummy datapath and whose conntrack table was kept: one of an archive, or a live one (CopyOf).
type Replica struct {
	// Of names the machine in messages.
	Of string
	// Datapaths are the machine's names of the datapaths, TYPE@NAME, by those here.
	Datapaths map[string]string
	// Kernel is the machine's kernel release, OVS and OVN its software's versions; empty if unknown.
	Kernel, OVS, OVN string
	// Table returns what was kept of a datapath's conntrack table.
	Table func(datapath string) *Kept
	// Sysctls are the machine's, by name, as in net.netfilter.nf_conntrack_max; nil if unknown.
	Sysctls map[string]string
	// Routes is the text of ovs/route/show of a machine with native tunnels; empty if unknown.
	Routes string
	// RoutesLack says why a route or neighbour of native tunnels may be missing; empty if none is.
	RoutesLack string
	// Invented is a bridge that the machine does not have: its look-ups are left out of results.
	Invented string
	// At is when the table was read; zero if unknown.
	At time.Time
	// Notes say what could not be rebuilt.
	Notes []string
	// Live is what the machine says of itself, if it is a live one; nil if it is known by an archive.
	Live *Info
}

// Kept is what was kept of a conntrack table.
type Kept struct {
	Dump *ctdpif.Recorded // its text; nil if there is none
	// Held are the entries of the table, where they were read already: there is no Dump.
	Held []ctstate.Entry
	// Lacks says why an entry may be missing, so that a look-up without result answers nothing; empty
	// if none is.
	Lacks string
	// Listed is what conntrack -L has listed of a kernel's table; nil without.
	Listed *ctlist.List
	// Entries opens the connections in the form of EntriesFile, in the place of Dump; nil without.
	Entries func() (io.ReadCloser, error)
	// Expected opens what these connections expect in the form of ExpectedFile; nil: it was not
	// collected.
	Expected func() (io.ReadCloser, error)
	// Limits are the limits of zones and their counts, also of those that have the default limit.
	Limits map[uint16]ctstate.ZoneLimit
	// Answers are what ovs-vswitchd has answered to commands about the datapath, by method, and Lost
	// says why an answer that it has given is not known.
	Answers, Lost map[string]string
	// Fragments is the text of dpctl/ipf-get-status; empty if unknown.
	Fragments string
}

// errReplica reports a request that changes or watches a machine.
var errReplica = errors.New("it was rebuilt from an archive: nothing can be sent, changed or watched there")

// live returns an error for a request that only a live machine can answer.
func (s *Service) live(op string) error {
	if s.opt.Replica == nil {
		return nil
	}
	return &Error{Node: s.opt.Replica.Of, Op: op, Err: errReplica, Hint: "ask the live deployment, without --bundle"}
}

// shown replaces names of the rebuilt datapath by those of the machine.
func (r *Replica) shown(ports []dpif.Port) {
	for i := range ports {
		p := &ports[i]
		if name := r.Datapaths[p.Backer]; name != "" {
			p.Backer = name
		}
		switch {
		case p.Type != "dummy-internal":
		case strings.HasPrefix(p.Backer, "netdev@"):
			p.Type = "tap"
		default:
			p.Type = "internal"
		}
	}
}

// describe sets what a live machine is asked for.
func (r *Replica) describe(info *Info) {
	info.Kernel = r.Kernel
	info.OVSVersion = cmp.Or(info.OVSVersion, r.OVS)
	info.OVNVersion = r.OVN
	info.Rebuilt = r.Notes
}

// hide removes the look-ups in the invented bridge from a result.
func (r *Replica) hide(res *engine.Result) {
	if r == nil || res == nil || r.Invented == "" {
		return
	}
	for _, s := range res.Segments {
		shown := []engine.TableHit{}
		place := make([]int, len(s.Tables)+1) // by position, counted from 1, as in Leaf.Hit
		for i, t := range s.Tables {
			if t.Bridge != r.Invented {
				shown = append(shown, t)
			}
			place[i+1] = len(shown)
		}
		if len(shown) == len(s.Tables) {
			continue
		}
		s.Tables = shown
		for _, o := range res.Outcomes {
			for i := range o.Leaves {
				if l := &o.Leaves[i]; l.Segment == s.ID && l.Hit < len(place) {
					l.Hit = place[l.Hit]
				}
			}
		}
	}
}

// kept returns what was kept of a datapath's table.
func (r *Replica) kept(datapath string) *Kept {
	if r.Table != nil {
		if k := r.Table(datapath); k != nil {
			return k
		}
	}
	return &Kept{Lacks: "the conntrack table of " + datapath + " was not collected"}
}

// dump returns the kept text, which is empty where there is none.
func (k *Kept) dump() *ctdpif.Recorded {
	if k.Dump == nil {
		return &ctdpif.Recorded{}
	}
	return k.Dump
}

// NotCollectedError reports a look-up that a kept table cannot answer.
type NotCollectedError struct{ Of, Why string }

func (e *NotCollectedError) Error() string {
	return fmt.Sprintf("not collected: whether %s has such an entry is not known: %s", e.Of, e.Why)
}

// userspace returns the table and the model of a userspace datapath. info is what the Service says
// of itself.
func (r *Replica) userspace(s *Service, info *Info, dp string) (ctstate.Table, ctstate.Tracker) {
	u := ctstate.NewUserspace()
	u.Release, _ = ctstate.ParseRelease(s.info.OVSVersion)
	k := r.kept(dp)
	policies := func(ctx context.Context) (map[uint16]map[string]uint32, error) {
		return s.timeoutPolicies(ctx, "netdev")
	}
	var t table = ctdpif.New(k.dump(), dp)
	if k.Held != nil {
		t = k.held(r, info)
	}
	if k.Lacks != "" {
		t = lacking{t, r.Of, k.Lacks}
	}
	return t, ctdpif.NewTracker(settings{k}, dp, u, policies)
}

// settings answers for the settings of a userspace datapath. Most are not collected: they are taken
// to be Open vSwitch's defaults (lib/conntrack.c: conntrack_init, DEFAULT_N_CONN_LIMIT).
type settings struct{ k *Kept }

// Call answers one of the questions of ctdpif.ReadSettings.
func (c settings) Call(_ context.Context, method string, args ...string) (string, error) {
	if why := c.k.Lost[method]; why != "" {
		return "", fmt.Errorf("not collected: %s", why)
	}
	if text, ok := c.k.Answers[method]; ok {
		if len(args) > 1 { // of one zone, under the default limit
			return c.k.zoneLimit(args[1])
		}
		return text, nil
	}
	switch method {
	case "dpctl/ct-get-nconns":
		n, err := c.k.count()
		return fmt.Sprint(n), err
	case "dpctl/ct-get-maxconns":
		return "3000000", nil
	case "dpctl/ct-get-tcp-seq-chk":
		return "TCP sequence checking: enabled", nil
	case "dpctl/ct-get-limits":
		return "default limit=0", nil
	case "dpctl/ipf-get-status":
		if c.k.Fragments != "" {
			return c.k.Fragments, nil
		}
		return "v4 enabled: 1\nv6 enabled: 1\nmin v4 frag size: 1200\nmin v6 frag size: 1280\n", nil
	}
	return "", errReplica
}

// table is what a kept table can do.
type table interface {
	ctstate.Table
	ctstate.Expecter
	ctstate.EchoFinder
}

// lacking is a table in which entries may be missing: no look-up finds out that there is none.
type lacking struct {
	table
	of, why string
}

func (l lacking) missed(zone uint16, t ctstate.Tuple, err error) error {
	if k, ok := l.table.(*keptKernel); ok && k.listed != nil && k.listed.Knows(t) {
		return err // the other list of the table has it neither
	}
	if errors.Is(err, ctstate.ErrNotFound) {
		err = &ctstate.LookupError{Zone: zone, Tuple: t, Err: &NotCollectedError{l.of, l.why}}
	}
	return err
}

// Lookup implements ctstate.Table.
func (l lacking) Lookup(ctx context.Context, zone uint16, t ctstate.Tuple) (ctstate.Entry, error) {
	e, err := l.table.Lookup(ctx, zone, t)
	return e, l.missed(zone, t, err)
}

// Expectation implements ctstate.Expecter. Expectations are never collected, and those of a zone
// hang on its helpers.
func (l lacking) Expectation(ctx context.Context, zone uint16, t ctstate.Tuple) (ctstate.Expectation, error) {
	x, err := l.table.Expectation(ctx, zone, t)
	return x, l.missed(zone, t, err)
}

// Echoes implements ctstate.EchoFinder.
func (l lacking) Echoes(ctx context.Context, zone uint16, t ctstate.Tuple) ([]ctstate.Entry, error) {
	list, err := l.table.Echoes(ctx, zone, t)
	if len(list) == 0 && (err == nil || errors.Is(err, ctstate.ErrNotFound)) {
		err = l.missed(zone, t, ctstate.ErrNotFound)
	}
	return list, err
}

// kernel returns the table and the model of the kernel. info is what the Service says of itself.
func (r *Replica) kernel(info *Info, dp string) (ctstate.Table, ctstate.Tracker) {
	rel := ctnetlink.ParseRelease(r.Kernel)
	k := ctstate.NewKernel(ctstate.Release{Major: rel.Major, Minor: rel.Minor, Patch: rel.Patch})
	if !r.At.IsZero() {
		k.Now = func() int64 { return r.At.Unix() }
	}
	set := ctnetlink.SettingsOf(r.Sysctls)
	model(k, &set)
	kept := r.kept(dp)
	unknown := kept.limits(k)
	var t table = &keptKernel{of: r.Of, kept: kept, listed: kept.Listed, lacks: kept.Lacks, zones: map[uint16]*keptZone{}}
	if kept.Held != nil {
		t = kept.held(r, info)
	}
	if kept.Lacks != "" {
		t = lackingKernel{lacking{t, r.Of, kept.Lacks}}
	}
	if unknown != nil {
		return t, keptLimits{k, unknown}
	}
	return t, k
}

// health returns what an archive has of a machine's counters, which is one reading.
func (r *Replica) health(info *Info) (*Health, error) {
	h := &Health{Time: time.Now()} // its clock is not known: no difference
	k := r.kept(info.backerOf(info.Bridge))
	n, err := k.count()
	if err != nil {
		return nil, err
	}
	c := &h.Conntrack
	c.Count = uint64(n)
	limits, ok := k.Answers["dpctl/ct-get-limits"]
	if !ok && r.Live == nil {
		h.unknown("limits of zones", errNotAsked)
	}
	set, _ := ctdpif.ParseLimits(limits)
	c.limits(info, set, func([]uint16) (map[uint16]ctstate.ZoneLimit, error) { return k.Limits, nil }, h)
	if k.Lacks != "" {
		h.unknown("the connections", &NotCollectedError{r.Of, k.Lacks})
	}
	most, ok := k.Answers["dpctl/ct-get-maxconns"]
	switch {
	case info.Datapath == "system":
		set := ctnetlink.SettingsOf(r.Sysctls)
		c.Max, c.TCPBeLiberal, c.TCPLoose = set.Max, set.TCPBeLiberal, set.TCPLoose
		if len(r.Sysctls) == 0 {
			h.unknown("conntrack settings", errors.New("sysctl -a was not collected: the kernel's defaults are taken"))
		}
	case ok:
		if c.Max, err = strconv.ParseUint(strings.TrimSpace(most), 10, 32); err != nil {
			h.unknown("the maximum number of connections", err)
		}
	case r.Live == nil:
		h.unknown("the maximum number of connections", errNotAsked)
	}
	return h, nil
}

// errNotAsked reports a setting that is in no archive of another tool.
var errNotAsked = errors.New("not collected")

// routes answers ovs/route/show with what was kept, and passes on other commands: the rebuilt
// Open vSwitch does not have every route.
type routes struct {
	caller
	text string
}

// Call runs a command.
func (r routes) Call(ctx context.Context, method string, args ...string) (string, error) {
	if method == "ovs/route/show" && r.text != "" {
		return r.text, nil
	}
	return r.caller.Call(ctx, method, args...)
}
