package microflow

import (
	"fmt"
	"net/netip"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/u128"
)

// The values that Fill sets for parts that are not given. They are constants, so that the same
// command gives the same packet.
const (
	DefaultTTL     = 64
	DefaultSrcPort = 46982
	DefaultICMPID  = 1
	DefaultTCPPort = 80
	DefaultUDPPort = 53
	// DefaultSCTPPort is the discard service.
	DefaultSCTPPort = 9
)

// Endpoint is one end of a packet: a logical port with its MAC and IP addresses.
type Endpoint struct {
	Port  string
	MAC   packet.MAC
	Addrs []netip.Addr
}

// Addr returns the endpoint's first address of a family, a link-local one only if it has no other.
func (e Endpoint) Addr(six bool) netip.Addr {
	var local netip.Addr
	for _, a := range e.Addrs {
		switch a = a.Unmap(); {
		case a.Is6() != six:
		case !a.IsLinkLocalUnicast():
			return a
		case !local.IsValid():
			local = a
		}
	}
	return local
}

// Destination is a Target with its name resolved.
type Destination struct {
	Target
	Endpoint Endpoint // for a target that is not an IP address
}

// addr returns the destination's address of a family.
func (d Destination) addr(six bool) netip.Addr {
	if d.Kind == TargetIP && d.Addr.IsValid() {
		if d.Addr.Is6() == six {
			return d.Addr
		}
		return netip.Addr{}
	}
	return d.Endpoint.Addr(six)
}

// given reports whether there is a destination.
func (d Destination) given() bool { return d.Text != "" }

// Family returns the family that both ends allow, 4 before 6, or 0 if they do not restrict it.
func Family(from Endpoint, to Destination) int {
	for _, six := range []bool{false, true} {
		if to.addr(six).IsValid() && (from.Addr(six).IsValid() || to.Kind == TargetIP || len(from.Addrs) == 0) {
			return familyNumber(six)
		}
	}
	for _, six := range []bool{false, true} {
		if !to.given() && from.Addr(six).IsValid() && !from.Addr(!six).IsValid() {
			return familyNumber(six)
		}
	}
	return 0
}

func familyNumber(six bool) int {
	if six {
		return 6
	}
	return 4
}

// FillOptions gives Fill values from databases and from other flags.
type FillOptions struct {
	// NextHop is the MAC address to which a guest would send the packet. FillIP determines for
	// which IP address it is needed.
	NextHop packet.MAC
	// Proto is the protocol if neither microflow nor target gives one (--proto).
	Proto uint8
}

// conflict returns the error of a microflow's part that contradicts something else, with the part's
// place in the text.
func (mf *Microflow) conflict(part Set, hint, format string, args ...any) error {
	return &SyntaxError{In: mf.Text, Off: mf.Where[part], Msg: fmt.Sprintf(format, args...), Hint: hint}
}

// FillIP sets the port, Ethernet type, addresses and protocol if the microflow does not give them;
// afterwards Packet.Dst is the address that needs a next hop. A contradiction to the microflow is
// an error.
func FillIP(mf *Microflow, from Endpoint, to Destination, o FillOptions) error {
	if err := fillPort(mf, from); err != nil || mf.Frame != nil {
		return err
	}
	if err := fillType(mf, from, to); err != nil {
		return err
	}
	p := &mf.Packet
	switch {
	case p.IsARP():
		return fillARP(mf, from, to)
	case p.IsIP():
		if err := fillProto(mf, to, o); err != nil {
			return err
		}
		return fillAddrs(mf, from, to)
	case to.given() && to.Kind == TargetIP:
		return mf.conflict(HasEthType, "", "a packet of type 0x%04x has no address %s", p.EthType, to.Addr)
	}
	return nil
}

// Fill sets every part that the microflow does not give, including those of FillIP: MAC and IP
// addresses, TTL 64, protocol, ports, SYN, echo request. It does no I/O and gives the same packet
// each time.
func Fill(mf *Microflow, from Endpoint, to Destination, o FillOptions) error {
	if err := FillIP(mf, from, to, o); err != nil {
		return err
	}
	if err := fillMACs(mf, from, to, o); err != nil {
		return err
	}
	if mf.Frame != nil {
		fillCut(mf)
		return nil
	}
	if !mf.Packet.IsIP() {
		return nil
	}
	if mf.take(HasTTL) {
		mf.Packet.TTL = DefaultTTL
	}
	return fillTransport(mf, from, to)
}

