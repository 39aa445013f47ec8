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
	case "255.255.255.255", "ff:ff:ff:ff:ff:ff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "-1":
		return true
	case "32":
		return strings.Contains(f.Value, ".")
	case "128":
		return strings.Contains(f.Value, ":")
	}
	hex, ok := strings.CutPrefix(m, "0x")
	return ok && strings.Trim(hex, "f") == "" && len(hex)%2 == 0 && len(hex) >= widthOf(f.Name)/4
}

// widthOf returns the width in bits of a numeric field that may have a mask of all ones.
func widthOf(name string) int {
	switch canonical(name) {
	case "ipv6_label", "mpls_lse1", "mpls_lse2":
		return 32
	case "nw_proto", "nw_tos", "ip_dscp", "nw_ecn", "nw_ttl", "dl_vlan_pcp":
		return 8
	}
	return 16
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
