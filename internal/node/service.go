package node

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/vswitchd"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ctdpif"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ctjournal"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ctnetlink"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/dpif"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/unixctl"
)

// Options are the paths of a Service's daemons.
type Options struct {
	RunDir string // folder of ovs-vswitchd.pid and of its control socket
	// OVNRunDir is the folder of ovn-controller.pid; empty is OVN_RUNDIR, else the packaged folder.
	OVNRunDir string
	DB        string // remote of the Open_vSwitch database; empty: "unix:RUNDIR/db.sock"
	// File of the network namespace whose conntrack is read; empty: that of ovs-vswitchd.
	NetNS   string
	Journal string // folder of the journal of synthetic kernel entries
	NoDB    bool   // a bridge without OVN: the database is not read
	Limits  engine.Limits
	// Replica is set for another machine that was rebuilt here; RunDir and DB are then the rebuilt
	// ones.
	Replica *Replica
}

// DefaultRunDir returns Open vSwitch's run folder: OVS_RUNDIR, else the packaged folder.
func DefaultRunDir() string {
	if d := os.Getenv("OVS_RUNDIR"); d != "" {
		return d
	}
	return "/var/run/openvswitch"
}

// Service is a Node on this machine.
type Service struct {
	opt Options

	mu   sync.Mutex
	ctl  *unixctl.Client
	info *Info
	// version of the ovs-vswitchd that ctl reaches, which is not that of a replica's machine.
	version string
	table   *ctnetlink.Table
	engine  map[string]*engine.Engine // by datapath, TYPE@NAME
	commit  *ctjournal.Committer
	open    opened

	rec      recordings
	zone     zone
	policies policyDB
}

// NewService returns a node on this machine; it opens nothing yet.
func NewService(opt Options) *Service {
	if opt.RunDir == "" {
		opt.RunDir = DefaultRunDir()
	}
	if opt.OVNRunDir == "" {
		if opt.OVNRunDir = os.Getenv("OVN_RUNDIR"); opt.OVNRunDir == "" {
			opt.OVNRunDir = "/var/run/ovn"
		}
	}
	if opt.DB == "" {
		opt.DB = "unix:" + filepath.Join(opt.RunDir, "db.sock")
	}
	return &Service{opt: opt, engine: map[string]*engine.Engine{}, open: opened{}}
}

// Version returns the tool's version from its build information.
func Version() string {
	if bi, ok := debug.ReadBuildInfo(); ok && bi.Main.Version != "" {
		return bi.Main.Version
	}
	return "(devel)"
}

// control connects to ovs-vswitchd's control socket.
func (s *Service) control() (*unixctl.Client, error) {
	if s.ctl != nil {
		return s.ctl, nil
	}
	path, _, err := unixctl.Discover(s.opt.RunDir, "ovs-vswitchd")
	if err != nil {
		return nil, err
	}
	s.ctl = &unixctl.Client{Path: path}
	return s.ctl, nil
}

// Info reads the node's bridges, ports, zones and versions.
func (s *Service) Info(ctx context.Context) (*Info, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.readInfo(ctx)
}

func (s *Service) readInfo(ctx context.Context) (*Info, error) {
	if s.info != nil {
		return s.info, nil
	}
	ctl, err := s.control()
	if err != nil {
		return nil, err
	}
	text, err := ctl.Call(ctx, "dpif/show")
	if err != nil {
		return nil, err
	}
	shown, err := dpif.ParseShow(text)
	if err != nil {
		return nil, err
	}
	if s.opt.Replica != nil {
		s.opt.Replica.shown(shown)
	}
	info := &Info{Tool: Version(), Kernel: kernelRelease(), Bridge: "br-int"}
	var rows map[string]*ovn.Interface
	var mirrors []*ovn.Mirror
	if !s.opt.NoDB {
		if rows, mirrors, err = s.readDatabase(ctx, info); err != nil {
			return nil, err
		}
	}
	if err := s.readVersions(ctx, info); err != nil {
		return nil, err
	}
	info.Ports = joinPorts(shown, rows, mirrors)
	info.Warnings = append(info.Warnings, untold(mirrors, rows)...)
	s.readBonds(ctx, info)
	if s.opt.Replica == nil {
		s.readListeners(ctx, info)
		s.tunnelSources(info)
	}
	for _, p := range info.Ports {
		if p.Bridge == info.Bridge {
			info.Datapath = p.DatapathType()
		}
	}
	s.opt.Replica.machine(info)
	s.info = info
	return info, nil
}

