package offline

import (
	"strings"
	"testing"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/rebuild"
)

// The time within which the parts were taken is that of all of them, or not known.
func TestNotes(t *testing.T) {
	at := time.Date(2026, 11, 29, 10, 0, 0, 0, time.UTC)
	taken := func(began time.Time) *chassis {
		return &chassis{conf: &rebuild.Conf{Host: &rebuild.Host{Began: began, Ended: began.Add(time.Second)}}}
	}
	for want, chassis := range map[string]map[string]*chassis{
		"within 6s":                {"hv1": taken(at), "hv2": taken(at.Add(5 * time.Second))},
		"times that are not known": {"hv1": taken(at), "hv2": taken(time.Time{})},
	} {
		if notes := (&Deployment{chassis: chassis}).Notes(); len(notes) != 1 || !strings.Contains(notes[0], want) {
			t.Errorf("%q, want %q", notes, want)
		}
	}
}
