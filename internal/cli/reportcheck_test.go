package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/reporttest"
)

// checkReport validates a report against its schema, and checks what a schema cannot express:
// references must have a target, and verdicts must agree with each other.
func checkReport(raw []byte) error {
	if err := reporttest.Check(raw); err != nil {
		return err
	}
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.UseNumber()
	var top any
	if err := dec.Decode(&top); err != nil {
		return fmt.Errorf("not JSON: %w", err)
	}
	k := &checker{}
	k.references(top)
	return errors.Join(k.errs...)
}

type checker struct{ errs []error }

func (k *checker) fail(at, format string, args ...any) {
	k.errs = append(k.errs, fmt.Errorf("%s: %s", at, fmt.Sprintf(format, args...)))
}

// verdict are the verdicts, the worst first.
var verdict = []string{"unknown", "dropped", "rejected", "controller", "host", "external", "delivered"}

// references checks the relations of docs/json.md between parts: hops of branches, parents of
// segments, the verdicts.
func (k *checker) references(top any) {
	m, _ := top.(map[string]any)
	packets, _ := m["packets"].([]any)
	if len(packets) == 0 {
		k.fail(".packets", "is empty")
	}
	worst := len(verdict)
	for i, p := range packets {
		p, _ := p.(map[string]any)
		at := fmt.Sprintf(".packets[%d]", i)
		hops, _ := p["hops"].([]any)
		branches, _ := p["branches"].([]any)
		for j, b := range branches {
			b, _ := b.(map[string]any)
			list, _ := b["hops"].([]any)
			for _, h := range list {
				if n, _ := h.(json.Number).Int64(); n >= int64(len(hops)) {
					k.fail(fmt.Sprintf("%s.branches[%d].hops", at, j), "names hop %v of %d", h, len(hops))
				}
			}
		}
		for j, h := range hops {
			h, _ := h.(map[string]any)
			segments, _ := h["segments"].([]any)
			for n, s := range segments {
				s, _ := s.(map[string]any)
				if fmt.Sprint(s["id"]) != fmt.Sprint(n) {
					k.fail(fmt.Sprintf("%s.hops[%d].segments[%d]", at, j, n), "has id %v", s["id"])
				}
				if parent, ok := s["parent"].(json.Number); ok != (n > 0) || ok && parent.String() >= fmt.Sprint(n) && len(segments) < 10 {
					k.fail(fmt.Sprintf("%s.hops[%d].segments[%d]", at, j, n), "has parent %v", s["parent"])
				}
			}
		}
		v, _ := p["verdict"].(string)
		worst = min(worst, slices.Index(verdict, v))
		k.packetVerdict(at, p, branches)
	}
	if v, _ := m["verdict"].(string); slices.Index(verdict, v) != worst {
		k.fail(".verdict", "is %s, not the worst packet's", v)
	}
}

func (k *checker) packetVerdict(at string, p map[string]any, branches []any) {
	flood, _ := p["flood"].(bool)
	want := -1
	for _, b := range branches {
		b, _ := b.(map[string]any)
		v, _ := b["verdict"].(string)
		n := slices.Index(verdict, v)
		if want < 0 || flood && n > want || !flood && n < want {
			want = n
		}
	}
	if v, _ := p["verdict"].(string); want >= 0 && slices.Index(verdict, v) != want {
		k.fail(at+".verdict", "is %s, its branches make it %s", v, verdict[want])
	}
}
