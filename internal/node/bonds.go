package node

import (
	"context"
	"slices"
	"strconv"
	"strings"
)

// readBonds reads the numbers by which lb_output actions name bonds.
func (s *Service) readBonds(ctx context.Context, info *Info) {
	if !slices.ContainsFunc(info.Ports, func(p Port) bool { return p.Bond != "" }) {
		return
	}
	if text, err := s.ctl.Call(ctx, "bond/show"); err == nil {
		info.Bonds = parseBondShow(text)
	}
}

// parseBondShow parses the bonds' numbers in the output of bond/show (ofproto/bond.c:
// bond_print_details):
//
//	---- bond0 ----
//	lb_output action: enabled, bond-id: 1
func parseBondShow(text string) map[uint32]string {
	out := map[uint32]string{}
	name := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if rest, ok := strings.CutPrefix(line, "---- "); ok {
			if rest, ok = strings.CutSuffix(rest, " ----"); ok {
				name = rest
			}
		}
		if rest, ok := strings.CutPrefix(line, "lb_output action: enabled, bond-id: "); ok {
			if id, err := strconv.ParseUint(rest, 10, 32); err == nil && name != "" {
				out[uint32(id)] = name
			}
		}
	}
	return out
}
