// Package bundle collects from a live deployment what a trace needs, as an archive in the shape of
// sosreports: a folder for each chassis and for the databases of each zone. Nothing is changed on a
// node, and what is taken is named by ovn.Portable and by the parts of node.Collector.
package bundle

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/deployment"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// The parts of a zone; those of a chassis are node.PartConf and others.
const (
	PartSB = "sb"
	PartNB = "nb"
)

// AllParts are the names of all parts.
var AllParts = []string{PartSB, PartNB, node.PartConf, node.PartKernel, node.PartRoutes, node.PartFlows, node.PartConntrack}

// Options say what to collect.
type Options struct {
	// Parts are the names of the parts to collect.
	Parts []string
	// MaxBytes bounds the size of all files before they are compressed; 0 is no bound. A part that
	// does not fit is left out.
	MaxBytes int64
	// MaxDump is that of node.TraceRequest.
	MaxDump int
	// Say is told what is being collected.
	Say func(step string)
}

// Plan is what will be collected.
type Plan struct {
	Report *report.BundleReport
	hosts  []*host
}

// host is a folder of the archive.
type host struct {
	out  *report.BundleHost
	node node.Collector // of a chassis
	info *node.Info
	db   map[string]*ovsdb.DB // of a zone, by part
	// failed are the chassis that were not reached, for the first zone's manifest.
	failed  []report.BundleFailure
	files   []collected
	absent  []string // parts that were not asked for
	zoneOf  string   // the chassis of another zone; empty for the run's own
	started time.Time
}

// surveyTime bounds how long a chassis may take to say what it has.
const surveyTime = 30 * time.Second

// surveyed is the number of chassis that are asked at once.
const surveyed = 8

// Survey asks the chassis and the databases what there is. A chassis that does not answer is in the
// report, as is its reason.
func Survey(ctx context.Context, run *deployment.Run, chassis []*ovn.Chassis, opt Options) (*Plan, error) {
	p := &Plan{Report: &report.BundleReport{Schema: report.Schema, Collected: time.Now().UTC().Format(time.RFC3339),
		Versions: report.Versions{Tool: node.Version(), Chassis: map[string]report.Chassis{}}}}
	found := make([]*host, len(chassis))
	errs := make([]error, len(chassis))
	var wg sync.WaitGroup
	slots := make(chan struct{}, surveyed)
	for i, c := range chassis {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			found[i], errs[i] = survey(ctx, run, c, opt)
		})
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p.hosts = []*host{zoneHost(run.SB, run.NB, "", opt)}
	if run.NB == nil && slices.Contains(opt.Parts, PartNB) {
		p.lacksNB("", run.NoNB)
	}
	p.otherZones(ctx, run, chassis, errs, opt)
	for i, c := range chassis {
		if errs[i] != nil {
			p.Report.Failed = append(p.Report.Failed, report.BundleFailure{Chassis: c.Name, Error: strings.TrimPrefix(errs[i].Error(), "chassis "+c.Name+": ")})
			continue
		}
		p.hosts = append(p.hosts, found[i])
		p.Report.Versions.Chassis[c.Name] = report.Chassis{OVS: found[i].info.OVSVersion, OVN: found[i].info.OVNVersion, Datapath: found[i].info.Datapath}
	}
	p.hosts[0].failed = p.Report.Failed
	p.number()
	return p, nil
}

// number names the folders: readers take the first zone for the one that is asked.
func (p *Plan) number() {
	width := len(fmt.Sprint(len(p.hosts)))
	for i, h := range p.hosts {
		h.out.Folder = fmt.Sprintf("%0*d-%s", width, i, folderName(h.out.Hostname))
		p.Report.Hosts = append(p.Report.Hosts, *h.out)
	}
	for i, h := range p.hosts {
		h.out = &p.Report.Hosts[i]
	}
}

// folderName makes a name one of a folder.
func folderName(s string) string {
	out := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '.' || r == '_' {
			return r
		}
		return '_'
	}, s)
	return strings.TrimLeft(out[:min(len(out), 80)], ".")
}