// suits marks a partly given part as not given, if the value agrees with the given bits.
func (mf *Microflow) suits(part Set, value []byte) {
	said, ok := mf.partly[part]
	if !ok || len(value) == 0 || !u128.FromBytes(value).Xor(said.Val).And(said.Mask).IsZero() {
		return
	}
	delete(mf.partly, part)
	mf.Given &^= part
}

// take reports whether a part was not given, and marks it as given.
func (mf *Microflow) take(part Set) bool {
	if mf.Given.Has(part) {
		return false
	}
	mf.Given |= part
	return true
}

func fillPort(mf *Microflow, from Endpoint) error {
	if mf.InPort == "" {
		mf.InPort = from.Port
	}
	if from.Port != "" && mf.InPort != from.Port {
		return mf.conflict(0, "say the port once", "inport is %q and the packet is from %q", mf.InPort, from.Port)
	}
	return nil
}

// fillType determines IPv4 or IPv6.
func fillType(mf *Microflow, from Endpoint, to Destination) error {
	p := &mf.Packet
	if !mf.Given.Has(HasEthType) {
		family := Family(from, to)
		switch {
		case family == 0 && to.given() && len(to.Endpoint.Addrs) == 0:
			return fmt.Errorf("%s has no IP address: name one in its place, or give the packet's addresses", to.Text)
		case family == 0 && to.given():
			return fmt.Errorf("%s and %s have no addresses of one family", orUnknown(from.Port), to.Text)
		}
		if family == 0 {
			return nil
		}
		mf.Given |= HasEthType
		p.EthType = packet.EthIPv4
		if family == 6 {
			p.EthType = packet.EthIPv6
		}
		return nil
	}
	if to.Kind == TargetIP && to.given() && p.IsIP() && to.Addr.Is6() != (p.EthType == packet.EthIPv6) {
		return mf.conflict(HasEthType, "", "the packet is IPv%d and its destination %s is not", familyNumber(!to.Addr.Is6()), to.Addr)
	}
	return nil
}

func orUnknown(port string) string {
	if port == "" {
		return "the port"
	}
	return port
}

func fillProto(mf *Microflow, to Destination, o FillOptions) error {
	p := &mf.Packet
	want := icmpOf(to.Proto, p.EthType)
	if want == packet.ProtoICMPv6 && p.EthType == packet.EthIPv4 {
		return fmt.Errorf("%s asks for icmp6 and the packet is IPv4", to.Text)
	}
	if !mf.take(HasProto) {
		if want != 0 && want != p.Proto {
			return mf.conflict(HasProto, "", "the packet is %s and %s asks for %s", packet.ProtoName(p.Proto), to.Text,
				packet.ProtoName(want))
		}
		return nil
	}
	if want == 0 {
		want = icmpOf(o.Proto, p.EthType)
	}
	switch {
	case want != 0:
		p.Proto = want
	case to.HasPort:
		p.Proto = packet.ProtoTCP
	default: // not given: a ping
		p.Proto = icmpOf(packet.ProtoICMP, p.EthType)
	}
	return nil
}

// icmpOf returns ICMPv6 for ICMP over IPv6: users write icmp for both.
func icmpOf(proto uint8, ethType uint16) uint8 {
	if proto == packet.ProtoICMP && ethType == packet.EthIPv6 {
		return packet.ProtoICMPv6
	}
	return proto
}

func fillAddrs(mf *Microflow, from Endpoint, to Destination) error {
	p := &mf.Packet
	six := p.EthType == packet.EthIPv6
	dst := to.addr(six)
	mf.suits(HasDst, dst.AsSlice())
	switch {
	case p.IsND() && p.ICMPType == packet.ICMPv6NS && dst.IsValid():
		if mf.take(HasNDTarget) {
			p.NDTarget = dst
		}
		dst = solicitedNode(p.NDTarget)
		if mf.take(HasDst) {
			p.Dst = dst
		}
	case to.given() && !dst.IsValid() && !mf.Given.Has(HasDst):
		return fmt.Errorf("%s has no IPv%d address", to.Text, familyNumber(six))
	case to.Kind == TargetIP && to.given() && mf.Given.Has(HasDst) && p.Dst != dst:
		return mf.conflict(HasDst, "", "the packet goes to %s and not to %s", p.Dst, to.Text)
	case to.given() && mf.take(HasDst):
		p.Dst = dst
	}
	if !mf.Given.Has(HasDst) {
		return fmt.Errorf("the packet has no destination address: give --to, or ip%d.dst", familyNumber(six))
	}
	src := sourceFor(from, p.Dst)
	mf.suits(HasSrc, src.AsSlice())
	if !mf.take(HasSrc) {
		return nil
	}
	if p.Src = src; !p.Src.IsValid() {
		return fmt.Errorf("%s has no IPv%d address: give ip%d.src", orUnknown(from.Port), familyNumber(six), familyNumber(six))
	}
	return nil
}

