package rebuild

import "testing"

// A file that lacks a port number which ovs-vsctl lists is older, or cut.
func TestAgrees(t *testing.T) {
	for _, c := range []struct {
		file   int64
		listed string
		ok     bool
	}{{5, "5", true}, {0, "[]", true}, {0, "-1", true}, {-1, "-1", true}, {0, "5", false}, {5, "6", false}} {
		b := &builder{host: &Host{Interfaces: []Row{{"name": "p", "ofport": c.listed}}},
			conf: &conf{bridges: []*bridge{{ports: []*port{{ifaces: []*iface{{name: "p", ofport: c.file}}}}}}}}
		if err := b.agrees(); (err == nil) != c.ok {
			t.Errorf("%d, listed %s: %v", c.file, c.listed, err)
		}
	}
}
