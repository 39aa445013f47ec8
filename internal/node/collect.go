package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ctdpif"
)

// Collector is a Node that hands over what its chassis can be rebuilt from elsewhere. It is
// separate from Node because older nodes cannot.
type Collector interface {
	// Parts lists what there is to collect. It dumps nothing.
	Parts(ctx context.Context) (*Parts, error)
	// Collect hands one part over, file after file, in batches that are valid until yield returns. It
	// ends at the first error of yield. A file that cannot be read ends with its error; the others
	// follow.
	Collect(ctx context.Context, req CollectRequest, yield func([]Chunk) error) (*Collected, error)
}

// The parts of a chassis.
const (
	PartConf      = "conf"      // Open vSwitch's database
	PartFlows     = "flows"     // flows, groups, meters, Geneve options and learned addresses of a bridge
	PartConntrack = "conntrack" // the connections of a datapath, what they expect, and settings
	PartRoutes    = "routes"    // routes and neighbours of native tunnels
	PartKernel    = "kernel"    // the kernel's release, and its settings of connection tracking
)

// Part is something that can be collected.
type Part struct {
	Name string `json:"name"`
	Of   string `json:"of,omitempty"` // the bridge, or the datapath, TYPE@NAME
	// Items is the number of flows or connections, as the daemon has counted them; -1 if unknown.
	Items int64 `json:"items"`
}

// Parts lists the parts of a chassis.
type Parts struct {
	Time  time.Time `json:"time"` // the node's clock
	Parts []Part    `json:"parts"`
}

// CollectRequest names a part.
type CollectRequest struct {
	Part
	// MaxDump is that of TraceRequest.
	MaxDump int `json:"max_dump,omitempty"`
}

// Chunk is a piece of a file.
type Chunk struct {
	// File is the command of which it is the output, as sosreport names it, or ConfFile.
	File string   `json:"file"`
	Data []byte   `json:"data,omitempty"`
	End  *FileEnd `json:"end,omitempty"` // it is the file's last one
}

// FileEnd says how a file ends.
type FileEnd struct {
	// Error says why the file could not be read; it is then useless. Absent says that the machine does
	// not have it: a command of another release.
	Error  string `json:"error,omitempty"`
	Absent bool   `json:"absent,omitempty"`
	// Lacks says why a part of it may be missing; empty if it is whole.
	Lacks string `json:"lacks,omitempty"`
}

// Collected ends a part.
type Collected struct {
	Files int `json:"files"`
}

// The files that are no command's output.
const (
	ConfFile = "conf.db"
	// EntriesFile, with a datapath behind it, is the kernel's connections: on each line the zone, a
	// blank and a ctstate.Entry as JSON.
	EntriesFile = "entries "
	// ExpectedFile, likewise, is what these connections expect: the zone and a ctnetlink.Expected.
	ExpectedFile = "expected "
	// LimitsFile, likewise, is what dpctl/ct-get-limits says of each zone of OVN: its limit, be it the
	// default one, and the connections that count against it. It is there if a default limit is set.
	LimitsFile = "limits "
)

// collection is one run of Service.Collect.
type collection struct {
	s     *Service
	info  *Info
	req   CollectRequest
	yield func([]Chunk) error
	out   Collected
	bad   error // of yield: the run is over
}

// Parts lists what can be collected on this node.
func (s *Service) Parts(ctx context.Context) (*Parts, error) {
	c, err := s.collection(ctx)
	if err != nil {
		return nil, err
	}
	out := &Parts{Time: time.Now(), Parts: []Part{{Name: PartConf, Items: -1}}}
	for _, br := range c.bridges() {
		out.Parts = append(out.Parts, Part{PartFlows, br, c.flowCount(ctx, br)})
	}
	for _, dp := range c.datapaths() {
		out.Parts = append(out.Parts, Part{PartConntrack, dp, c.connections(ctx, dp)})
	}
	out.Parts = append(out.Parts, Part{Name: PartRoutes, Items: -1}, Part{Name: PartKernel, Items: -1})
	return out, ctx.Err()
}