// readVersions asks the daemons: only start scripts fill in the database's column.
func (s *Service) readVersions(ctx context.Context, info *Info) (err error) {
	if r := s.opt.Replica; r != nil {
		r.describe(info)
		if s.version, err = s.ctl.Version(ctx); err == nil && r.Live != nil {
			s.readOVNVersion(ctx, info) // flows are what the copied ovn-controller makes
		}
		return err
	}
	defer func() { s.version = info.OVSVersion }()
	if v, err := s.ctl.Version(ctx); err == nil {
		info.OVSVersion = v
	}
	s.readOVNVersion(ctx, info)
	return nil
}

// readOVNVersion asks ovn-controller for its version, if one is visible here: it may be in a
// container, or there is none.
func (s *Service) readOVNVersion(ctx context.Context, info *Info) {
	path, _, err := unixctl.Discover(s.opt.OVNRunDir, "ovn-controller")
	if err != nil {
		return
	}
	ctl := &unixctl.Client{Path: path}
	defer ctl.Close()
	if v, err := ctl.Version(ctx); err == nil {
		info.OVNVersion = v
	}
}

// readDatabase reads the Open_vSwitch database into info, and returns its interfaces.
func (s *Service) readDatabase(ctx context.Context, info *Info) (map[string]*ovn.Interface, []*ovn.Mirror, error) {
	db, err := ovn.DialOVS(ctx, ovsdb.Options{Remotes: s.opt.DB})
	if err != nil {
		return nil, nil, err
	}
	defer db.Close()
	cfg, err := db.Config(ctx)
	if err != nil {
		return nil, nil, err
	}
	info.SystemID, info.Hostname = cfg.SystemID, cfg.Hostname
	if info.OVSVersion == "" {
		info.OVSVersion = cfg.OVSVersion
	}
	info.OVNRemote, info.Bridge = cfg.Remote(), cfg.Bridge()
	info.Settings = cfg.Settings()
	info.BridgeMappings, info.EncapTypes = cfg.BridgeMappings(), cfg.EncapTypes()
	for _, ip := range cfg.EncapIPs() {
		info.EncapIPs = append(info.EncapIPs, ip.String())
	}
	bridges, err := db.AllBridges(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, b := range bridges {
		if b.Name == info.Bridge {
			info.Zones, info.SharedZones = b.CTZones(), b.SharedCTZones()
		}
	}
	rows, err := db.AllInterfaces(ctx)
	if err != nil {
		return nil, nil, err
	}
	mirrors, err := db.Mirrors(ctx)
	return rows, mirrors, err
}

// Trace follows one packet on this node.
func (s *Service) Trace(ctx context.Context, req TraceRequest) (*engine.Result, error) {
	return s.trace(ctx, req, false)
}

func (s *Service) trace(ctx context.Context, req TraceRequest, asNew bool) (*engine.Result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	info, err := s.readInfo(ctx)
	if err != nil {
		return nil, err
	}
	if req.Bridge == "" {
		req.Bridge = info.Bridge
	}
	if p, ok := info.PortByNumber(req.Bridge, req.InPort); ok && req.InPortDatapath == "" {
		req.InPortDatapath = p.Datapath
	}
	eng, err := s.engineFor(ctx, info, req.Bridge)
	if err != nil {
		return nil, err
	}
	if t, ok := eng.Table.(*ctdpif.Table); ok && s.opt.Replica == nil {
		t.Renew(req.maxDump()) // what was read for the last packet may be outdated
	}
	if u, ok := eng.Underlay.(*underlay); ok {
		u.reset()
	}
	if u, ok := eng.Tracker.(*ctdpif.Tracker); ok && s.opt.Replica == nil {
		u.Reset() // a replica's settings do not change
	}
	if asNew {
		bare := *eng
		bare.Table = ctstate.NewMemTable()
		eng = &bare
	}
	before := s.ctl.Spent()
	res, err := eng.Trace(ctx, req.Request, req.Overlay)
	if res != nil {
		res.Busy = s.ctl.Spent() - before
	}
	s.opt.Replica.hide(res)
	s.open.learn(res)
	return res, err
}

// Check opens what a trace on the integration bridge needs.
func (s *Service) Check(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	info, err := s.readInfo(ctx)
	if err != nil {
		return err
	}
	_, err = s.engineFor(ctx, info, info.Bridge)
	return err
}

// engineFor returns the engine for a bridge's datapath, which it makes once.
func (s *Service) engineFor(ctx context.Context, info *Info, bridge string) (*engine.Engine, error) {
	backer := info.backerOf(bridge)
	if backer == "" {
		return nil, &ovn.NotFoundError{What: "bridge", Name: bridge}
	}
	if e := s.engine[backer]; e != nil {
		return e, nil
	}
	e := &engine.Engine{
		OVS: vswitchd.Over(s.ctl, s.version), Ports: info.On(backer), Bonds: info.On(backer),
		Underlay: newUnderlay(s.underlay(), info, backer), Limits: s.opt.Limits, OVN: true,
		Groups: groups(s.opt.RunDir),
		Now:    func() int64 { return time.Now().Unix() },
	}
	var err error
	typ, _, _ := strings.Cut(backer, "@")
	if r := s.opt.Replica; r != nil {
		e.Underlay, e.Invented = r.ways(e.Underlay, typ), r.Invented
	}
	switch r := s.opt.Replica; {
	case r != nil && typ == "system":
		e.Table, e.Tracker = r.kernel(info, backer)
	case r != nil:
		e.Table, e.Tracker = r.userspace(s, info, backer)
		e.Recircs = recircs(info.OVSVersion)
	case typ == "system":
		e.Table, e.Tracker, err = s.kernelModel(ctx)
	default:
		e.Table, e.Tracker = s.userspaceModel(backer)
		e.Recircs = recircs(info.OVSVersion)
	}
	if err != nil {
		return nil, err
	}
	s.engine[backer] = e
	return e, nil
}

// kernelTable opens the table of ovs-vswitchd's network namespace: the connections of the kernel
// datapath are in the namespace in which it was created.
func (s *Service) kernelTable(ctx context.Context) (*ctnetlink.Table, error) {
	if s.table != nil {
		return s.table, nil
	}
	ns, err := s.namespace()
	if err != nil {
		return nil, err
	}
	t, err := ctnetlink.Open(ctx, ns)
	if err != nil {
		return nil, err
	}
	s.table = t
	return t, nil
}

// Close ends captures, removes synthetic entries and closes the sockets.
func (s *Service) Close(ctx context.Context) error {
	s.rec.close()
	errs := []error{s.zone.close(), s.policies.close()}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.commit != nil {
		errs = append(errs, s.commit.Close(ctx))
		s.commit = nil
	}
	if s.table != nil {
		errs = append(errs, s.table.Close())
		s.table = nil
	}
	if s.ctl != nil {
		errs = append(errs, s.ctl.Close())
		s.ctl = nil
	}
	return errors.Join(errs...)
}

func kernelRelease() string {
	b, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return ""
	}
	return string(trimNL(b))
}

func trimNL(b []byte) []byte {
	for len(b) > 0 && b[len(b)-1] == '\n' {
		b = b[:len(b)-1]
	}
	return b
}

var _ ctstate.Table = (*ctnetlink.Table)(nil)
