package ofreplay

import (
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// Text returns actions as Open vSwitch reads them, separated by commas.
func Text(as []Action) string {
	var b strings.Builder
	for i, a := range as {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(a.String())
	}
	return b.String()
}

// String prints set_field:VALUE[/MASK]->NAME.
func (a SetField) String() string {
	return "set_field:" + a.Field.value(a.Value, a.Mask) + "->" + a.Field.Name
}

// String prints load:VALUE->DST.
func (a Load) String() string { return "load:" + hexNum(a.Value) + "->" + a.Dst.String() }

// String prints move:SRC->DST.
func (a Move) String() string { return "move:" + a.Src.String() + "->" + a.Dst.String() }

// String prints push:SRC.
func (a Push) String() string { return "push:" + a.Src.String() }

// String prints pop:DST.
func (a Pop) String() string { return "pop:" + a.Dst.String() }

// String prints resubmit(PORT,TABLE), resubmit:PORT without a table.
func (a Resubmit) String() string {
	port := ""
	if a.InPort != PortInPort {
		port = portText(uint32(a.InPort))
	}
	if port != "" && a.Table == 255 {
		return "resubmit:" + port
	}
	table, ct := "", ""
	if a.Table != 255 {
		table = strconv.Itoa(int(a.Table))
	}
	if a.CT {
		ct = ",ct"
	}
	return "resubmit(" + port + "," + table + ct + ")"
}

// String prints output:PORT.
func (a Output) String() string {
	s := portText(a.Port)
	if s[0] >= '0' && s[0] <= '9' {
		s = "output:" + s
	}
	if a.Port&0xffff == PortController {
		s += ":" + strconv.Itoa(int(a.MaxLen))
	}
	return s
}

// String prints output:SRC.
func (a OutputReg) String() string { return "output:" + a.Src.String() }

// String prints note:HEX.HEX.
func (a Note) String() string { return "note:" + dotted(a.Data) }

// String prints clone(ACTIONS).
func (a Clone) String() string { return "clone(" + Text(a.Actions) + ")" }

// String prints check_pkt_larger(N)->DST.
func (a CheckLarger) String() string {
	return fmt.Sprintf("check_pkt_larger(%d)->%s", a.Len, a.Dst)
}

// String returns the text.
func (a Plain) String() string { return a.Text }

// String prints the bytes; Open vSwitch cannot read it.
func (a Opaque) String() string { return "opaque(" + hex.EncodeToString(a.Data) + ")" }

// String prints as format_CONTROLLER.
func (p Controller) String() string {
	if p.Reason == "" && p.ID == 0 && len(p.UserData) == 0 && !p.Pause && p.MeterID == noMeter {
		return "CONTROLLER:" + strconv.Itoa(int(p.MaxLen))
	}
	var items []string
	if p.Reason != "" {
		items = append(items, "reason="+p.Reason)
	}
	if p.MaxLen != 0xffff {
		items = append(items, "max_len="+strconv.Itoa(int(p.MaxLen)))
	}
	if p.ID != 0 {
		items = append(items, "id="+strconv.Itoa(int(p.ID)))
	}
	if len(p.UserData) > 0 {
		items = append(items, "userdata="+dotted(p.UserData))
	}
	if p.Pause {
		items = append(items, "pause")
	}
	if p.MeterID != noMeter {
		items = append(items, "meter_id="+strconv.FormatUint(uint64(p.MeterID), 10))
	}
	return "controller(" + strings.Join(items, ",") + ")"
}

// String prints as format_CT.
func (a CT) String() string {
	var items []string
	if a.Commit {
		items = append(items, "commit")
	}
	if a.Force {
		items = append(items, "force")
	}
	if a.Table != 255 {
		items = append(items, "table="+strconv.Itoa(int(a.Table)))
	}
	switch {
	case a.ZoneSrc != nil:
		items = append(items, "zone="+a.ZoneSrc.String())
	case a.Zone != 0:
		items = append(items, "zone="+strconv.Itoa(int(a.Zone)))
	}
	exec := a.Actions
	if len(exec) > 0 {
		if n, ok := exec[0].(NAT); ok {
			items = append(items, n.String())
			exec = exec[1:]
		}
	}
	if len(exec) > 0 {
		items = append(items, "exec("+Text(exec)+")")
	}
	switch a.ALG {
	case 0:
	case 21:
		items = append(items, "alg=ftp")
	case 69:
		items = append(items, "alg=tftp")
	default:
		items = append(items, "alg="+strconv.Itoa(int(a.ALG)))
	}
	return "ct(" + strings.Join(items, ",") + ")"
}

// String prints as format_NAT.
func (a NAT) String() string {
	if !a.Src && !a.Dst {
		return "nat"
	}
	s := "dst"
	if a.Src {
		s = "src"
	}
	if a.Min.IsValid() {
		s += "=" + a.addr(a.Min)
		if a.Max.IsValid() && a.Max != a.Min && !a.Max.IsUnspecified() {
			s += "-" + a.addr(a.Max)
		}
		if a.PortMin != 0 {
			s += ":" + strconv.Itoa(int(a.PortMin))
			if a.PortMax != 0 && a.PortMax != a.PortMin {
				s += "-" + strconv.Itoa(int(a.PortMax))
			}
		}
	}
	for _, f := range []struct {
		on   bool
		name string
	}{{a.Persistent, ",persistent"}, {a.Hash, ",hash"}, {a.Random, ",random"}} {
		if f.on {
			s += f.name
		}
	}
	return "nat(" + s + ")"
}

// addr brackets an IPv6 address when a port follows.
func (a NAT) addr(ip netip.Addr) string {
	if ip.Is6() && a.PortMin != 0 {
		return "[" + ip.String() + "]"
	}
	return ip.String()
}

// value prints as mf_format.
func (f *Field) value(v, mask []byte) string {
	switch f.format {
	case fmtEther:
		return masked(net.HardwareAddr(v).String(), mask, func() string { return net.HardwareAddr(mask).String() })
	case fmtIPv4, fmtIPv6:
		a, _ := netip.AddrFromSlice(v)
		return masked(a.String(), mask, func() string { return ipMask(mask) })
	}
	dec := f.format == fmtDecimal
	return masked(integer(v, dec), mask, func() string { return integer(mask, false) })
}

func masked(v string, mask []byte, m func() string) string {
	if mask == nil {
		return v
	}
	return v + "/" + m()
}

// ipMask prints a mask as a prefix length where it is one.
func ipMask(m []byte) string {
	n, ones := 0, true
	for _, b := range m {
		for i := 7; i >= 0; i-- {
			bit := b>>i&1 != 0
			switch {
			case bit && !ones:
				a, _ := netip.AddrFromSlice(m)
				return a.String()
			case bit:
				n++
			default:
				ones = false
			}
		}
	}
	return strconv.Itoa(n)
}

// integer prints as mf_format_integer_string; longer than eight bytes as ds_put_hex.
func integer(v []byte, dec bool) string {
	if len(v) > 8 {
		s := strings.TrimLeft(hex.EncodeToString(v), "0")
		if s == "" {
			return "0"
		}
		return "0x" + s
	}
	var n uint64
	for _, b := range v {
		n = n<<8 | uint64(b)
	}
	if dec {
		return strconv.FormatUint(n, 10)
	}
	return hexNum(n)
}

// hexNum prints as C's %#x: zero has no prefix.
func hexNum(n uint64) string {
	if n == 0 {
		return "0"
	}
	return "0x" + strconv.FormatUint(n, 16)
}

func dotted(b []byte) string {
	var s strings.Builder
	for i, c := range b {
		if i > 0 {
			s.WriteByte('.')
		}
		fmt.Fprintf(&s, "%02x", c)
	}
	return s.String()
}

// noMeter is NX_CTLR_NO_METER.
const noMeter = 0

// Reserved OpenFlow ports, in 16 bits.
const (
	PortInPort     = 0xfff8 // OFPP_IN_PORT: in a Resubmit: the port is unchanged
	PortController = 0xfffd // OFPP_CONTROLLER
)

// portText prints as ofputil_format_port without a port map.
func portText(p uint32) string {
	if p >= 0xffffff00 { // OpenFlow 1.1+ keeps reserved ports at the top of 32 bits
		p &= 0xffff
	}
	switch p {
	case 0xfff7:
		return "UNSET"
	case PortInPort:
		return "IN_PORT"
	case 0xfff9:
		return "TABLE"
	case 0xfffa:
		return "NORMAL"
	case 0xfffb:
		return "FLOOD"
	case 0xfffc:
		return "ALL"
	case PortController:
		return "CONTROLLER"
	case 0xfffe:
		return "LOCAL"
	case 0xffff:
		return "ANY"
	}
	return strconv.FormatUint(uint64(p), 10)
}
