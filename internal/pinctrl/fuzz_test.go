package pinctrl

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow"
)

// FuzzDecode checks that a printed punt reads back as the same punt, that an error comes with a
// zero value, and that no punt makes Answer crash.
func FuzzDecode(f *testing.F) {
	for _, s := range captured(f) {
		f.Add(s)
	}
	f.Add("CONTROLLER:65535")
	f.Add("controller(reason=no_match,max_len=128,id=3)")
	f.Add("controller(userdata=00.00.00.1b.00.00.00.00.00.00.00.01.00.00.00.02.28)")
	four := packet.Packet{EthType: packet.EthIPv4, Src: netip.MustParseAddr("10.0.0.1"), Dst: netip.MustParseAddr("10.0.0.2"), Proto: 6}
	six := packet.Packet{EthType: packet.EthIPv6, Src: netip.MustParseAddr("fd00::1"), Dst: netip.MustParseAddr("fd00::2"), Proto: 58, ICMPType: 135, NDTarget: netip.MustParseAddr("fd00::2")}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := Decode(s)
		if err != nil {
			if !reflect.DeepEqual(p, Punt{}) {
				t.Errorf("error with %+v", p)
			}
			return
		}
		text := p.String()
		again, err := Decode(text)
		if err != nil {
			t.Fatalf("%q printed as %q: %v", s, text, err)
		}
		if !reflect.DeepEqual(p, again) {
			t.Errorf("%q: read %+v, then %+v", s, p, again)
		}
		for _, pkt := range []packet.Packet{four, six, {}} {
			r := Responder{}.Answer(p, pkt, openflow.Flow{})
			if r.Text == "" || r.Kind == KindUnknown && r.Unknown == "" {
				t.Errorf("%q: nothing said: %+v", s, r)
			}
			if strings.Contains(r.Actions, "opaque") {
				t.Errorf("%q: actions to trace hold %s", s, r.Actions)
			}
		}
	})
}
