package ofreplay

import "net/netip"

// Action is one OpenFlow action; the set is closed.
type Action interface {
	// String returns the action in the syntax that Open vSwitch prints and reads.
	String() string
	action()
}

// SetField sets a field, whole or under a mask: set_field and NXAST_REG_LOAD2.
type SetField struct {
	Field *Field
	Value []byte // as long as the field on the wire, big endian
	Mask  []byte // nil: all ones
}

// Load is NXAST_REG_LOAD.
type Load struct {
	Dst   Subfield
	Value uint64
}

// Move copies bits from one field to another: reg_move and copy_field.
type Move struct{ Src, Dst Subfield }

// Push puts a subfield on the data stack.
type Push struct{ Src Subfield }

// Pop takes a subfield from the data stack.
type Pop struct{ Dst Subfield }

// Resubmit looks the packet up in a table.
type Resubmit struct {
	InPort uint16 // 0xfff8 (OFPP_IN_PORT): unchanged
	Table  uint8  // 255: the present table
	CT     bool
}

// Output sends the packet to a port.
type Output struct {
	Port   uint32
	MaxLen uint16
}

// OutputReg sends the packet to the port whose number a subfield contains.
type OutputReg struct{ Src Subfield }

// Note carries bytes for the controller and does nothing; OVN hides fields in it.
type Note struct{ Data []byte }

// CT is NXAST_CT.
type CT struct {
	Commit, Force bool
	Zone          uint16
	ZoneSrc       *Subfield // nil: Zone
	Table         uint8     // 255: no recirculation
	ALG           uint16
	Actions       []Action
}

// NAT is NXAST_NAT inside a CT.
type NAT struct {
	Src, Dst                 bool
	Persistent, Hash, Random bool
	Min, Max                 netip.Addr // zero: none given
	PortMin, PortMax         uint16     // 0: none given
}

// Clone runs actions on a copy.
type Clone struct{ Actions []Action }

// Controller is a controller action (NXAST_CONTROLLER2). UserData is opaque here.
type Controller struct {
	MaxLen   uint16 // number of bytes of the packet to send; 65535 when not printed
	ID       uint16 // controller_id
	Reason   string // empty for "action"
	UserData []byte
	Pause    bool   // the packet waits for NXT_RESUME
	MeterID  uint32 // 0 (NX_CTLR_NO_METER) for none
}

// CheckLarger is check_pkt_larger.
type CheckLarger struct {
	Len uint16
	Dst Subfield
}

// Plain is an action of which only the text is kept: dec_ttl, ct_clear, group:1.
type Plain struct{ Text string }

// Opaque is an action that this package does not know.
type Opaque struct {
	Data []byte // with its header
	Why  string
}

func (SetField) action()    {}
func (Load) action()        {}
func (Move) action()        {}
func (Push) action()        {}
func (Pop) action()         {}
func (Resubmit) action()    {}
func (Output) action()      {}
func (OutputReg) action()   {}
func (Note) action()        {}
func (CT) action()          {}
func (NAT) action()         {}
func (Clone) action()       {}
func (Controller) action()  {}
func (CheckLarger) action() {}
func (Plain) action()       {}
func (Opaque) action()      {}

// Walk calls fn for each action, outer before inner.
func Walk(as []Action, fn func(Action)) {
	for _, a := range as {
		fn(a)
		switch a := a.(type) {
		case CT:
			Walk(a.Actions, fn)
		case Clone:
			Walk(a.Actions, fn)
		}
	}
}
