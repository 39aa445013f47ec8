package ctstate

import "context"

// Kernel is the kernel datapath's conntrack: net/openvswitch/conntrack.c over nf_conntrack and
// nf_nat. The zero Kernel has timeouts of 0; [NewKernel] sets the kernel's defaults.
type Kernel struct {
	// Release is the release of the modelled kernel; the zero Release is the newest.
	Release Release
	Sysctl  Sysctls
	// Timeouts are the net namespace's timeouts; Policies are those of ct(timeout=NAME), by name.
	Timeouts Timeouts
	Policies map[string]Timeouts
	// Count and Max are nf_conntrack_count and nf_conntrack_max; with Max 0 the table has no limit.
	Count, Max int
	// ZoneLimits are OVS's limits and counts of single zones; DefaultZoneLimit applies to the other
	// zones. A limit of 0 is unlimited.
	ZoneLimits       map[uint16]ZoneLimit
	DefaultZoneLimit uint32
	// Now returns the time in seconds since 1970, from which the age of a UDP connection is
	// computed; with nil, every connection is taken as young.
	Now func() int64
}

// Sysctls are the net.netfilter.nf_conntrack_* sysctls that change answers.
type Sysctls struct {
	TCPLoose            int // nf_conntrack_tcp_loose; with 0, no connection is picked up in the middle
	TCPBeLiberal        bool
	TCPIgnoreInvalidRST bool
	TCPNoWindowCheck    bool // tcp_no_window_check, which only some distributions' kernels have
	Checksum            bool
}

// Timeouts are the timeouts in seconds of a net namespace (nf_conntrack_*_timeout*) or of a policy.
type Timeouts struct {
	TCP                [10]uint32 // by TCPState
	TCPRetrans         uint32     // nf_conntrack_tcp_timeout_max_retrans
	TCPUnack           uint32     // nf_conntrack_tcp_timeout_unacknowledged
	UDP, UDPStream     uint32
	ICMP, ICMPv6       uint32
	Generic            uint32
	GRE, GREStream     uint32
	SCTP               [9]uint32 // by SCTPState
	UDPLite, UDPLiteSt uint32
}

// ZoneLimit is a zone's limit of connections and their present number (struct ovs_zone_limit, Open
// vSwitch's struct ct_dpif_zone_limit).
type ZoneLimit struct{ Limit, Count uint32 }

// DefaultTimeouts returns the kernel's default timeouts, in seconds, for a new net namespace.
func DefaultTimeouts() Timeouts {
	return Timeouts{
		TCP: [10]uint32{TCPSynSent: 120, TCPSynRecv: 60, TCPEstablished: 432000, TCPFinWait: 120, TCPCloseWait: 60,
			TCPLastAck: 30, TCPTimeWait: 120, TCPClose: 10, TCPSynSent2: 120},
		TCPRetrans: 300, TCPUnack: 300, UDP: 30, UDPStream: 120, UDPLite: 30, UDPLiteSt: 120,
		ICMP: 30, ICMPv6: 30, Generic: 600, GRE: 30, GREStream: 180,
		SCTP: [9]uint32{SCTPClosed: 10, SCTPCookieWait: 3, SCTPCookieEchoed: 3, SCTPEstablished: 210,
			SCTPShutdownSent: 3, SCTPShutdownRecd: 3, SCTPShutdownAckSent: 3, SCTPHeartbeatSent: 30},
	}
}

// NewKernel returns the model of a release with the kernel's default settings.
func NewKernel(r Release) *Kernel {
	return &Kernel{Release: r, Sysctl: Sysctls{TCPLoose: 1, Checksum: true}, Timeouts: DefaultTimeouts()}
}

// Do implements [Tracker] (ovs_ct_execute).
func (k *Kernel) Do(ctx context.Context, tbl Table, conn Conn, p Packet, a Action) (Result, error) {
	r, s := new(Result), new(scratch)
	err := k.doInto(ctx, tbl, &conn, &p, &a, r, s)
	return *r, err
}

// Clear implements [Tracker]: the packet has no connection, and every ct field is zero
// (ovs_ct_clear).
func (k *Kernel) Clear(Conn) Conn { return Conn{} }

// Rewritten implements [Tracker]: set_ip_addr, set_ipv6_addr and set_tp_port remove the connection
// and leave the flow key's ct fields (ovs_ct_clear without a key). This is the behaviour since 5.19
// and, in older stable branches, since June 2022 (2061ecfdf235). The number of a distribution's
// release does not show whether it has the change, so every release is taken to have it.
func (k *Kernel) Rewritten(c Conn) Conn { return c.keyOnly() }

// doInto is Do without an allocation, in the caller's memory: it overwrites r, which refers to s
// and is valid until s is used again. conn and p must not point into r.
func (k *Kernel) doInto(ctx context.Context, tbl Table, conn *Conn, p *Packet, a *Action, r *Result, s *scratch) error {
	*r = Result{Conn: *conn, Packet: *p, Ranges: r.Ranges[:0], Why: r.Why[:0]}
	w := kernelRun{run: run{ctx: ctx, tbl: tbl, a: a, r: r}, k: k, s: s}
	if err := w.do(p); err != nil || len(w.q.asked) == 0 {
		return err
	}
	return alternatives(r, &w.q, func(q *questions) (Result, error) {
		other := Result{Conn: *conn, Packet: *p}
		w := kernelRun{run: run{ctx: ctx, tbl: tbl, a: a, r: &other, q: *q}, k: k, s: new(scratch)}
		err := w.do(p)
		*q = w.q
		return other, err
	})
}
