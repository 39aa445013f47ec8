package report

// Hop is one chassis on the packet's way.
type Hop struct {
	Chassis string `json:"chassis"` // name of the chassis; "local" without OVN
	Bridge  string `json:"bridge"`  // bridge on which the packet entered
	// port of the bridge; for a VIF the logical port, if it is known
	InPort string  `json:"in_port"`
	Via    Via     `json:"via"`
	Tunnel *Tunnel `json:"tunnel,omitempty"` // tunnel through which it came, if via is tunnel
	// Segments are the translations on this chassis, in the order of their ids.
	Segments []*Segment `json:"segments"`
}

// Tunnel is the tunnel through which a packet reached a hop.
type Tunnel struct {
	Type string `json:"type"` // geneve, vxlan, ...
	Src  string `json:"src"`  // address of the sending chassis
	Dst  string `json:"dst"`  // address of the receiving chassis
	// IPsec is the protection of the tunnel's packets, as configured at the sender; absent if they
	// are not encrypted.
	IPsec string `json:"ipsec,omitempty"`
}

// Segment is one translation by Open vSwitch, up to the next recirculation: one run of
// ofproto/trace.
type Segment struct {
	ID int `json:"id" jsonschema:"minimum=0"` // index in the list of segments
	// id of the segment whose recirculation led here; null for the first
	Parent *int `json:"parent" jsonschema:"nullable,minimum=0"`
	// Enter is where the translation enters the pipeline: "packet" at its beginning, "table 15"
	// after a recirculation, "actions ..." after a recirculation within an action list.
	Enter string `json:"enter" jsonschema:"pattern=^(packet$|table |actions )"`
	Flow  string `json:"flow"` // the packet as it was given to ofproto/trace
	// Tables are the table look-ups, in execution order.
	Tables []Table `json:"tables"`
	// CT are the ct() actions, in execution order, those of all alternatives.
	CT []CT `json:"ct"`
	// actions for the datapath, as ofproto/trace prints them
	DatapathActions string `json:"datapath_actions"`
	// the packet at the end of the translation, as ofproto/trace prints it
	FinalFlow string `json:"final_flow"`
	// remarks about this translation
	Notes []string `json:"notes,omitempty"`
}

// Table is one table look-up and the flow that it found.
type Table struct {
	// OpenFlow table number
	Table int `json:"table" jsonschema:"minimum=0,maximum=255"`
	// bridge, if it is not the hop's own
	Bridge string `json:"bridge,omitempty"`
	// OVN's name of the table: ls_out_acl_eval
	Stage string `json:"stage,omitempty"`
	// priority of the OpenFlow flow
	Priority int `json:"priority" jsonschema:"minimum=0,maximum=65535"`
	// cookie of the OpenFlow flow; absent when 0
	Cookie string `json:"cookie,omitempty" jsonschema:"pattern=^0x[0-9a-f]+$"`
	// match of the OpenFlow flow; "No match." for a table miss
	Match string `json:"match"`
	// actions of the OpenFlow flow, one for each line of ofproto/trace
	Actions []string `json:"actions"`
	// logical flow of the cookie
	LogicalFlow *LogicalFlow `json:"logical_flow,omitempty"`
	// Northbound row from which the logical flow was made
	NB *NB `json:"nb,omitempty"`
	// Row is the row of the cookie if it is not a logical flow: "Port_Binding sw0-p1".
	Row string `json:"row,omitempty"`
	// Candidates are the rows that may have the cookie, if there are several.
	Candidates []string `json:"candidates,omitempty"`
	// Taught is the packet that would have put the flow there by learn(); absent if the flow is in
	// the table.
	Taught string `json:"taught,omitempty"`
}

