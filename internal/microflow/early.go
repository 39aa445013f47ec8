package microflow

import (
	"maps"
	"net/netip"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovnexpr"
)

// Early reads an expression without a database. families are those that the rest of the request
// allows: 4, 6, or 0 if it does not restrict them. The error says that the expression is wrong
// whatever the databases contain.
//
// whole reports whether the expression contains no address set and no port group: mf is then final
// except for its family.
func Early(in string, families ...int) (mf Microflow, whole bool, err error) {
	e, err := ovnexpr.Parse(in, ovnexpr.Options{KeepNames: true})
	if err != nil {
		return Microflow{}, false, err
	}
	if len(ovnexpr.Sets(e)) > 0 {
		a := ovnexpr.Annotate(ovnexpr.Lower(e))
		if alts, err := new(ovnexpr.Normalizer).Clauses(a); err == nil && len(alts) == 0 {
			return Microflow{}, false, contradiction(in, a, Options{})
		}
		// It may be ambiguous now, and describe one packet once the names are resolved.
		return Microflow{}, false, nil
	}
	var first error
	for _, f := range families {
		if mf, err = Parse(in, Options{Family: f}); err == nil {
			return mf, true, nil
		}
		if first == nil {
			first = err
		}
	}
	return Microflow{}, false, first
}

// Draft fills a copy of a microflow as Fill does, with documentation addresses of each family and a
// MAC address in place of a port's. The error says that the microflow contradicts the target or the
// protocol whatever the databases contain.
func Draft(mf Microflow, to Target, o FillOptions) (Microflow, error) {
	// Documentation addresses: RFC 5737, RFC 3849.
	v4, v6 := netip.AddrFrom4([4]byte{192, 0, 2, 1}), netip.MustParseAddr("2001:db8::1")
	o.NextHop = packet.MAC{2}
	from := Endpoint{MAC: packet.MAC{2}, Addrs: []netip.Addr{v4, v6}}
	var first error
	for _, a := range from.Addrs {
		dest := Destination{Target: to}
		if to.Text != "" && to.Kind != TargetIP {
			dest.Endpoint = Endpoint{Port: to.Name, MAC: packet.MAC{2}, Addrs: []netip.Addr{a}}
		}
		out := mf
		out.partly = maps.Clone(mf.partly)
		err := Fill(&out, from, dest, o)
		if err == nil {
			return out, nil
		}
		if first == nil {
			first = err
		}
	}
	return mf, first
}
