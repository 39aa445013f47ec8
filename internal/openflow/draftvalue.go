package openflow

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
)

// fullMask reports whether the field has a mask of all ones.
func fullMask(f Field) bool {
	m := f.Mask
	if f.Name == "tcp_flags" {
		v, err := strconv.ParseUint(m, 0, 16)
		return err == nil && v&0xfff == 0xfff
	}
	switch m {
	case "255.255.255.255", "ff:ff:ff:ff:ff:ff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff":
		return true
	case "32":
		return strings.Contains(f.Value, ".")
	case "128":
		return strings.Contains(f.Value, ":")
	}
	v, ok := parseUint(m)
	n := bytesOf(f.Name)
	return ok && n > 0 && v == 1<<(8*n)-1
}

// bytesOf returns the length of a numeric field of a packet in bytes (lib/meta-flow.h), which is
// that of its mask; 0 for nw_frag, which has no mask in numbers.
func bytesOf(name string) int {
	switch name := canonical(name); name {
	case "nw_frag":
		return 0
	case "ipv6_label", "mpls_label", "mpls_lse1", "mpls_lse2", "nsh_spi", "nsh_c1", "nsh_c2", "nsh_c3", "nsh_c4":
		return 4
	case "dl_type", "dl_vlan", "dl_vlan1", "vlan_vid", "vlan_tci", "vlan_tci1", "arp_op":
		return 2
	default:
		if strings.HasSuffix(name, "p_src") || strings.HasSuffix(name, "p_dst") { // tp_src, udp_src, ...
			return 2
		}
		return 1
	}
}

func (d *draft) fail(name, format string, args ...any) {
	if d.err == nil {
		d.err = &FieldError{d.given[name], fmt.Sprintf(format, args...)}
	}
}

// use removes a field from the draft and returns it: fields that remain at the end do not apply to
// this packet.
func (d *draft) use(name string) (Field, bool) {
	f, ok := d.given[name]
	return f, ok
}

func (d *draft) num(name string, top uint64) (uint64, bool) {
	f, ok := d.use(name)
	if !ok {
		return 0, false
	}
	v, ok := parseUint(f.Value)
	if !ok {
		d.fail(name, "not a number")
	} else if v > top {
		d.fail(name, "larger than %d", top)
	}
	if d.err == nil {
		delete(d.given, name)
	}
	return v, d.err == nil
}

func (d *draft) mac(name string, to *packet.MAC) {
	if f, ok := d.use(name); ok {
		m, err := packet.ParseMAC(f.Value)
		if err != nil {
			d.fail(name, "not an Ethernet address")
			return
		}
		*to = m
		delete(d.given, name)
	}
}

func (d *draft) addr(name string, four bool, to *netip.Addr) {
	f, ok := d.use(name)
	if !ok {
		return
	}
	a, err := netip.ParseAddr(strings.Trim(f.Value, "[]"))
	if err != nil || a.Is4() != four || a.Zone() != "" {
		family := "IPv6"
		if four {
			family = "IPv4"
		}
		d.fail(name, "not an %s address", family)
		return
	}
	*to = a
	delete(d.given, name)
}

func u8(d *draft, name string, top uint64, to *uint8) {
	if v, ok := d.num(name, top); ok {
		*to = uint8(v)
	}
}

func u16(d *draft, name string, to *uint16) {
	if v, ok := d.num(name, 0xffff); ok {
		*to = uint16(v)
	}
}
