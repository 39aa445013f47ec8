package engine_test

import (
	"encoding/json"
	"net/netip"
	"reflect"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
)

// TestTunnelJSON checks how a tunnel goes to another node and comes back: nodes of other versions
// read addresses as text, and options as hex digits.
func TestTunnelJSON(t *testing.T) {
	for text, want := range map[string]engine.Tunnel{
		`{"id":5,"dst":"10.0.0.2","options":[{"class":258,"type":128,"data":"00010002"}]}`: {ID: 5, Dst: netip.MustParseAddr("10.0.0.2"),
			Options: []engine.TunnelOption{{Class: 0x102, Type: 0x80, Data: engine.OptionData{0, 1, 0, 2}}}},
		`{"id":0,"src":"fd00::1","dst":"fd00::2"}`: {Src: netip.MustParseAddr("fd00::1"), Dst: netip.MustParseAddr("fd00::2")},
	} {
		b, err := json.Marshal(want)
		if err != nil || string(b) != text {
			t.Errorf("%s, %v; want %s", b, err, text)
		}
		var got engine.Tunnel
		if err := json.Unmarshal([]byte(text), &got); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v; want %+v", text, got, err, want)
		}
	}
	var got engine.Tunnel
	if err := json.Unmarshal([]byte(`{"options":[{"data":"0g"}]}`), &got); err == nil {
		t.Errorf("%+v", got)
	}
}
