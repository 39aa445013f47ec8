package driver

import (
	"context"
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
)

// wantPeers names what will be asked of the tunnels that alternatives on a chassis leave by.
func (s *sending) wantPeers(ctx context.Context, chassis string, outcomes []*engine.Outcome) {
	for _, o := range outcomes {
		for _, leaf := range o.Leaves {
			if leaf.Tunnel == nil || !leaf.Tunnel.Dst.IsValid() {
				continue
			}
			sb, err := s.Southbound(ctx, chassis)
			if err != nil {
				return
			}
			if s.peers[endpoint{sb, leaf.Tunnel.Dst}] != nil || s.listedAt(ctx, sb, leaf.Tunnel.Dst) != nil {
				continue
			}
			sb.WantChassisByEncapIP(ctx, leaf.Tunnel.Dst)
			for name := range s.ahead.started { // it may be one of those
				if c := s.own[name]; c != nil && sb == s.SB && s.infos[name] == nil {
					sb.WantPeer(ctx, c)
				}
			}
		}
	}
}

// wantLast names what will be asked when the packet has ended: by finish of the chassis, and by who
// explains the tables of the datapaths.
func (s *sending) wantLast(ctx context.Context) {
	for _, v := range s.visits {
		sb, err := s.Southbound(ctx, v.Chassis)
		if err != nil {
			continue
		}
		if !s.fresh[v.Chassis] {
			sb.WantFreshness(ctx, v.Chassis)
		}
		sb.WantZoneNames(ctx, v.zones())
		var keys []int64
		for _, seg := range v.Segments {
			for _, hit := range seg.Tables {
				if key := int64(hit.Metadata); key > 0 && !slices.Contains(keys, key) {
					keys = append(keys, key)
				}
			}
		}
		sb.WantDatapathsByKey(ctx, keys)
	}
}
