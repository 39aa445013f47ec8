package ctdpif

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
)

// Settings are the conntrack settings of a userspace datapath, and its number of connections.
type Settings struct {
	Conns, MaxConns int
	SeqCheck        bool
	Limits          Limits
	Fragments       ctstate.UserFragments
}

// Limits are the maximum numbers of connections by zone.
type Limits struct {
	Default uint32 // 0 if none is set
	Zones   map[uint16]ctstate.ZoneLimit
}

// TextError reports a reply that cannot be parsed.
type TextError struct{ Method, Text string }

func (e *TextError) Error() string {
	return fmt.Sprintf("%s: unexpected reply %q", e.Method, e.Text)
}

// ReadSettings asks ovs-vswitchd for the settings of the datapath dp, or of the only one if dp is
// empty.
func ReadSettings(ctx context.Context, c Caller, dp string) (s Settings, err error) {
	for _, ask := range []struct {
		method string
		parse  func(text string) bool
	}{
		{"dpctl/ct-get-nconns", intoInt(&s.Conns)},
		{"dpctl/ct-get-maxconns", intoInt(&s.MaxConns)},
		{"dpctl/ct-get-tcp-seq-chk", func(text string) bool {
			word, ok := strings.CutPrefix(strings.TrimSpace(text), "TCP sequence checking: ")
			s.SeqCheck = word == "enabled"
			return ok && (s.SeqCheck || word == "disabled")
		}},
		{"dpctl/ct-get-limits", func(text string) (ok bool) { s.Limits, ok = parseLimits(text); return ok }},
		{"dpctl/ipf-get-status", func(text string) (ok bool) { s.Fragments, ok = parseFragments(text); return ok }},
	} {
		if err := callParse(ctx, c, ask.method, ask.parse, dp); err != nil {
			return Settings{}, err
		}
	}
	return s, nil
}

// ReadZoneLimit asks for the limit that applies in a zone, and for the number of connections
// counted against it.
func ReadZoneLimit(ctx context.Context, c Caller, dp string, zone uint16) (ctstate.ZoneLimit, error) {
	var l Limits
	err := callParse(ctx, c, "dpctl/ct-get-limits", func(text string) (ok bool) {
		l, ok = parseLimits(text)
		return ok && len(l.Zones) == 1
	}, dp, fmt.Sprintf("zone=%d", zone))
	return l.Zones[zone], err
}

// limitsAtOnce is how many zones are asked for in one command.
const limitsAtOnce = 500

// ReadZoneLimits asks for the limits that apply in zones, and for the numbers of connections counted
// against them.
func ReadZoneLimits(ctx context.Context, c Caller, dp string, zones []uint16) (map[uint16]ctstate.ZoneLimit, error) {
	out := map[uint16]ctstate.ZoneLimit{}
	for some := range slices.Chunk(zones, limitsAtOnce) {
		ids := make([]string, len(some))
		for i, z := range some {
			ids[i] = strconv.Itoa(int(z))
		}
		err := callParse(ctx, c, "dpctl/ct-get-limits", func(text string) bool {
			l, ok := parseLimits(text)
			maps.Copy(out, l.Zones)
			return ok
		}, dp, "zone="+strings.Join(ids, ","))
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

func callParse(ctx context.Context, c Caller, method string, parse func(string) bool, args ...string) error {
	if args[0] == "" {
		args = args[1:]
	}
	text, err := c.Call(ctx, method, args...)
	if err != nil {
		return err
	}
	if !parse(text) {
		return &TextError{method, text}
	}
	return nil
}

// intoInt returns a parser that stores a reply of one number in to.
func intoInt(to *int) func(string) bool {
	return func(text string) bool {
		v, err := strconv.ParseUint(strings.TrimSpace(text), 10, 32)
		*to = int(v)
		return err == nil
	}
}

// ParseLimits reads the answer of dpctl/ct-get-limits.
func ParseLimits(text string) (Limits, bool) { return parseLimits(text) }

// parseLimits parses "default limit=N", then lines "zone=N,limit=N,count=N"
// (ct_dpif_format_zone_limits).
func parseLimits(text string) (l Limits, ok bool) {
	l.Zones = map[uint16]ctstate.ZoneLimit{}
	for i, line := range strings.Split(strings.TrimSpace(text), "\n") {
		if i == 0 {
			v, ok := strings.CutPrefix(line, "default limit=")
			n, err := strconv.ParseUint(v, 10, 32)
			if !ok || err != nil {
				return Limits{}, false
			}
			l.Default = uint32(n)
			continue
		}
		f, ok := values(line, "zone", "limit", "count")
		if !ok || f[0] > 65535 {
			return Limits{}, false
		}
		l.Zones[uint16(f[0])] = ctstate.ZoneLimit{Limit: f[1], Count: f[2]}
	}
	return l, true
}

// values parses "a=1,b=2" with exactly these names in this order.
func values(line string, names ...string) ([]uint32, bool) {
	parts := strings.Split(line, ",")
	if len(parts) != len(names) {
		return nil, false
	}
	out := make([]uint32, len(names))
	for i, p := range parts {
		v, ok := strings.CutPrefix(p, names[i]+"=")
		n, err := strconv.ParseUint(v, 10, 32)
		if !ok || err != nil {
			return nil, false
		}
		out[i] = uint32(n)
	}
	return out, true
}

// ParseFragments reads the answer of dpctl/ipf-get-status.
func ParseFragments(text string) (ctstate.UserFragments, bool) { return parseFragments(text) }

// parseFragments parses the needed "name: number" lines (dpctl_ct_ipf_get_status).
func parseFragments(text string) (ctstate.UserFragments, bool) {
	found := map[string]int{}
	for _, line := range strings.Split(text, "\n") {
		name, v, ok := strings.Cut(strings.TrimSpace(line), ": ")
		if n, err := strconv.ParseUint(v, 10, 32); ok && err == nil {
			found[name] = int(n)
		}
	}
	for _, name := range []string{"v4 enabled", "v6 enabled", "min v4 frag size", "min v6 frag size"} {
		if _, ok := found[name]; !ok {
			return ctstate.UserFragments{}, false
		}
	}
	return ctstate.UserFragments{OffIPv4: found["v4 enabled"] == 0, OffIPv6: found["v6 enabled"] == 0,
		MinIPv4: found["min v4 frag size"], MinIPv6: found["min v6 frag size"]}, true
}
