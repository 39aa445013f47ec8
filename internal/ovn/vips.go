package ovn

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// VIP is an address that a load balancer serves.
type VIP struct {
	Addr  netip.Addr
	Port  uint16 // 0: all traffic to the address
	Proto string // tcp, udp or sctp; empty without a port
}

// VIPs lists the VIPs of all load balancers, each once, in order. templates counts those that each
// chassis fills in for itself, which are left out. It reads the Northbound database, or the
// Southbound one: both have the table.
func VIPs(ctx context.Context, db *ovsdb.DB) (vips []VIP, templates int, err error) {
	res, err := db.Select(ctx, ovsdb.From("Load_Balancer", "vips", "protocol"))
	if err != nil {
		return nil, 0, err
	}
	for _, r := range res[0] {
		for text := range r.Map("vips") {
			v, ok := parseVIP(text)
			if !ok {
				templates++
				continue
			}
			if v.Port != 0 {
				if v.Proto = r.Str("protocol"); v.Proto == "" {
					v.Proto = "tcp"
				}
			}
			vips = append(vips, v)
		}
		if err := r.Err(); err != nil {
			return nil, 0, err
		}
	}
	slices.SortFunc(vips, func(a, b VIP) int {
		if c := a.Addr.Compare(b.Addr); c != 0 {
			return c
		}
		if a.Port != b.Port {
			return int(a.Port) - int(b.Port)
		}
		return strings.Compare(a.Proto, b.Proto)
	})
	return slices.Compact(vips), templates, nil
}

// parseVIP reads a key of the vips column: ADDRESS or ADDRESS:PORT, IPv6 with a port in brackets.
func parseVIP(text string) (VIP, bool) {
	if ip, err := netip.ParseAddr(text); err == nil {
		return VIP{Addr: ip.Unmap()}, true
	}
	ap, err := netip.ParseAddrPort(text)
	return VIP{Addr: ap.Addr().Unmap(), Port: ap.Port()}, err == nil
}
