package ctstate

import "context"

// Kernel is the kernel datapath's conntrack: net/openvswitch/conntrack.c over nf_conntrack and
// nf_nat. The zero Kernel has timeouts of 0; [NewKernel] sets the kernel's defaults.
type Kernel struct {
	// Release is the running kernel's; the zero Release is the newest.
	Release Release
	Sysctl  Sysctls
	// Timeouts are the net namespace's; Policies those of ct(timeout=NAME), by name.
	Timeouts Timeouts
	Policies map[string]Timeouts
	// Count and Max are nf_conntrack_count and nf_conntrack_max; Max 0 checks nothing.
	Count, Max int
	// ZoneLimits are OVS's limits of zones with their counts, DefaultZoneLimit that of other zones;
	// 0 is unlimited.
	ZoneLimits       map[uint16]ZoneLimit
	DefaultZoneLimit uint32
	// Now returns the time in seconds since 1970, which a UDP connection's age is told by; nil
	// takes every connection for a young one.
	Now func() int64
}

// Sysctls are the net.netfilter.nf_conntrack_* sysctls that change answers.
type Sysctls struct {
	TCPLoose            int // nf_conntrack_tcp_loose; 0 picks up no connection in the middle
	TCPBeLiberal        bool
	TCPIgnoreInvalidRST bool
	TCPNoWindowCheck    bool // the kernel's tcp_no_window_check, of some distributions
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

// ZoneLimit is a zone's limit of connections and how many it has (struct ovs_zone_limit, Open
// vSwitch's struct ct_dpif_zone_limit).
type ZoneLimit struct{ Limit, Count uint32 }

// DefaultTimeouts returns the timeouts that a net namespace begins with.
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

// Do runs one ct() action, as [Tracker] says (ovs_ct_execute).
func (k *Kernel) Do(ctx context.Context, tbl Table, conn Conn, p Packet, a Action) (Result, error) {
	r, s := new(Result), new(scratch)
	err := k.doInto(ctx, tbl, &conn, &p, &a, r, s)
	return *r, err
}

// Clear returns a packet without conntrack and with every ct field zero (ovs_ct_clear).
func (k *Kernel) Clear(Conn) Conn { return Conn{} }

// Rewritten returns what is left after set_ip_addr, set_ipv6_addr or set_tp_port: the connection is
// lost, and the flow key keeps its ct fields (ovs_ct_clear without a key). So it is since 5.19, and
// in the stable releases before it since June 2022 (2061ecfdf235), which a distribution's release
// number does not tell: taken for all.
func (k *Kernel) Rewritten(c Conn) Conn { return c.keyOnly() }

// doInto is Do in the caller's memory, without an allocation: r is overwritten and refers to s, and
// is valid until s is used again. conn and p must not be r's own.
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
