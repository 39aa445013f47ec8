package ctstate

// State is the ct_state of a packet: the OVS_CS_F_* bits of
// include/uapi/linux/openvswitch.h.
type State uint32

// The bits of ct_state.
const (
	New  State = 0x01
	Est  State = 0x02
	Rel  State = 0x04
	Rpl  State = 0x08
	Inv  State = 0x10
	Trk  State = 0x20
	SNAT State = 0x40
	DNAT State = 0x80
)

// Status is a conntrack entry's status: the IPS_* bits of
// uapi/linux/netfilter/nf_conntrack_common.h.
type Status uint32

// The bits of an entry's status.
const (
	Expected     Status = 0x1
	SeenReply    Status = 0x2
	Assured      Status = 0x4
	Confirmed    Status = 0x8
	SrcNAT       Status = 0x10
	DstNAT       Status = 0x20
	SeqAdjust    Status = 0x40
	SrcNATDone   Status = 0x80
	DstNATDone   Status = 0x100
	Dying        Status = 0x200
	FixedTimeout Status = 0x400
	Template     Status = 0x800
	Untracked    Status = 0x1000
	Helper       Status = 0x2000
	Offload      Status = 0x4000
	HWOffload    Status = 0x8000
)
