package driver

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
)

// place is a table on a chassis.
type place struct {
	chassis, bridge string
	table           int
}

// lesson is a flow that a packet of this run would have put into a table by learn(): a trace installs nothing
// (ofproto/ofproto-dpif-xlate.c: xlate_learn_action), and the packets after it are traced over tables that lack it.
type lesson struct {
	items  []string // of the learn() action: what the flow matches, and does
	flow   string   // the packet that would have taught it
	packet string   // its label
}

var learns = regexp.MustCompile(`^learn\((.*,)?table=(\d+)\b(.*)\)$`)

// taught notes what this packet, had it really been sent, would have taught.
func (s *sending) taught() {
	for _, h := range s.hops {
		for _, seg := range h.result.Segments {
			for _, t := range seg.Tables {
				for _, a := range t.Actions {
					m := learns.FindStringSubmatch(a)
					if m == nil {
						continue
					}
					if s.lessons == nil {
						s.Driver.lessons = map[place][]lesson{}
					}
					table, _ := strconv.Atoi(m[2])
					at := place{h.chs, t.Bridge, table}
					s.lessons[at] = append(s.lessons[at], lesson{strings.Split(m[1]+m[3], ","), t.Flow, s.pkt.Label})
				}
			}
		}
	}
}

// unlearned tells of which segments of a visit it cannot be known what comes of them: a look-up there found nothing, where a
// packet before would have taught a flow that may match.
func (s *sending) unlearned(h *hop) map[int]string {
	out := map[int]string{}
	for _, seg := range h.result.Segments {
		for _, t := range seg.Tables {
			if !t.Miss && t.Priority > 0 {
				continue
			}
			for _, l := range s.lessons[place{h.chs, t.Bridge, t.Table}] {
				if l.mayTake(t.Flow) {
					out[seg.ID] = fmt.Sprintf("the %s before would have taught table %d of %s a flow (learn), which a trace does not install: "+
						"what it makes of this packet is not known", l.packet, t.Table, h.chs)
				}
			}
		}
	}
	return out
}

// fieldNames are the names that flows have in ofproto/trace for those in learn().
var fieldNames = map[string][]string{
	"OXM_OF_METADATA": {"metadata"}, "metadata": {"metadata"},
	"NXM_OF_ETH_SRC": {"dl_src"}, "eth_src": {"dl_src"}, "dl_src": {"dl_src"},
	"NXM_OF_ETH_DST": {"dl_dst"}, "eth_dst": {"dl_dst"}, "dl_dst": {"dl_dst"},
	"NXM_OF_IP_SRC": {"nw_src"}, "ip_src": {"nw_src"}, "nw_src": {"nw_src"},
	"NXM_OF_IP_DST": {"nw_dst"}, "ip_dst": {"nw_dst"}, "nw_dst": {"nw_dst"},
	"NXM_NX_IPV6_SRC": {"ipv6_src"}, "ipv6_src": {"ipv6_src"},
	"NXM_NX_IPV6_DST": {"ipv6_dst"}, "ipv6_dst": {"ipv6_dst"},
	"NXM_OF_TCP_SRC": {"tcp_src", "tp_src"}, "tcp_src": {"tcp_src", "tp_src"}, "NXM_OF_UDP_SRC": {"udp_src", "tp_src"}, "udp_src": {"udp_src", "tp_src"},
	"NXM_OF_TCP_DST": {"tcp_dst", "tp_dst"}, "tcp_dst": {"tcp_dst", "tp_dst"}, "NXM_OF_UDP_DST": {"udp_dst", "tp_dst"}, "udp_dst": {"udp_dst", "tp_dst"},
}

// mayTake tells whether the flow may match a packet: no field that both tell of says that it does not.
func (l lesson) mayTake(flow string) bool {
	now, then := flowFields(flow), flowFields(l.flow)
	for _, item := range l.items {
		dst, src, both := strings.Cut(item, "=")
		got, known := now.get(dst)
		want := src
		if !both || strings.HasSuffix(src, "]") { // a field of the packet that taught it: its own, or the one named
			if !both {
				src = dst
			}
			var ok bool
			want, ok = then.get(src)
			known = known && ok
		}
		if known && got != want {
			return false
		}
	}
	return true
}

// flowText is a packet as ofproto/trace prints it, by field.
type flowText map[string]string

func flowFields(flow string) flowText {
	out := flowText{}
	for item := range strings.SplitSeq(flow, ",") {
		if name, value, ok := strings.Cut(strings.TrimSpace(item), "="); ok {
			out[name] = value
		}
	}
	return out
}

// get reads a whole field by its name in learn(); a part of one ("[0..15]") is not told.
func (f flowText) get(name string) (string, bool) {
	for _, n := range fieldNames[strings.TrimSuffix(name, "[]")] {
		if v, ok := f[n]; ok {
			return v, true
		}
	}
	return "", false
}

// settled is a leaf as far as it is known: one behind a segment that cannot be told is unknown.
func settled(leaf engine.Leaf, unlearned map[int]string) engine.Leaf {
	for _, seg := range leaf.Path {
		if why := unlearned[seg]; why != "" {
			leaf.Kind, leaf.Port, leaf.Controller, leaf.Why = engine.LeafUnknown, nil, nil, why
		}
	}
	return leaf
}
