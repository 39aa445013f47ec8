package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/digitalocean/go-openvswitch/ovsnl"
	"github.com/mdlayher/netlink"
	"github.com/ti-mo/conntrack"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ctdpif"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ctnetlink"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/nodens"
)

// Examiner is a Node that reports its counters and settings. It is separate from Node because older
// nodes cannot.
type Examiner interface {
	// Health reads the counters and settings of the node. It dumps no table.
	Health(ctx context.Context) (*Health, error)
}

// Health is a node's counters and settings at one time.
type Health struct {
	// Time is the node's clock when Health was read.
	Time time.Time `json:"time"`
	// Datapaths are the kernel's Open vSwitch datapaths in ovs-vswitchd's network namespace.
	Datapaths []DatapathStats `json:"datapaths,omitempty"`
	Conntrack Conntrack       `json:"conntrack"`
	// Zones are the conntrack zones that the integration bridge and ovn-controller number differently.
	Zones []ZoneDifference `json:"zones,omitempty"`
	// ZonesUnknown is why the zones could not be compared; empty if they were.
	ZonesUnknown string `json:"zones_unknown,omitempty"`
	// Unknown lists what could not be read, each with the reason.
	Unknown []string `json:"unknown,omitempty"`
}

// DatapathStats are a kernel datapath's counters since it was made (struct ovs_dp_stats and
// ovs_dp_megaflow_stats in include/uapi/linux/openvswitch.h).
type DatapathStats struct {
	Name   string `json:"name"`
	Hit    uint64 `json:"hit"`    // packets that matched a flow
	Missed uint64 `json:"missed"` // packets that matched none: upcalls
	// Of those, upcalls that did not reach ovs-vswitchd: the packet is dropped.
	Lost  uint64 `json:"lost"`
	Flows uint64 `json:"flows"`
	Masks uint32 `json:"masks"`
}

// Conntrack is the state of the integration bridge's connection tracker. The counters are the
// kernel's, of all processors, since the namespace was made (struct ip_conntrack_stat).
type Conntrack struct {
	Count        uint64 `json:"count"` // connections
	Max          uint64 `json:"max"`   // maximum number of connections; 0: unknown
	Drop         uint64 `json:"drop"`  // packets dropped because no entry could be made
	InsertFailed uint64 `json:"insert_failed"`
	EarlyDrop    uint64 `json:"early_drop"` // entries removed early to make room
	Invalid      uint64 `json:"invalid"`
	// TCPBeLiberal and TCPLoose are the settings that decide whether packets out of window and
	// connections that are picked up half way are valid.
	TCPBeLiberal bool `json:"tcp_be_liberal"`
	TCPLoose     bool `json:"tcp_loose"`
	// Limits are the zones of OVN that have a limit, of their own or the default one.
	Limits map[uint16]ctstate.ZoneLimit `json:"limits,omitempty"`
	// Together is the default limit of a userspace datapath before Open vSwitch 3.5, and the number of
	// connections of all zones without a limit of their own, which count together; nil without.
	Together *ctstate.ZoneLimit `json:"together,omitempty"`
}

// Health reads the node's counters and settings.
func (s *Service) Health(ctx context.Context) (*Health, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	info, err := s.readInfo(ctx)
	if err != nil {
		return nil, err
	}
	if r := s.opt.Replica; r != nil {
		return r.health(info)
	}
	h := &Health{Time: time.Now()}
	if h.Zones, err = s.compareZones(ctx, info.Bridge); err != nil {
		h.ZonesUnknown = err.Error()
	}
	if info.Datapath != "system" {
		set, err := ctdpif.ReadSettings(ctx, s.ctl, info.backerOf(info.Bridge))
		if err != nil {
			h.unknown("conntrack counters of the userspace datapath", err)
			return h, nil
		}
		h.Conntrack.Count, h.Conntrack.Max = uint64(set.Conns), uint64(set.MaxConns)
		h.Conntrack.limits(info, set.Limits, func(zones []uint16) (map[uint16]ctstate.ZoneLimit, error) {
			return ctdpif.ReadZoneLimits(ctx, s.ctl, info.backerOf(info.Bridge), zones)
		}, h)
		return h, nil
	}
	ns, err := s.namespace()
	if err != nil {
		return nil, err
	}
	if h.Datapaths, err = datapaths(ns); err != nil {
		h.unknown("statistics of the kernel's datapaths", err)
	}
	if err := h.Conntrack.read(ns); err != nil {
		h.unknown("conntrack statistics", err)
	}
	t, err := s.kernelTable(ctx)
	if err != nil {
		h.unknown("conntrack settings", err)
		return h, nil
	}
	set, err := t.Settings()
	if err != nil {
		h.unknown("conntrack settings", err)
		return h, nil
	}
	c := &h.Conntrack
	c.Count, c.Max, c.TCPBeLiberal, c.TCPLoose = uint64(set.Count), uint64(set.Max), set.TCPBeLiberal, set.TCPLoose
	for zone := range info.Zones {
		l, err := t.ZoneLimit(ctx, zone)
		if errors.Is(err, ctnetlink.ErrNoZoneLimits) {
			break
		}
		if err != nil {
			h.unknown("limits of zones", err)
			break
		}
		c.limit(info, zone, ctstate.ZoneLimit{Limit: l.Limit, Count: l.Count})
	}
	return h, nil
}

