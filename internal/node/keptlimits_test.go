package node

import (
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ctdpif"
)

// A commit into a zone under a default limit has the zone's own count; one into a zone that was not
// counted is unknown, as is every one where the limits were lost. Only without limits is there none.
func TestKeptLimits(t *testing.T) {
	syn := ctstate.Packet{IP: true, Tuple: keptSample()[0].Orig, TCPFlags: 2}
	const asked = "dpctl/ct-get-limits"
	limits := map[uint16]ctstate.ZoneLimit{8: {Limit: 5, Count: 5}, 9: {Limit: 5, Count: 4}}
	for _, c := range []struct {
		name string
		kept Kept
		want map[uint16]string // by zone
	}{
		{"default", Kept{Answers: map[string]string{asked: "default limit=5\n"}, Limits: limits}, map[uint16]string{8: "full", 9: "", 10: "not collected"}},
		{"default and own", Kept{Answers: map[string]string{asked: "default limit=5\nzone=10,limit=3,count=3\n"}, Limits: limits}, map[uint16]string{9: "", 10: "full", 11: "not collected"}},
		{"own", Kept{Answers: map[string]string{asked: "default limit=0\nzone=10,limit=3,count=3\n"}}, map[uint16]string{9: "", 10: "full"}},
		{"without the counts", Kept{Answers: map[string]string{asked: "default limit=5\n"}}, map[uint16]string{8: "not collected"}},
		{"lost", Kept{Lost: map[string]string{asked: "it has 3 bytes"}}, map[uint16]string{8: "it has 3 bytes"}},
		{"not supported there", Kept{}, map[uint16]string{8: ""}},
	} {
		c.kept.Held = []ctstate.Entry{}
		r := &Replica{Of: "hv1", Kernel: "6.1.0", Table: func(string) *Kept { return &c.kept }}
		for _, zone := range []uint16{8, 9, 10, 11} {
			want, ok := c.want[zone]
			if !ok {
				continue
			}
			table, tracker := r.kernel(&Info{}, "system@ovs-system")
			res, err := tracker.Do(t.Context(), table, ctstate.Conn{}, syn, ctstate.Action{Zone: zone, Commit: true})
			switch {
			case want == "full" && (err != nil || !res.Dropped), want == "" && (err != nil || res.Dropped),
				want != "full" && want != "" && (err == nil || !strings.Contains(err.Error(), want)):
				t.Errorf("%s, zone %d: %+v, %v; want %q", c.name, zone, res, err, want)
			}
			// Of the userspace datapath the same is asked by command.
			if text, err := (settings{&c.kept}).Call(t.Context(), asked, "netdev@ovs-netdev", "zone=8"); c.name == "default" {
				if l, ok := ctdpif.ParseLimits(text); err != nil || !ok || l.Zones[8] != limits[8] {
					t.Errorf("%q, %v", text, err)
				}
			}
		}
	}
	if _, err := (settings{&Kept{Answers: map[string]string{asked: "default limit=5\n"}}}).Call(t.Context(), asked, "dp", "zone=8"); !errors.Is(err, errZoneCount) {
		t.Errorf("a zone that was not counted: %v", err)
	}
}

// FuzzKeptLimits: what is read prints as it was, and an error comes with nothing.
func FuzzKeptLimits(f *testing.F) {
	f.Add("zone=8,limit=5,count=5\nzone=9,limit=5,count=0\n")
	f.Add("")
	f.Add("zone=70000,limit=5,count=5\n")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := ParseKeptLimits(text)
		if err != nil {
			if got != nil {
				t.Errorf("%v with %v", got, err)
			}
			return
		}
		again, err := ParseKeptLimits(printLimits(got))
		if err != nil || !maps.Equal(got, again) {
			t.Errorf("%v, again %v, %v", got, again, err)
		}
	})
}
