package rebuild

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// Adopted is a switch of a room that a daemon has programmed, as a host's own one would be.
type Adopted struct {
	Switch *Switch
	// Bridge is the bridge whose flows are as on the host, but for learned ones. Those of the
	// others are not known.
	Bridge string
	// Unsure are interfaces by name of which it is not known whether the host has them, and why: a
	// flow that outputs to one is unknown.
	Unsure map[string]string
	// Contested are cookies of flows of which it is not known whether the host has them or others in
	// their place, and why.
	Contested map[uint32]string
	Notes     []string
}

// notCollected is why the flows of a bridge are not known.
const notCollected = "the flows of %s are not known: not collected"

// Adopt makes a chassis of a switch on which no daemon acts any more: its tunnels get a way out,
// and packets that come to what is not known end as unknown, with the reason.
func (r *Room) Adopt(ctx context.Context, h *Host, a Adopted) (*Chassis, error) {
	fail := func(what string, err error) (*Chassis, error) { return nil, &HostError{h.Hostname, what, err} }
	c, err := readConf(ctx, a.Switch.DB.Remote)
	if err != nil {
		return fail("its Open vSwitch database", err)
	}
	b := &builder{room: r, host: h, conf: c, sw: a.Switch, out: &Chassis{
		Host: h, Switch: a.Switch, Conf: a.Switch.DB.Remote, Datapaths: datapaths, Notes: slices.Clone(a.Notes)}}
	for _, br := range c.bridges {
		switch {
		case br.name != a.Bridge:
			err = b.blank(ctx, br, fmt.Sprintf(notCollected, br.name))
		case len(a.Unsure)+len(a.Contested) > 0:
			err = b.unsure(ctx, br, a)
		}
		if err == nil && br.name == a.Bridge {
			err = b.unlearnedTables(ctx, br)
		}
		if err != nil {
			return fail("bridge "+br.name, err)
		}
	}
	if err := b.underlay(ctx); err != nil {
		return fail("rebuilding its tunnels", err)
	}
	return b.out, nil
}

// unsure replaces the actions of a bridge's flows that output to an interface which the host may
// not have, and of flows that it may not have.
func (b *builder) unsure(ctx context.Context, br *bridge, a Adopted) error {
	why := map[string]string{} // by port number
	for _, p := range br.ports {
		for _, i := range p.ifaces {
			if reason := a.Unsure[i.name]; reason != "" {
				why[strconv.FormatInt(i.ofport, 10)] = reason
			}
		}
	}
	dump, err := b.sw.Ofctl(ctx, openFlow, "--no-stats", "dump-flows", br.name)
	if err != nil {
		return err
	}
	dumped := filepath.Join(b.sw.RunDir, "dump")
	if err := os.WriteFile(dumped, []byte(dump), 0o600); err != nil {
		return err
	}
	file := filepath.Join(b.sw.RunDir, "flows")
	if _, err := writeFlows(FilePart(dumped), file, func(match, actions string) string {
		return cmp.Or(a.Contested[cookieOf(match)], outputsTo(actions, why))
	}); err != nil {
		return err
	}
	_, err = b.sw.Ofctl(ctx, openFlow, "--bundle", "replace-flows", br.name, file)
	return err
}

// cookieOf returns the lower half of the cookie with which a flow begins, where OVN's are; 0 without
// one.
func cookieOf(match string) uint32 {
	rest, ok := strings.CutPrefix(match, "cookie=")
	if !ok {
		return 0
	}
	text, _, _ := strings.Cut(rest, ",")
	n, err := strconv.ParseUint(text, 0, 64)
	if err != nil {
		return 0
	}
	return uint32(n)
}

// outputsTo returns the reason of the first port in why that actions output to.
func outputsTo(actions string, why map[string]string) string {
	for rest := actions; ; {
		_, after, ok := strings.Cut(rest, "output:")
		if !ok {
			return ""
		}
		end := strings.IndexFunc(after, func(c rune) bool { return c < '0' || c > '9' })
		if end < 0 {
			end = len(after)
		}
		if reason := why[after[:end]]; reason != "" {
			return reason
		}
		rest = after
	}
}

// Numbered returns the numbers of the interfaces of a switch by name; one that is not open has
// none.
func (s *Switch) Numbered(ctx context.Context) (map[string]int64, error) {
	db, err := ovsdb.Dial(ctx, ovsdb.Options{Remotes: s.DB.Remote, Database: openVSwitch})
	if err != nil {
		return nil, err
	}
	defer db.Close()
	res, err := db.Select(ctx, ovsdb.From("Interface", "name", "ofport"))
	if err != nil {
		return nil, err
	}
	out := map[string]int64{}
	for _, row := range res[0] {
		out[row.Str("name")] = row.Int("ofport")
	}
	return out, nil
}
