package ctstate

// State is the ct_state of a packet: the OVS_CS_F_* bits of uapi/linux/openvswitch.h, which Open
// vSwitch's CS_* bits equal (lib/packets.h).
type State uint32

// The bits of ct_state.
const (
	New  State = 0x01 // OVS_CS_F_NEW
	Est  State = 0x02 // OVS_CS_F_ESTABLISHED
	Rel  State = 0x04 // OVS_CS_F_RELATED
	Rpl  State = 0x08 // OVS_CS_F_REPLY_DIR
	Inv  State = 0x10 // OVS_CS_F_INVALID
	Trk  State = 0x20 // OVS_CS_F_TRACKED
	SNAT State = 0x40 // OVS_CS_F_SRC_NAT
	DNAT State = 0x80 // OVS_CS_F_DST_NAT
)

// natMask is OVS_CS_F_NAT_MASK.
const natMask = SNAT | DNAT

// stateNames are the names OVS prints (lib/flow.c: ct_state_to_string), lowest bit first.
var stateNames = [...]string{"new", "est", "rel", "rpl", "inv", "trk", "snat", "dnat"}

// String returns the set bits as OVS writes them, lowest first, as in "est|trk". No bit is "0";
// bits without a name come last, as one hexadecimal number.
func (s State) String() string { return bitsString(uint32(s), stateNames[:]) }

// MarshalText returns the text of String.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what ParseState reads.
func (s *State) UnmarshalText(b []byte) (err error) {
	*s, err = ParseState(string(b))
	return err
}

// ParseState reads names and numbers joined by '|': "est|trk", "0x22", "trk|0x100000". Any other
// text is a *SyntaxError, and the State zero.
func ParseState(in string) (State, error) {
	v, err := parseBits(in, stateNames[:])
	return State(v), err
}

// Status is a conntrack entry's status: the IPS_* bits (enum ip_conntrack_status) of
// uapi/linux/netfilter/nf_conntrack_common.h. The userspace datapath has none of them; there the
// model sets SeenReply in entries that it makes.
type Status uint32

// The bits of an entry's status.
const (
	Expected     Status = 0x1 // IPS_EXPECTED
	SeenReply    Status = 0x2 // IPS_SEEN_REPLY
	Assured      Status = 0x4
	Confirmed    Status = 0x8 // the entry is in the table
	SrcNAT       Status = 0x10
	DstNAT       Status = 0x20
	SeqAdjust    Status = 0x40
	SrcNATDone   Status = 0x80
	DstNATDone   Status = 0x100
	Dying        Status = 0x200
	FixedTimeout Status = 0x400
	Template     Status = 0x800
	Untracked    Status = 0x1000 // shared with IPS_NAT_CLASH
	Helper       Status = 0x2000
	Offload      Status = 0x4000
	HWOffload    Status = 0x8000
)

// statusNAT is IPS_NAT_MASK, statusNATDone IPS_NAT_DONE_MASK.
const (
	statusNAT     = SrcNAT | DstNAT
	statusNATDone = SrcNATDone | DstNATDone
)

var statusNames = [...]string{"EXPECTED", "SEEN_REPLY", "ASSURED", "CONFIRMED", "SRC_NAT", "DST_NAT", "SEQ_ADJUST",
	"SRC_NAT_DONE", "DST_NAT_DONE", "DYING", "FIXED_TIMEOUT", "TEMPLATE", "UNTRACKED", "HELPER", "OFFLOAD", "HW_OFFLOAD"}

// String returns the set bits by the kernel's names without IPS_, lowest first, as in
// "SEEN_REPLY|CONFIRMED". No bit is "0"; bits without a name come last, in hexadecimal.
func (s Status) String() string { return bitsString(uint32(s), statusNames[:]) }

// MarshalText returns the text of String.
func (s Status) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what ParseStatus reads.
func (s *Status) UnmarshalText(b []byte) (err error) {
	*s, err = ParseStatus(string(b))
	return err
}

// ParseStatus reads the kernel's names and numbers joined by '|', with the errors of ParseState.
func ParseStatus(in string) (Status, error) {
	v, err := parseBits(in, statusNames[:])
	return Status(v), err
}
