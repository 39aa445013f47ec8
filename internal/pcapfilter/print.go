package pcapfilter

import (
	"fmt"
	"strings"
)

func (e *And) String() string { return "(" + e.L.String() + " and " + e.R.String() + ")" }
func (e *Or) String() string  { return "(" + e.L.String() + " or " + e.R.String() + ")" }
func (e *Not) String() string { return "not " + e.X.String() }

var (
	dirNames  = map[Dir]string{DirSrc: "src", DirDst: "dst", DirBoth: "src and dst"}
	kindNames = map[Kind]string{
		KindHost: "host", KindNet: "net", KindPort: "port", KindPortRange: "portrange", KindProto: "proto",
		KindVLAN: "vlan", KindBroadcast: "broadcast", KindMulticast: "multicast",
	}
)

func (p *Prim) String() string {
	words := []string{p.Proto, dirNames[p.Dir], kindNames[p.Kind], p.value()}
	var out []string
	for _, w := range words {
		if w != "" {
			out = append(out, w)
		}
	}
	return strings.Join(out, " ")
}

// value returns what the primitive compares with.
func (p *Prim) value() string {
	switch p.Kind {
	case KindHost:
		if p.Proto == protoEther {
			return p.MAC.String()
		}
		return p.Net.Addr().String()
	case KindNet:
		return p.Net.String()
	case KindPort:
		return fmt.Sprint(p.Lo)
	case KindPortRange:
		return fmt.Sprintf("%d-%d", p.Lo, p.Hi)
	case KindProto:
		if p.Proto == protoEther {
			return fmt.Sprintf("0x%04x", p.Lo)
		}
		return fmt.Sprint(p.Lo)
	case KindVLAN:
		if p.HasID {
			return fmt.Sprint(p.Lo)
		}
	case KindIs, KindBroadcast, KindMulticast:
	}
	return ""
}
