package offline

import "testing"

// Only chassis with an archive are asked.
func TestHas(t *testing.T) {
	d := &Deployment{chassis: map[string]*chassis{"hv1": {}}}
	if !d.Has("hv1") || d.Has("hv2") {
		t.Error("not hv1 alone")
	}
}