func (p *Plan) warn(format string, args ...any) {
	p.Report.Warnings = append(p.Report.Warnings, fmt.Sprintf(format, args...))
}

func (p *Plan) lacksNB(of string, err error) {
	if of != "" {
		of = " of " + of + "'s zone"
	}
	if err == nil {
		err = errors.New("it was not found")
	}
	p.warn("without the Northbound database%s, rules are named by logical flow only: %v", of, err)
}

// zoneHost returns the folder of a zone's databases.
func zoneHost(sb *ovn.SB, nb *ovn.NB, of string, opt Options) *host {
	h := &host{out: &report.BundleHost{Hostname: "databases"}, db: map[string]*ovsdb.DB{}, zoneOf: of}
	if of != "" {
		h.out.Hostname += "-" + of
	}
	add := func(part string, db *ovsdb.DB) {
		h.out.Parts = append(h.out.Parts, report.BundlePart{Name: part, Of: db.Remote(), Items: -1})
		h.db[part] = db
	}
	if slices.Contains(opt.Parts, PartSB) {
		add(PartSB, sb.DB)
	}
	if nb != nil && slices.Contains(opt.Parts, PartNB) {
		add(PartNB, nb.DB)
	}
	return h
}

// otherZones adds the databases of the zones of chassis that belong to another one.
func (p *Plan) otherZones(ctx context.Context, run *deployment.Run, chassis []*ovn.Chassis, failed []error, opt Options) {
	seen := map[*ovn.SB]bool{run.SB: true}
	for i, c := range chassis {
		if !c.IsRemote() || failed[i] != nil {
			continue
		}
		z, err := run.ZoneOf(ctx, c)
		if err != nil {
			p.warn("the databases of %s's zone are not collected: %v", c.Name, err)
			continue
		}
		if seen[z.SB] {
			continue
		}
		seen[z.SB] = true
		if z.NB == nil && slices.Contains(opt.Parts, PartNB) {
			p.lacksNB(c.Name, nil)
		}
		p.hosts = append(p.hosts, zoneHost(z.SB, z.NB, c.Name, opt))
	}
}

// errTooOld reports a node without node.Collector.
var errTooOld = errors.New("its node is too old to be asked for a bundle")

// survey asks one chassis.
func survey(ctx context.Context, run *deployment.Run, c *ovn.Chassis, opt Options) (*host, error) {
	ctx, cancel := context.WithTimeout(ctx, surveyTime)
	defer cancel()
	nd, err := run.Nodes.Node(ctx, c)
	if err != nil {
		return nil, err
	}
	h := &host{out: &report.BundleHost{Chassis: c.Name, Hostname: c.Name}}
	if h.info, err = nd.Info(ctx); err != nil {
		return nil, err
	}
	if h.info.SystemID != c.Name {
		return nil, fmt.Errorf("the node that is reached is %q, not %q", h.info.SystemID, c.Name)
	}
	var ok bool
	if h.node, ok = nd.(node.Collector); !ok {
		return nil, errTooOld
	}
	asked := time.Now()
	parts, err := h.node.Parts(ctx)
	if errors.Is(err, errors.ErrUnsupported) {
		return nil, fmt.Errorf("%w: %w", errTooOld, err)
	}
	if err != nil {
		return nil, err
	}
	// Its clock was read somewhere in between.
	took := time.Since(asked)
	if ahead := parts.Time.Sub(asked.Add(took / 2)); ahead.Abs() > took/2 {
		h.out.ClockMS = ahead.Milliseconds()
	}
	h.out.Kernel = h.info.Kernel
	// Parts that fewer questions need come last: a limit of size leaves them out first.
	for _, name := range AllParts {
		for _, part := range parts.Parts {
			if part.Name == name && slices.Contains(opt.Parts, name) {
				h.out.Parts = append(h.out.Parts, report.BundlePart{Name: part.Name, Of: part.Of, Items: part.Items})
			}
		}
		if !slices.Contains(opt.Parts, name) {
			h.absent = append(h.absent, name)
		}
	}
	return h, nil
}