// Collect hands over a part of this node.
func (s *Service) Collect(ctx context.Context, req CollectRequest, yield func([]Chunk) error) (*Collected, error) {
	c, err := s.collection(ctx)
	if err != nil {
		return nil, err
	}
	c.req, c.yield = req, yield
	switch req.Name {
	case PartConf:
		c.conf(ctx)
	case PartFlows:
		if !slices.Contains(c.bridges(), req.Of) {
			return nil, fmt.Errorf("there is no bridge %q", req.Of)
		}
		c.flows(ctx, req.Of)
	case PartConntrack:
		if !slices.Contains(c.datapaths(), req.Of) {
			return nil, fmt.Errorf("there is no datapath %q", req.Of)
		}
		c.conntrack(ctx, req.Of)
	case PartRoutes:
		c.appctl(ctx, "ovs/route/show")
		c.appctl(ctx, "tnl/arp/show")
	case PartKernel:
		c.kernel(ctx)
	default:
		return nil, fmt.Errorf("no part is called %q", req.Name)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return &c.out, c.bad
}

// errNoDatabaseRead reports a bridge without OVN.
var errNoDatabaseRead = errors.New("its database is not read")

func (s *Service) collection(ctx context.Context) (*collection, error) {
	if err := s.live("collect"); err != nil {
		return nil, err
	}
	if s.opt.NoDB {
		return nil, errNoDatabaseRead
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	info, err := s.readInfo(ctx)
	return &collection{s: s, info: info}, err
}

func (c *collection) bridges() []string {
	return c.distinct(func(p *Port) string { return p.Bridge })
}

func (c *collection) datapaths() []string {
	return c.distinct(func(p *Port) string { return p.Backer })
}

func (c *collection) distinct(of func(p *Port) string) (out []string) {
	for i := range c.info.Ports {
		if v := of(&c.info.Ports[i]); v != "" && !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	slices.Sort(out)
	return out
}

// connections returns the number of a datapath's connections; -1 if it is unknown.
func (c *collection) connections(ctx context.Context, dp string) int64 {
	var n int64
	text, err := c.s.ctl.Call(ctx, "dpctl/ct-get-nconns", dp)
	if err == nil {
		_, err = fmt.Sscan(strings.TrimSpace(text), &n)
	}
	if err != nil {
		return -1
	}
	return n
}

// conntrack hands over the connections of a datapath and its settings.
func (c *collection) conntrack(ctx context.Context, dp string) {
	if strings.HasPrefix(dp, "system@") {
		k := &kernelTable{helped: map[helped]bool{}}
		c.file(EntriesFile+dp, func(w *sink) error { return c.entries(ctx, w, k) })
		if k.table != nil {
			c.file(ExpectedFile+dp, func(w *sink) error { return k.expected(ctx, w) })
		}
	} else {
		t := ctdpif.New(ctdpif.Socket{Path: c.s.ctl.Path}, dp)
		t.MaxDump = (&TraceRequest{MaxDump: c.req.MaxDump}).maxDump()
		c.file("ovs-appctl dpctl/dump-conntrack -m -s "+dp, func(w *sink) error {
			if err := t.MayDump(ctx); err != nil {
				return err
			}
			return c.stream(ctx, w, "dpctl/dump-conntrack", "-m", "-s", dp)
		})
		c.file("ovs-appctl dpctl/dump-conntrack-exp "+dp, func(w *sink) error { return c.stream(ctx, w, "dpctl/dump-conntrack-exp", dp) })
		for _, method := range []string{"dpctl/ct-get-maxconns", "dpctl/ct-get-tcp-seq-chk", "dpctl/ipf-get-status"} {
			c.appctl(ctx, method, dp)
		}
	}
	c.limits(ctx, dp)
}

// Parts asks the node what there is to collect.
func (r *Remote) Parts(ctx context.Context) (*Parts, error) {
	return remoteCall[*Parts](ctx, r, "Parts", struct{}{})
}

// Collect asks the node for a part. Nothing bounds its size but yield.
func (r *Remote) Collect(ctx context.Context, req CollectRequest, yield func([]Chunk) error) (*Collected, error) {
	return pull[Chunk, *Collected](ctx, r, "Collect", req, 0, yield)
}

var (
	_ Collector     = (*Service)(nil)
	_ Collector     = (*Remote)(nil)
	_ ctstate.Table = (*keptKernel)(nil)
)