// limits adds the limits of OVN's zones; of is asked for those that have the default limit.
func (c *Conntrack) limits(info *Info, set ctdpif.Limits, of func(zones []uint16) (map[uint16]ctstate.ZoneLimit, error), h *Health) {
	for zone, l := range set.Zones {
		c.limit(info, zone, l)
	}
	var zones []uint16
	for zone := range info.Zones {
		if _, own := set.Zones[zone]; !own {
			zones = append(zones, zone)
		}
	}
	if set.Default == 0 || len(zones) == 0 {
		return
	}
	slices.Sort(zones)
	// "conntrack: Use a per zone default limit": before, all these zones have one counter.
	release, err := ctstate.ParseRelease(info.OVSVersion)
	together := info.Datapath != "system" && err == nil && !release.AtLeast(3, 5)
	if together {
		zones = zones[:1]
	}
	limits, err := of(zones)
	for _, zone := range zones {
		switch l, known := limits[zone]; {
		case !known:
			err = cmp.Or(err, errZoneCount)
		case together:
			c.Together = &l
		default:
			c.limit(info, zone, l)
		}
	}
	if err != nil {
		h.unknown("limits of zones", err)
	}
}

// limit adds the limit of a zone, if it has one and is OVN's.
func (c *Conntrack) limit(info *Info, zone uint16, l ctstate.ZoneLimit) {
	if _, ours := info.Zones[zone]; !ours || l.Limit == 0 {
		return
	}
	if c.Limits == nil {
		c.Limits = map[uint16]ctstate.ZoneLimit{}
	}
	c.Limits[zone] = l
}

func (h *Health) unknown(what string, err error) {
	h.Unknown = append(h.Unknown, fmt.Sprintf("%s: %v", what, err))
}

// datapaths reads the counters of the datapaths in ns over generic netlink.
func datapaths(ns nodens.NetNS) (out []DatapathStats, err error) {
	err = ns.Do(func() error {
		c, err := ovsnl.New()
		if errors.Is(err, fs.ErrNotExist) {
			return errors.New("the kernel has no Open vSwitch datapath")
		}
		if err != nil {
			return err
		}
		defer c.Close()
		list, err := c.Datapath.List()
		for _, d := range list {
			out = append(out, DatapathStats{
				Name: d.Name, Hit: d.Stats.Hit, Missed: d.Stats.Missed, Lost: d.Stats.Lost, Flows: d.Stats.Flows, Masks: d.MegaflowStats.Masks,
			})
		}
		return err
	})
	return out, err
}

// read adds up the counters of all processors in ns (IPCTNL_MSG_CT_GET_STATS_CPU).
func (c *Conntrack) read(ns nodens.NetNS) error {
	f, err := ns.Open()
	if err != nil {
		return err
	}
	defer f.Close()
	conn, err := conntrack.Dial(&netlink.Config{NetNS: nodens.ToEnter(f)})
	if err != nil {
		return err
	}
	defer conn.Close()
	cpus, err := conn.Stats()
	for _, s := range cpus {
		c.Drop += uint64(s.Drop)
		c.InsertFailed += uint64(s.InsertFailed)
		c.EarlyDrop += uint64(s.EarlyDrop)
		c.Invalid += uint64(s.Invalid)
	}
	return err
}

// Health asks the node for its counters and settings.
func (r *Remote) Health(ctx context.Context) (*Health, error) {
	return remoteCall[*Health](ctx, r, "Health", struct{}{})
}
