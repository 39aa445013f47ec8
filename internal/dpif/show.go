// Package dpif reads ovs-vswitchd's list of its datapaths' ports.
package dpif

import (
	"strconv"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/failure"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/syntax"
)

// Port is a port as dpif/show lists it.
type Port struct {
	Backer       string // datapath, TYPE@NAME: system@ovs-system
	Bridge, Name string
	OFPort       uint32
	Datapath     string // number, in decimal; empty if it has none (patch ports)
	Type         string
	Text         string // options as printed
}

// ParseShow reads the reply of dpif/show (ofproto/ofproto-dpif.c: dpif_show_backer). A line that it
// cannot read is a *syntax.Error. The format is:
//
//	system@ovs-system: hit:0 missed:0
//	  br-int:
//	    sw0-p1 1/2: (system)
func ParseShow(text string) ([]Port, error) {
	var out []Port
	bridge, backer := "", ""
	for off := 0; off < len(text); {
		line, _, _ := strings.Cut(text[off:], "\n")
		indent := len(line) - len(strings.TrimLeft(line, " "))
		body := line[indent:]
		switch {
		case body == "":
		case indent == 0:
			bridge = ""
			backer, _, _ = strings.Cut(body, ":")
		case indent == 2:
			bridge = strings.TrimSuffix(body, ":")
		default:
			p, bad := parsePort(body)
			if bad != "" {
				err := &syntax.Error{What: "dpif/show", In: line, Off: indent, Msg: bad, Whole: true}
				return out, failure.Of(failure.Unreachable, err) // the reply is not ovs-vswitchd's
			}
			p.Backer, p.Bridge = backer, bridge
			out = append(out, p)
		}
		off += len(line) + 1
	}
	return out, nil
}

// parsePort reads NAME OFPORT/DPPORT: (TYPE[: OPTIONS]).
func parsePort(s string) (Port, string) {
	open := strings.Index(s, ": (")
	if open < 0 {
		return Port{}, "no (type)"
	}
	head := s[:open]
	rest, closed := strings.CutSuffix(s[open+3:], ")")
	if !closed {
		return Port{}, "no end of (type)"
	}
	space := strings.LastIndexByte(head, ' ')
	if space < 0 {
		return Port{}, "no port numbers"
	}
	p := Port{Name: head[:space]}
	of, dp, ok := strings.Cut(head[space+1:], "/")
	n, err := strconv.ParseUint(of, 10, 32)
	if !ok || dp == "" || err != nil {
		return Port{}, "port numbers not understood"
	}
	p.OFPort = uint32(n)
	if dp != "none" {
		p.Datapath = dp
	}
	p.Type, p.Text, _ = strings.Cut(rest, ": ")
	return p, ""
}

// Options returns the items NAME=VALUE of Text.
func (p Port) Options() map[string]string {
	out := map[string]string{}
	for _, item := range strings.Split(p.Text, ", ") {
		k, v, ok := strings.Cut(item, "=")
		if _, twice := out[k]; ok && !twice {
			out[k] = v
		}
	}
	return out
}

// ofppLocal is the bridge's own port (OFPP_LOCAL), on every type of datapath.
const ofppLocal = 0xfffe

// Host reports whether the port belongs to the host's network stack: the bridge's local port, or
// another internal one.
func (p Port) Host() bool {
	return p.Type == "internal" || p.Type == "tap" || p.OFPort == ofppLocal
}

// IsTunnel reports whether an interface's type is one that encapsulates (lib/netdev-vport.c:
// netdev_vport_tunnel_register).
func IsTunnel(typ string) bool {
	switch typ {
	case "geneve", "vxlan", "stt", "gre", "erspan", "ip6erspan", "ip6gre", "gtpu", "bareudp", "srv6", "lisp":
		return true
	}
	return false
}