// CT is one ct() action: the look-up in conntrack, its answer, and the entry that it would leave.
type CT struct {
	Zone uint16 `json:"zone"` // conntrack zone
	// owner of the zone: a logical port, a router's DNAT or SNAT; empty if unknown
	ZoneName string `json:"zone_name"`
	Action   string `json:"action" jsonschema:"pattern=^ct($|\\()"` // the datapath action
	Tuple    *Tuple `json:"tuple"`                                  // tuple that was looked up
	Found    Found  `json:"found"`
	// Direction is the packet's direction in the entry; empty if no entry was found.
	Direction Direction `json:"direction" jsonschema:"enum="`
	Entry     *Entry    `json:"entry,omitempty"` // entry that was found; absent if found is none
	// State is ct_state after the action: "new|trk|dnat"; "0" or empty if there is none.
	State string `json:"state" jsonschema:"pattern=^(0|((new|est|rel|rpl|inv|trk|snat|dnat|0x[0-9a-f]+)([|]|$))*)$"`
	Mark  string `json:"mark" jsonschema:"pattern=^0x[0-9a-f]+$"`  // ct_mark after the action
	Label string `json:"label" jsonschema:"pattern=^0x[0-9a-f]+$"` // ct_label after the action
	// translation of the packet's addresses or ports; absent if they are unchanged
	NAT *NAT `json:"nat,omitempty"`
	// Committed is the entry that the action makes or changes, as it leaves it; null if there is
	// none.
	Committed *Entry `json:"committed" jsonschema:"nullable"`
	// Deleted is the entry that this action removes: by a new connection with the same addresses
	// and ports, by a reset, or by force.
	Deleted   *Entry    `json:"deleted,omitempty"`
	Certainty Certainty `json:"certainty,omitempty"`
	Why       []string  `json:"why,omitempty"` // reasons for the certainty
	// true if the packet already carried its entry, so that there was no look-up
	Cached bool `json:"cached,omitempty"`
}

// NAT is the translation of the packet by an action's NAT.
type NAT struct {
	From Header `json:"from"` // headers before the action
	To   Header `json:"to"`   // headers after the action
	// false if other addresses or ports are possible; "to" then shows one of them
	Determined bool   `json:"determined"`
	Why        string `json:"why"` // what the translation depends on; empty if it is certain
}

// Entry is a conntrack entry.
type Entry struct {
	Original Tuple  `json:"original"` // direction of the packet that opened it
	Reply    Tuple  `json:"reply"`    // direction of the answers, after NAT
	Status   string `json:"status"`   // status bits by name, joined by |
	// Protoinfo is the protocol's state: SYN_SENT, ESTABLISHED, ...; in the userspace datapath that
	// of both ends; empty if the protocol has none.
	Protoinfo string `json:"protoinfo"`
	Timeout   uint32 `json:"timeout"`                                  // seconds until it expires
	Mark      string `json:"mark" jsonschema:"pattern=^0x[0-9a-f]+$"`  // ct_mark
	Label     string `json:"label" jsonschema:"pattern=^0x[0-9a-f]+$"` // ct_label
	// Counters are its packets in each direction, where the kernel counts (nf_conntrack_acct).
	Counters *Counters `json:"counters,omitempty"`
}

// Counters are the packets that an entry was used for.
type Counters struct {
	Original Counter `json:"original"` // direction of the packet that opened it
	Reply    Counter `json:"reply"`    // direction of the answers
}

// Counter is a number of packets.
type Counter struct {
	Packets uint64 `json:"packets"` // number of packets
	Bytes   uint64 `json:"bytes"`   // from the IP header on
}

// Tuple is one direction of a connection.
type Tuple struct {
	Proto string `json:"proto"` // tcp, udp, icmp, icmp6, sctp, or the number
	// source address; empty for a packet that conntrack does not track
	Src string `json:"src"`
	Dst string `json:"dst"` // destination address; empty likewise
	// source port; absent for a protocol without ports
	Sport *uint16 `json:"sport,omitempty"`
	// destination port; absent for a protocol without ports
	Dport    *uint16 `json:"dport,omitempty"`
	ICMPID   *uint16 `json:"icmp_id,omitempty"`   // ICMP and ICMPv6 only
	ICMPType *uint8  `json:"icmp_type,omitempty"` // ICMP and ICMPv6 only
	ICMPCode *uint8  `json:"icmp_code,omitempty"` // ICMP and ICMPv6 only
}
