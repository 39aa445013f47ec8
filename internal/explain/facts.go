package explain

import (
	"strconv"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovnexpr"
)

// facts is a packet as a logical match sees it, read from a flow's text. A field that the text does
// not have is zero: flow_format omits such fields.
type facts struct {
	fields   map[string]string // OpenFlow names
	ethType  uint16
	ipProto  uint8
	ctState  uint32
	ctKnown  bool   // false where ct_state has a flag that this package does not know
	inport   string // logical ports of reg14 and reg15
	outport  string
	security []string // addresses that the checked port's security allows

	matches matches // parsed before; may be nil
	// Facts that are not in the packet; those that have been read.
	sets      map[string][]ovnexpr.Constant // members of "$addressset" and "@portgroup"
	residents map[string]residence          // by port
	strict    bool                          // a port resides where the database alone decides that
}

// readFacts reads a flow as ofproto/trace prints it.
func readFacts(text string) facts {
	flow, _ := openflow.Read(text)
	f := facts{fields: make(map[string]string, len(flow.Fields))}
	for _, fd := range flow.Fields {
		f.fields[fd.Name] = fd.Value
	}
	f.ethType, _ = flow.EthType()
	f.ipProto, _ = flow.Proto()
	state, _, ok := flow.CTState()
	f.ctState, f.ctKnown = uint32(state), ok || !flow.Has("ct_state")
	return f
}

// is reports whether the flow has one of the words or fields.
func (f facts) is(names ...string) bool {
	for _, n := range names {
		if _, ok := f.fields[n]; ok {
			return true
		}
	}
	return false
}

// number reads a field; absent is 0.
func (f facts) number(name string) uint64 {
	n, _ := strconv.ParseUint(f.fields[name], 0, 64)
	return n
}

func (f facts) ip4() bool { return f.ethType == packet.EthIPv4 }
func (f facts) ip6() bool { return f.ethType == packet.EthIPv6 }
