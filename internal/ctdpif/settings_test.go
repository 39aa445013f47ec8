package ctdpif

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
)

// replies maps commands with their arguments to replies.
type replies map[string]string

func (r replies) Call(_ context.Context, method string, args ...string) (string, error) {
	text, ok := r[strings.Join(append([]string{method}, args...), " ")]
	if !ok {
		return "", errors.New("no such command")
	}
	return text, nil
}

// settings returns replies of ovs-vswitchd 3.1.0.
func settings() replies {
	return replies{
		"dpctl/ct-get-nconns netdev@ovs-netdev":        "3\n",
		"dpctl/ct-get-maxconns netdev@ovs-netdev":      "3000000\n",
		"dpctl/ct-get-tcp-seq-chk netdev@ovs-netdev":   "TCP sequence checking: enabled\n",
		"dpctl/ct-get-limits netdev@ovs-netdev":        "default limit=10\nzone=7,limit=0,count=0\nzone=8,limit=3,count=1\n",
		"dpctl/ct-get-limits netdev@ovs-netdev zone=5": "default limit=10\nzone=5,limit=10,count=3\n",
		"dpctl/ipf-get-status netdev@ovs-netdev": "\tFragmentation Module Status\n\t---------------------------\n\tv4 enabled: 1\n\tv6 enabled: 0\n" +
			"\tmax num frags (v4/v6): 1000\n\tnum frag: 0\n\tmin v4 frag size: 1200\n\tv4 frags accepted: 0\n\tmin v6 frag size: 1280\n\tv6 frags accepted: 0\n",
	}
}

func TestSettings(t *testing.T) {
	const dp = "netdev@ovs-netdev"
	s, err := ReadSettings(t.Context(), settings(), dp)
	if err != nil {
		t.Fatal(err)
	}
	l := s.Limits
	if s.Conns != 3 || s.MaxConns != 3000000 || !s.SeqCheck || l.Default != 10 || len(l.Zones) != 2 || l.Zones[8] != (ctstate.ZoneLimit{Limit: 3, Count: 1}) ||
		s.Fragments != (ctstate.UserFragments{OffIPv6: true, MinIPv4: 1200, MinIPv6: 1280}) {
		t.Errorf("%+v", s)
	}
	if z, err := ReadZoneLimit(t.Context(), settings(), dp, 5); err != nil || z != (ctstate.ZoneLimit{Limit: 10, Count: 3}) {
		t.Errorf("zone 5: %+v %v", z, err)
	}
	for _, bad := range []struct{ method, text string }{
		{"ct-get-nconns", "many"}, {"ct-get-nconns", ""}, {"ct-get-maxconns", "-1"}, {"ct-get-tcp-seq-chk", "TCP sequence checking: maybe"},
		{"ct-get-limits", ""}, {"ct-get-limits", "default limit=x"}, {"ct-get-limits", "default limit=1\nzone=70000,limit=1,count=1"},
		{"ct-get-limits", "default limit=1\nzone=7,limit=1"}, {"ct-get-limits", "default limit=1\nzone=7,limit=1,count=2,rate=3"},
		{"ipf-get-status", "v4 enabled: 1\n"},
	} {
		r := settings()
		r["dpctl/"+bad.method+" "+dp] = bad.text
		var text *TextError
		if s, err := ReadSettings(t.Context(), r, dp); !errors.As(err, &text) || s.MaxConns != 0 {
			t.Errorf("%s %q: %v", bad.method, bad.text, err)
		}
	}
}

func FuzzLimits(f *testing.F) {
	for _, text := range []string{"default limit=0", "default limit=10\nzone=7,limit=0,count=0\nzone=8,limit=3,count=1\n", "zone=1,limit=2,count=3"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		l, ok := parseLimits(text)
		if !ok && (l.Default != 0 || l.Zones != nil) {
			t.Errorf("%q: not read, and yet %+v", text, l)
		}
	})
}
