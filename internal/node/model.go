package node

import (
	"context"
	"errors"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ctnetlink"
)

// kernelModel returns the kernel's conntrack table, and the kernel's model with this node's release
// and settings.
func (s *Service) kernelModel(ctx context.Context) (ctstate.Table, ctstate.Tracker, error) {
	t, err := s.kernelTable(ctx)
	if err != nil {
		return nil, nil, err
	}
	set, err := t.Settings()
	if err != nil {
		return nil, nil, err
	}
	k := ctstate.NewKernel(ctstate.Release{Major: set.Kernel.Major, Minor: set.Kernel.Minor, Patch: set.Kernel.Patch})
	k.Now = func() int64 { return time.Now().Unix() }
	model(k, &set)
	return t, limited{k, t}, nil
}

// model sets what the settings of a machine say.
func model(k *ctstate.Kernel, set *ctnetlink.Settings) {
	k.Count, k.Max = int(set.Count), int(set.Max)
	k.Sysctl.TCPBeLiberal, k.Sysctl.TCPIgnoreInvalidRST = set.TCPBeLiberal, set.TCPIgnoreInvalidRST
	k.Sysctl.TCPNoWindowCheck, k.Sysctl.Checksum = set.TCPNoWindowCheck, set.Checksum
	if !set.TCPLoose {
		k.Sysctl.TCPLoose = 0
	}
	timeouts(&k.Timeouts, set.Timeouts)
}

// timeouts sets the timeouts of the node's sysctls (nf_conntrack_*_timeout_*).
func timeouts(t *ctstate.Timeouts, set map[string]uint32) {
	for name, dst := range map[string]*uint32{
		"tcp_syn_sent": &t.TCP[ctstate.TCPSynSent], "tcp_syn_recv": &t.TCP[ctstate.TCPSynRecv],
		"tcp_established": &t.TCP[ctstate.TCPEstablished], "tcp_fin_wait": &t.TCP[ctstate.TCPFinWait],
		"tcp_close_wait": &t.TCP[ctstate.TCPCloseWait], "tcp_last_ack": &t.TCP[ctstate.TCPLastAck],
		"tcp_time_wait": &t.TCP[ctstate.TCPTimeWait], "tcp_close": &t.TCP[ctstate.TCPClose],
		"tcp_max_retrans": &t.TCPRetrans, "tcp_unacknowledged": &t.TCPUnack,
		"udp": &t.UDP, "udp_stream": &t.UDPStream, "icmp": &t.ICMP, "icmpv6": &t.ICMPv6,
		"generic": &t.Generic, "gre": &t.GRE, "gre_stream": &t.GREStream,
		"sctp_closed": &t.SCTP[1], "sctp_cookie_wait": &t.SCTP[2], "sctp_cookie_echoed": &t.SCTP[3],
		"sctp_established": &t.SCTP[4], "sctp_shutdown_sent": &t.SCTP[5], "sctp_shutdown_recd": &t.SCTP[6],
		"sctp_shutdown_ack_sent": &t.SCTP[7], "sctp_heartbeat_sent": &t.SCTP[8],
	} {
		if v, ok := set[name]; ok {
			*dst = v
		}
	}
}

// limited reads a zone's limit from the kernel before each commit into the zone: OVS drops a packet
// whose commit exceeds the limit (net/openvswitch/conntrack.c: ovs_ct_check_limit).
type limited struct {
	*ctstate.Kernel
	table *ctnetlink.Table
}

// Do runs one ct() action with the zone's current limit.
func (l limited) Do(ctx context.Context, tbl ctstate.Table, conn ctstate.Conn, p ctstate.Packet, a ctstate.Action) (ctstate.Result, error) {
	if a.Commit {
		z, err := l.table.ZoneLimit(ctx, a.Zone)
		switch {
		case err == nil:
			if l.ZoneLimits == nil {
				l.ZoneLimits = map[uint16]ctstate.ZoneLimit{}
			}
			l.ZoneLimits[a.Zone] = ctstate.ZoneLimit{Limit: z.Limit, Count: z.Count}
		case !errors.Is(err, ctnetlink.ErrNoZoneLimits):
			return ctstate.Result{Conn: conn, Packet: p}, err
		}
	}
	return l.Kernel.Do(ctx, tbl, conn, p, a)
}