// sourceFor returns the endpoint's address for a destination: one of its family, and a link-local
// one for a link-local destination.
func sourceFor(from Endpoint, dst netip.Addr) netip.Addr {
	if !dst.IsLinkLocalUnicast() || dst.Is4() {
		return from.Addr(dst.Is6())
	}
	for _, a := range from.Addrs {
		if a.Is6() && a.IsLinkLocalUnicast() {
			return a
		}
	}
	if from.MAC.IsZero() {
		return netip.Addr{}
	}
	m := from.MAC // RFC 4291, appendix A
	return netip.AddrFrom16([16]byte{0: 0xfe, 1: 0x80, 8: m[0] ^ 2, 9: m[1], 10: m[2], 11: 0xff, 12: 0xfe, 13: m[3], 14: m[4], 15: m[5]})
}

// solicitedNode returns the multicast group of a neighbour solicitation (RFC 4291, 2.7.1).
func solicitedNode(a netip.Addr) netip.Addr {
	if !a.Is6() {
		return netip.Addr{}
	}
	b := a.As16()
	return netip.AddrFrom16([16]byte{0: 0xff, 1: 2, 11: 1, 12: 0xff, 13: b[13], 14: b[14], 15: b[15]})
}

func fillARP(mf *Microflow, from Endpoint, to Destination) error {
	p := &mf.Packet
	if mf.take(HasARPOp) {
		p.ARPOp = 1
	}
	dst := to.addr(false)
	switch {
	case to.given() && !dst.IsValid():
		return fmt.Errorf("%s has no IPv4 address to ask for", to.Text)
	case to.Kind == TargetIP && to.given() && mf.Given.Has(HasDst) && p.Dst != dst:
		return mf.conflict(HasDst, "", "the packet asks for %s and not for %s", p.Dst, to.Text)
	case to.given() && mf.take(HasDst):
		p.Dst = dst
	}
	if mf.take(HasSrc) {
		p.Src = from.Addr(false)
	}
	if mf.take(HasARPSHA) {
		p.ARPSHA = from.MAC
	}
	return nil
}

// ethGroup returns the MAC address of an IP group, or zero.
func ethGroup(a netip.Addr) packet.MAC {
	switch {
	case a == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return packet.Broadcast
	case a.Is4() && a.IsMulticast():
		b := a.As4()
		return packet.MAC{1, 0, 0x5e, b[1] & 0x7f, b[2], b[3]}
	case a.IsMulticast():
		b := a.As16()
		return packet.MAC{0x33, 0x33, b[12], b[13], b[14], b[15]}
	}
	return packet.MAC{}
}

func fillMACs(mf *Microflow, from Endpoint, to Destination, o FillOptions) error {
	p := &mf.Packet
	mf.suits(HasEthSrc, from.MAC[:])
	if mf.take(HasEthSrc) {
		if from.MAC.IsZero() && mf.Frame != nil {
			return fmt.Errorf("%s has no Ethernet source (%s), and %s has no MAC address to take for it", mf.Frame.Name(), mf.Frame.Link, orUnknown(from.Port))
		}
		if from.MAC.IsZero() {
			return fmt.Errorf("%s has no MAC address: give eth.src", orUnknown(from.Port))
		}
		p.EthSrc = from.MAC
	}
	dst := ethDst(p, to, o)
	if mf.Frame != nil && p.IsARP() && p.ARPOp == 2 {
		dst = p.ARPTHA
	}
	mf.suits(HasEthDst, dst[:])
	if !mf.take(HasEthDst) {
		return nil
	}
	p.EthDst = dst
	if p.EthDst.IsZero() && mf.Frame != nil {
		return fmt.Errorf("%s has no Ethernet destination (%s), and none is known for the next hop to %s", mf.Frame.Name(), mf.Frame.Link, p.Dst)
	}
	if p.EthDst.IsZero() {
		return fmt.Errorf("no MAC address is known for the next hop to %s: give eth.dst", p.Dst)
	}
	return nil
}

// ethDst returns the MAC address to which a guest sends the packet: that of a group, broadcast, or
// that of the next hop.
func ethDst(p *packet.Packet, to Destination, o FillOptions) packet.MAC {
	group := ethGroup(p.Dst)
	switch {
	case p.IsIP() && !group.IsZero():
		return group
	case p.IsARP() && p.ARPOp == 1:
		return packet.Broadcast
	case o.NextHop.IsZero() && !p.IsIP():
		return to.Endpoint.MAC
	}
	return o.NextHop
}
