package ctnetlink

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// ZoneLimit is the number of connections that the OVS kernel datapath allows in a zone: a commit
// over the limit drops its packet. Limit 0 is unlimited.
type ZoneLimit struct {
	Zone         uint16
	Limit, Count uint32
}

// ErrNoZoneLimits reports a kernel without OVS zone limits: its openvswitch module is not loaded,
// is older than 4.18, or was built without CONFIG_NETFILTER_CONNCOUNT. No zone has a limit then.
var ErrNoZoneLimits = errors.New("the kernel has no OVS conntrack zone limits")

// Generic netlink: the controller's family, and OVS_CT_LIMIT of
// uapi/linux/openvswitch.h.
const (
	genlCtrl        = 0x10
	ctrlGetFamily   = 3
	ctrlFamilyID    = 1
	ctrlFamilyName  = 2
	ovsLimitFamily  = "ovs_ct_limit"
	ovsLimitVersion = 1
	ovsLimitGet     = 3
	ovsLimitZone    = 1  // OVS_CT_LIMIT_ATTR_ZONE_LIMIT
	ovsLimitSize    = 12 // struct ovs_zone_limit {int zone_id; u32 limit, count}
	genlHdr         = 4
	ovsHdr          = 4 // struct ovs_header {int dp_ifindex}
)

// ZoneLimit asks the kernel datapath for one zone's limit and count.
func (t *Table) ZoneLimit(ctx context.Context, zone uint16) (ZoneLimit, error) {
	l, err := t.zoneLimit(ctx, zone)
	if err != nil {
		return ZoneLimit{}, fmt.Errorf("limit of ct zone %d: %w", zone, err)
	}
	return l, nil
}

func (t *Table) zoneLimit(ctx context.Context, zone uint16) (ZoneLimit, error) {
	s, err := dial(unix.NETLINK_GENERIC, t.enterFile())
	if err != nil {
		return ZoneLimit{}, err
	}
	defer s.close()
	var e encoder
	e.genl(genlCtrl, ctrlGetFamily, 2, s.nextSeq())
	e.bytes(ctrlFamilyName, append([]byte(ovsLimitFamily), 0))
	var id uint16
	err = s.execute(ctx, "get family "+ovsLimitFamily, e.finish(), func(m message) error {
		if len(m.body) < genlHdr {
			return fault("family", len(m.body), "shorter than its header")
		}
		d := walk(m.body[genlHdr:])
		for d.next() {
			if d.typ == ctrlFamilyID && d.want(2) {
				id = binary.NativeEndian.Uint16(d.val)
			}
		}
		return d.err
	})
	var ne *Error
	if errors.As(err, &ne) && ne.Errno == unix.ENOENT || err == nil && id == 0 {
		return ZoneLimit{}, ErrNoZoneLimits
	}
	if err != nil {
		return ZoneLimit{}, err
	}

	e.genl(id, ovsLimitGet, ovsLimitVersion, s.nextSeq())
	e.b = append(e.b, 0, 0, 0, 0) // dp_ifindex: limits belong to the namespace
	n := e.nest(ovsLimitZone)
	e.b = appendZoneLimit(e.b, int32(zone), 0, 0)
	e.end(n)
	limit, found := ZoneLimit{}, false
	err = s.execute(ctx, "get zone limit", e.finish(), func(m message) error {
		if len(m.body) < genlHdr+ovsHdr {
			return fault("zone limit", len(m.body), "shorter than its headers")
		}
		limits, err := decodeZoneLimits(m.body[genlHdr+ovsHdr:])
		for _, l := range limits {
			if l.zone == int32(zone) {
				limit, found = ZoneLimit{Zone: zone, Limit: l.limit, Count: l.count}, true
			}
		}
		return err
	})
	if err != nil {
		return ZoneLimit{}, err
	}
	if !found {
		return ZoneLimit{}, fault("zone limit", 0, "the answer lacks the zone")
	}
	return limit, nil
}

func (e *encoder) genl(family uint16, cmd, version uint8, seq uint32) {
	e.header(family, nlmRequest|nlmAck, seq)
	e.b = append(e.b, cmd, version, 0, 0)
}

type rawZoneLimit struct {
	zone         int32 // OVS_ZONE_LIMIT_DEFAULT_ZONE is -1
	limit, count uint32
}

func appendZoneLimit(b []byte, zone int32, limit, count uint32) []byte {
	b = binary.NativeEndian.AppendUint32(b, uint32(zone))
	b = binary.NativeEndian.AppendUint32(b, limit)
	return binary.NativeEndian.AppendUint32(b, count)
}

// decodeZoneLimits reads the array of structs in OVS_CT_LIMIT_ATTR_ZONE_LIMIT.
func decodeZoneLimits(b []byte) (out []rawZoneLimit, err error) {
	d := walk(b)
	for d.next() {
		if d.typ != ovsLimitZone {
			continue
		}
		for v := d.val; len(v) > 0; v = v[ovsLimitSize:] {
			if len(v) < ovsLimitSize {
				d.fail("part of a zone limit")
				break
			}
			out = append(out, rawZoneLimit{
				zone:  int32(binary.NativeEndian.Uint32(v)),
				limit: binary.NativeEndian.Uint32(v[4:]),
				count: binary.NativeEndian.Uint32(v[8:]),
			})
		}
	}
	return out, d.err
}
