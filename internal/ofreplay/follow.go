package ofreplay

import (
	"encoding/binary"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
)

// follow executes an action line without an Action of its own. lost says why the packet is unknown
// after it; empty if it is known. Actions that leave the packet unchanged are listed by name, so an
// action of a later Open vSwitch makes the packet unknown.
func (m *machine) follow(text string) (lost string) {
	word, arg := text, ""
	if i := strings.IndexAny(text, "(:"); i >= 0 {
		word, arg = text[:i], strings.TrimSuffix(text[i+1:], ")")
	}
	if harmless(word) || word == "dec_ttl" && m.decTTL() || m.followSet(word, arg) || m.followVLAN(word, arg) {
		return ""
	}
	switch word {
	case "learn":
		if !strings.Contains(arg, "result_dst=") { // with it, the action writes whether its limit was reached
			return ""
		}
	case "ct", "ct_clear":
		m.untracked = true
		maps.DeleteFunc(m.other, func(name string, _ []byte) bool { return strings.HasPrefix(name, "ct_") })
		return ""
	case "set_field":
		if from, to, _ := strings.Cut(arg, "->"); isOther(to) { // set_field:ANY->in_port
			delete(m.other, to)
			if to == "in_port" && from == "ANY" {
				m.other[to] = inPort(from)
			}
			return ""
		}
	}
	return "action " + text + " is not followed here"
}

// harmless reports whether an action changes neither the packet nor its registers: it sends copies,
// makes a look-up, or adds to the action set, whose actions are printed where they are executed.
func harmless(word string) bool {
	switch word {
	case "output", "group", "controller", "enqueue", "bundle",
		"IN_PORT", "TABLE", "NORMAL", "FLOOD", "ALL", "CONTROLLER", "LOCAL", "ANY", "NONE",
		"drop", "set_queue", "pop_queue", "fin_timeout", "resubmit", "conjunction", "note", "exit", "sample", "unroll_xlate",
		"nat", "clone", "check_pkt_larger", "meter", "clear_actions", "write_actions", "goto_table", "debug_slow":
		return true
	}
	return false
}

// decTTL executes dec_ttl; if the TTL expires, no line follows.
func (m *machine) decTTL() bool {
	if m.pkt.TTL > 1 {
		m.pkt.TTL--
	}
	return true
}

// followSet executes the actions of OpenFlow 1.0 that set one field, and those that set metadata
// and the tunnel's key. Like do_xlate_actions, it skips an action that does not apply to the
// packet's protocol.
func (m *machine) followSet(word, arg string) bool {
	p := &m.pkt
	switch word {
	case "mod_dl_src":
		return setMAC(&p.EthSrc, arg)
	case "mod_dl_dst":
		return setMAC(&p.EthDst, arg)
	case "mod_nw_src":
		return p.EthType != packet.EthIPv4 || setAddr(&p.Src, arg)
	case "mod_nw_dst":
		return p.EthType != packet.EthIPv4 || setAddr(&p.Dst, arg)
	case "write_metadata":
		value, mask, masked := strings.Cut(arg, "/")
		a := SetField{Field: FieldNamed("metadata"), Value: parseInteger(value, 8)}
		if masked {
			a.Mask = parseInteger(mask, 8)
		}
		if a.Value == nil || masked && a.Mask == nil {
			return false
		}
		m.setField(a)
		return true
	}
	n, err := strconv.ParseUint(arg, 0, 64)
	if err != nil {
		return false
	}
	switch word {
	case "mod_nw_tos", "mod_nw_ecn", "mod_nw_ttl":
		if !p.IsIP() || n > 0xff {
			return n <= 0xff
		}
		switch word {
		case "mod_nw_tos":
			p.TOS = p.TOS&3 | uint8(n)&0xfc
		case "mod_nw_ecn":
			p.TOS = p.TOS&0xfc | uint8(n)&3
		case "mod_nw_ttl":
			p.TTL = uint8(n)
		}
		return true
	case "mod_tp_src", "mod_tp_dst":
		switch {
		case n > 0xffff || p.IsIP() && !p.HasPorts() && p.Frag != packet.FragLater:
			return false // for ICMP it sets type and code
		case !p.HasPorts():
		case word == "mod_tp_src":
			p.SrcPort = uint16(n)
		default:
			p.DstPort = uint16(n)
		}
		return true
	case "set_tunnel", "set_tunnel64":
		if m.other != nil {
			m.other["tun_id"] = binary.BigEndian.AppendUint64(nil, n)
		}
		return true
	}
	return false
}

// followVLAN executes actions that push, pop or set the outermost tag.
func (m *machine) followVLAN(word, arg string) bool {
	p := &m.pkt
	n, err := strconv.ParseUint(arg, 0, 16)
	switch word {
	case "pop_vlan", "strip_vlan":
		if len(p.VLANs) > 0 {
			p.VLANs = p.VLANs[1:]
		}
		return true
	case "push_vlan":
		p.VLANs = slices.Insert(p.VLANs, 0, packet.VLAN{TPID: uint16(n)})
		return err == nil
	case "mod_vlan_vid", "mod_vlan_pcp":
		if len(p.VLANs) == 0 {
			p.VLANs = []packet.VLAN{{TPID: packet.EthVLAN}}
		}
	case "set_vlan_vid", "set_vlan_pcp":
	default:
		return false
	}
	switch {
	case err != nil:
		return false
	case len(p.VLANs) == 0: // set_vlan_* for a packet without a tag
	case strings.HasSuffix(word, "_vid"):
		p.VLANs[0].VID = uint16(n) & 0xfff
	default:
		p.VLANs[0].PCP = uint8(n) & 7
	}
	return true
}

func setMAC(to *packet.MAC, text string) bool {
	v, err := packet.ParseMAC(text)
	if err == nil {
		*to = v
	}
	return err == nil
}

func setAddr(to *netip.Addr, text string) bool {
	v, err := netip.ParseAddr(text)
	if err == nil {
		*to = v
	}
	return err == nil
}
