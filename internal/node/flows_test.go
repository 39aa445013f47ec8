package node

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
)

// flowFiles asks for flows and returns the files, and those that are errors.
func flowFiles(t *testing.T, s *Service, req FlowsRequest) (text, failed map[string]string) {
	t.Helper()
	text, failed = map[string]string{}, map[string]string{}
	_, err := s.Flows(t.Context(), req, func(chunks []Chunk) error {
		for _, c := range chunks {
			text[c.File] += string(c.Data)
			if c.End != nil && c.End.Error != "" {
				failed[c.File] = c.End.Error
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return text, failed
}

// The flows that are asked for are handed over, and no others; of too many none is.
func TestFlows(t *testing.T) {
	o := userspaceOVS(t)
	o.AddFlows("br-int", `
table=3,cookie=0x7,priority=1,ip actions=drop
table=3,cookie=0x8,priority=2,ip actions=drop
table=4,cookie=0x7,priority=3,ip actions=drop
`)
	s := service(t, Options{RunDir: o.RunDir, DB: "unix:" + o.RunDir + "/db.sock"})
	seven := uint64(7)
	all, one := FlowsOf{Table: 3}, FlowsOf{Table: 3, Cookie: &seven}
	text, failed := flowFiles(t, s, FlowsRequest{Bridge: "br-int", Of: []FlowsOf{all, one, {Table: 9}}})
	if len(failed) > 0 {
		t.Errorf("failed: %v", failed)
	}
	count := func(of FlowsOf, want ...string) {
		t.Helper()
		got := text[FlowsFile("br-int", of)]
		for _, p := range []string{"priority=1", "priority=2", "priority=3"} {
			if strings.Contains(got, p) != slices.Contains(want, p) {
				t.Errorf("%s: %s", of, got)
			}
		}
	}
	count(all, "priority=1", "priority=2")
	count(one, "priority=1")
	count(FlowsOf{Table: 9})

	text, failed = flowFiles(t, s, FlowsRequest{Bridge: "br-int", Of: []FlowsOf{all, one}, Limit: 1})
	if !strings.Contains(failed[FlowsFile("br-int", all)], "2 flows, more than the 1") || text[FlowsFile("br-int", all)] != "" || len(failed) != 1 {
		t.Errorf("above the limit: %v, %v", failed, text)
	}

	text, failed = flowFiles(t, s, FlowsRequest{Bridge: "br-int"})
	want := []string{FlowsFile("br-int"), BridgeFile(DumpGroups, "br-int"), BridgeFile(DumpMeters, "br-int"), BridgeFile(DumpTLVs, "br-int")}
	slices.Sort(want)
	if got := slices.Sorted(maps.Keys(text)); !slices.Equal(got, want) || len(failed) > 0 {
		t.Errorf("files %q, failed %v", got, failed)
	}
	if got := text[FlowsFile("br-int")]; strings.Count(got, "ip actions=drop") != 3 {
		t.Errorf("the bridge's flows: %s", got)
	}

	for _, req := range []FlowsRequest{{Bridge: "br-none"}, {Bridge: "../br-int"}, {Bridge: "br-int", Of: make([]FlowsOf, maxSelections+1)}} {
		if _, err := s.Flows(t.Context(), req, func([]Chunk) error { return nil }); err == nil {
			t.Errorf("%.60v is answered", req)
		}
	}
}

// An older node refuses the request: it must not answer with other flows.
func TestFlowsOnOlderNode(t *testing.T) {
	r, _ := remote(t, "older")
	if _, err := r.Flows(t.Context(), FlowsRequest{Bridge: "br-int"}, nil); !errors.Is(err, errors.ErrUnsupported) {
		t.Error(err)
	}
}
