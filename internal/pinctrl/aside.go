package pinctrl

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
)

// aside handles the actions that do not send a packet into the pipeline.
func (a *answer) aside() {
	a.Kind, a.Hint = Consumes, HintController
	switch a.punt.Opcode {
	case OpLog:
		a.Kind, a.Hint = Logs, HintGoesOn
		a.Text = logText(a.punt.Args)
	case OpPutARP, OpPutND:
		a.Kind, a.Hint = Learns, HintGoesOn
		a.Text = a.learnText()
	case OpPutFDB:
		a.Kind, a.Hint = Learns, HintGoesOn
		a.Text = fmt.Sprintf("OVN learns that %s is behind port key %d of datapath %d", a.pkt.EthSrc, a.regs.Reg[14], a.regs.Metadata)
	case OpBindVport:
		a.Kind, a.Hint = Learns, HintGoesOn
		a.Text = "OVN binds a virtual port to the port that this packet came from"
		if len(a.punt.Args) >= 4 {
			a.Text = fmt.Sprintf("OVN binds the virtual port with key %d to the port that this packet came from", binary.BigEndian.Uint32(a.punt.Args))
		}
	case OpActivationStrategy:
		a.Kind, a.Hint = Learns, HintGoesOn
		a.Text = fmt.Sprintf("ovn-controller activates port key %d on this chassis", a.regs.Reg[14])
	case OpEvent:
		a.Text = eventText(a.punt.Args)
	case OpIGMP:
		a.Text = "ovn-controller takes the multicast group report or query for its snooping, and sends it on to the multicast routers itself where it must"
	case OpHandleSvcCheck:
		a.Text = "ovn-controller takes the packet as the answer to its health check of a load balancer backend"
	case OpDHCP6Server:
		a.Text = "ovn-controller takes the packet as the DHCPv6 server's answer to its prefix delegation request"
	case OpBFDMsg:
		a.Text = "ovn-controller takes the packet as a BFD message"
	default:
		a.Kind, a.Hint = KindUnknown, HintUnknown
		a.Unknown = fmt.Sprintf("controller action %v is of a newer OVN than this tool knows", a.punt.Opcode)
		a.Text = a.Unknown
	}
}

// learnText returns the text of what pinctrl_handle_put_mac_binding learns. The flow loads the
// address into reg0 or xxreg0 only for the action and restores the register after it, so the
// packet, not the final flow, contains the address.
func (a *answer) learnText() string {
	mac, ip := a.pkt.EthSrc, a.regs.IP4(0)
	switch {
	case a.pkt.IsARP():
		mac, ip = a.pkt.ARPSHA, a.pkt.Src
	case a.pkt.IsND() && a.pkt.ICMPType == packet.ICMPv6NA:
		mac, ip = a.pkt.NDTLL, a.pkt.NDTarget
		if mac == (packet.MAC{}) {
			mac = a.pkt.EthSrc
		}
	case a.pkt.IsND():
		mac, ip = a.pkt.NDSLL, a.pkt.Src
	case a.punt.Opcode == OpPutND:
		ip = a.regs.IP6(0)
	}
	return fmt.Sprintf("OVN learns that %s is at %s (MAC_Binding)", addr(ip), mac)
}

func addr(a netip.Addr) string {
	if !a.IsValid() {
		return "an address"
	}
	return a.String()
}

// logText reads struct log_pin_header.
func logText(b []byte) string {
	if len(b) < 2 {
		return "ovn-controller logs the packet"
	}
	verdict := map[byte]string{0: "allow", 1: "drop", 2: "reject", 3: "pass"}[b[0]]
	if verdict == "" {
		verdict = "verdict " + strconv.Itoa(int(b[0]))
	}
	severity := map[byte]string{1: "alert", 4: "warning", 5: "notice", 6: "info", 7: "debug"}[b[1]]
	if severity == "" {
		severity = "severity " + strconv.Itoa(int(b[1]))
	}
	name := "without a name"
	if len(b) > 2 {
		name = strconv.Quote(string(b[2:]))
	}
	return "ovn-controller logs the packet for ACL " + name + " (" + verdict + ", " + severity + ")"
}

// eventText reads controller_event_opt_header items of OVN_EVENT_EMPTY_LB_BACKENDS.
func eventText(b []byte) string {
	const emptyLB = 0
	if len(b) < 4 || binary.BigEndian.Uint32(b) != emptyLB {
		return "ovn-controller writes a Controller_Event"
	}
	opts := map[uint16]string{}
	for b = b[4:]; len(b) >= 4; {
		code, n := binary.BigEndian.Uint16(b), int(binary.BigEndian.Uint16(b[2:]))
		if n > len(b)-4 {
			break
		}
		opts[code] = string(b[4 : 4+n])
		b = b[4+n:]
	}
	vip := strings.TrimSpace(opts[2] + " " + opts[1])
	if vip == "" {
		return "ovn-controller writes a Controller_Event: a load balancer has no backends"
	}
	return "ovn-controller writes a Controller_Event: load balancer VIP " + vip + " has no backends; the packet is dropped"
}
