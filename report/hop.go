package report

// Hop is one chassis on the packet's way.
type Hop struct {
	Chassis string `json:"chassis"` // name of the chassis; "local" without OVN
	Bridge  string `json:"bridge"`  // bridge on which the packet entered
	// port of the bridge; the logical port of a VIF, where it is known
	InPort string  `json:"in_port"`
	Via    Via     `json:"via"`
	Tunnel *Tunnel `json:"tunnel,omitempty"` // the tunnel it came through, where via is tunnel
	// Segments are the translations on this chassis, in the order of their ids.
	Segments []*Segment `json:"segments"`
}

// Tunnel is how a packet came to a hop from the one before.
type Tunnel struct {
	Type string `json:"type"` // geneve, vxlan, ...
	Src  string `json:"src"`  // address of the sending chassis
	Dst  string `json:"dst"`  // address of the receiving chassis
	// IPsec says what the tunnel's packets are protected by, as set up at the sender; absent where
	// they are in clear.
	IPsec string `json:"ipsec,omitempty"`
}

// Segment is what Open vSwitch translates between two recirculations: one run of ofproto/trace.
type Segment struct {
	ID int `json:"id" jsonschema:"minimum=0"` // its place in the list of segments
	// id of the segment whose recirculation led here; null for the first
	Parent *int `json:"parent" jsonschema:"nullable,minimum=0"`
	// Enter says where the pipeline is entered: "packet" at its beginning, "table 15" after a
	// recirculation, "actions ..." after one in the middle of an action list.
	Enter string `json:"enter" jsonschema:"pattern=^(packet$|table |actions )"`
	Flow  string `json:"flow"` // the packet as it was given to ofproto/trace
	// Tables are the table look-ups, in their order.
	Tables []Table `json:"tables"`
	// CT are the ct() actions, in their order; those of alternatives not taken are listed too.
	CT []CT `json:"ct"`
	// actions for the datapath, as ofproto/trace prints them
	DatapathActions string `json:"datapath_actions"`
	// the packet at the end of the translation, as ofproto/trace prints it
	FinalFlow string `json:"final_flow"`
	// what else matters about this translation
	Notes []string `json:"notes,omitempty"`
}

// Table is one table look-up, and the flow that it found.
type Table struct {
	// OpenFlow table number
	Table int `json:"table" jsonschema:"minimum=0,maximum=255"`
	// where it is not the hop's own
	Bridge string `json:"bridge,omitempty"`
	// OVN's name of the table: ls_out_acl_eval
	Stage string `json:"stage,omitempty"`
	// of the OpenFlow flow
	Priority int `json:"priority" jsonschema:"minimum=0,maximum=65535"`
	// of the OpenFlow flow; absent when 0
	Cookie string `json:"cookie,omitempty" jsonschema:"pattern=^0x[0-9a-f]+$"`
	// of the OpenFlow flow; "No match." for a table miss
	Match string `json:"match"`
	// of the OpenFlow flow, one a line of ofproto/trace
	Actions []string `json:"actions"`
	// that the cookie names
	LogicalFlow *LogicalFlow `json:"logical_flow,omitempty"`
	// the Northbound row behind the logical flow
	NB *NB `json:"nb,omitempty"`
	// Row is what else the cookie names: "Port_Binding sw0-p1".
	Row string `json:"row,omitempty"`
	// Candidates are the rows that the cookie may stand for, where it stands for several.
	Candidates []string `json:"candidates,omitempty"`
	// Taught is the packet that would have put the flow there by learn(); absent where it is really
	// in the table.
	Taught string `json:"taught,omitempty"`
}

// CT is one ct() action: what conntrack was asked, what it answered, and what it would keep.
type CT struct {
	Zone uint16 `json:"zone"` // conntrack zone
	// what the zone is of: a logical port, a router's DNAT or SNAT; empty when unknown
	ZoneName string `json:"zone_name"`
	Action   string `json:"action" jsonschema:"pattern=^ct($|\\()"` // the datapath action
	Tuple    *Tuple `json:"tuple"`                                  // what was looked up
	Found    Found  `json:"found"`
	// Direction is the entry's direction in which the packet goes; empty where none was found.
	Direction Direction `json:"direction" jsonschema:"enum="`
	Entry     *Entry    `json:"entry,omitempty"` // what was found; absent where found is none
	// State is ct_state after the action: "new|trk|dnat"; "0" or empty where there is none.
	State string `json:"state" jsonschema:"pattern=^(0|((new|est|rel|rpl|inv|trk|snat|dnat|0x[0-9a-f]+)([|]|$))*)$"`
	Mark  string `json:"mark" jsonschema:"pattern=^0x[0-9a-f]+$"`  // ct_mark after the action
	Label string `json:"label" jsonschema:"pattern=^0x[0-9a-f]+$"` // ct_label after the action
	// where the packet's addresses or ports were translated
	NAT *NAT `json:"nat,omitempty"`
	// Committed is the entry as the action leaves it, where it makes one or changes it; else null.
	Committed *Entry `json:"committed" jsonschema:"nullable"`
	// Deleted is the entry that this action removes: closed and begun anew, reset, forced.
	Deleted   *Entry    `json:"deleted,omitempty"`
	Certainty Certainty `json:"certainty,omitempty"`
	Why       []string  `json:"why,omitempty"` // what the certainty depends on
	// the entry that the packet already carried was used, without a look-up
	Cached bool `json:"cached,omitempty"`
}

// NAT is what an action's NAT did to the packet.
type NAT struct {
	From Header `json:"from"` // the headers before
	To   Header `json:"to"`   // the headers after
	// false: other addresses or ports are possible, and to shows one of them
	Determined bool   `json:"determined"`
	Why        string `json:"why"` // what it depends on; empty where nothing is open
}

// Entry is a conntrack entry.
type Entry struct {
	Original Tuple  `json:"original"` // the direction of the packet that opened it
	Reply    Tuple  `json:"reply"`    // the direction of the answers, after NAT
	Status   string `json:"status"`   // status bits by name, joined by |
	// Protoinfo is the protocol's state: SYN_SENT, ESTABLISHED, ...; of both ends in the userspace
	// datapath; empty where the protocol has none.
	Protoinfo string `json:"protoinfo"`
	Timeout   uint32 `json:"timeout"`                                  // seconds until it expires
	Mark      string `json:"mark" jsonschema:"pattern=^0x[0-9a-f]+$"`  // ct_mark
	Label     string `json:"label" jsonschema:"pattern=^0x[0-9a-f]+$"` // ct_label
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
