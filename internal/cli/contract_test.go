package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// checkReport checks a report against the public contract: fields named there are present where it says so, and have their type
// and range; others may be added. What refers to something else must find it.
func checkReport(raw []byte) error {
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.UseNumber()
	var top any
	if err := dec.Decode(&top); err != nil {
		return fmt.Errorf("not JSON: %w", err)
	}
	if dec.More() {
		return errors.New("more than one value")
	}
	k := &checker{}
	k.value("", top, reportShape)
	k.references(top)
	return errors.Join(k.errs...)
}

type checker struct{ errs []error }

func (k *checker) fail(at, format string, args ...any) {
	k.errs = append(k.errs, fmt.Errorf("%s: %s", at, fmt.Sprintf(format, args...)))
}

// shape is what a value must be.
type shape interface {
	check(k *checker, at string, v any)
}

func (k *checker) value(at string, v any, s shape) { s.check(k, at, v) }

// object has required fields, and optional ones whose name starts with "?"; "?*" is the shape of every other field, none when absent.
type object map[string]shape

func (o object) check(k *checker, at string, v any) {
	m, ok := v.(map[string]any)
	if !ok {
		k.fail(at, "is %T, not an object", v)
		return
	}
	for name, s := range o {
		field, optional := strings.CutPrefix(name, "?")
		if field == "*" {
			for n, w := range m {
				s.check(k, at+"."+n, w)
			}
			continue
		}
		w, ok := m[field]
		switch {
		case ok:
			s.check(k, at+"."+field, w)
		case !optional:
			k.fail(at, "has no %q", field)
		}
	}
}

// list is an array; a null is none.
type list struct{ of shape }

func (l list) check(k *checker, at string, v any) {
	a, ok := v.([]any)
	if !ok {
		k.fail(at, "is %T, not an array", v)
	}
	for i, w := range a {
		l.of.check(k, fmt.Sprintf("%s[%d]", at, i), w)
	}
}

// orNull lets a shape be null.
type orNull struct{ of shape }

func (o orNull) check(k *checker, at string, v any) {
	if v != nil {
		o.of.check(k, at, v)
	}
}

// word is one of some strings, or any string when there are none.
type word []string

func (w word) check(k *checker, at string, v any) {
	s, ok := v.(string)
	if !ok || len(w) > 0 && !slices.Contains(w, s) {
		k.fail(at, "is %v (%T), not one of %q", v, v, []string(w))
	}
}

// number is an integer from 0 to max.
type number struct{ max int64 }

func (n number) check(k *checker, at string, v any) {
	s, ok := v.(json.Number)
	if !ok {
		k.fail(at, "is %T, not a number", v)
		return
	}
	if i, err := s.Int64(); err != nil || i < 0 || i > n.max {
		k.fail(at, "is %v, not an integer up to %d", v, n.max)
	}
}

// checked is a value with a rule of its own.
type checked func(v any) string

func (c checked) check(k *checker, at string, v any) {
	if why := c(v); why != "" {
		k.fail(at, "is %v: %s", v, why)
	}
}

var (
	text    = word(nil)
	boolean = checked(func(v any) string {
		if _, ok := v.(bool); !ok {
			return "not a boolean"
		}
		return ""
	})
	hexText = checked(func(v any) string {
		if s, ok := v.(string); !ok || !strings.HasPrefix(s, "0x") || len(s) < 3 || strings.Trim(s[2:], "0123456789abcdef") != "" {
			return "not 0x and hex digits"
		}
		return ""
	})
	fraction = checked(func(v any) string {
		n, ok := v.(json.Number)
		if !ok {
			return "not a number"
		}
		if f, err := n.Float64(); err != nil || f < 0 || f > 1 {
			return "not between 0 and 1"
		}
		return ""
	})
	flagsOf = func(known ...string) checked {
		return func(v any) string {
			s, ok := v.(string)
			if !ok {
				return "not a string"
			}
			if s == "0" || s == "" {
				return ""
			}
			for _, f := range strings.Split(s, "|") {
				if !slices.Contains(known, f) && !strings.HasPrefix(f, "0x") {
					return "no flag " + f
				}
			}
			return ""
		}
	}

	verdict = word{"unknown", "dropped", "rejected", "controller", "host", "external", "delivered"}
	port    = number{65535}
	byteNum = number{255}

	header = object{
		"?eth_src": text, "?eth_dst": text, "?eth_type": hexText, "?vlan": number{4095}, "?ip_src": text, "?ip_dst": text, "?ip_proto": text,
		"?ip_ttl": byteNum, "?l4_src": port, "?l4_dst": port, "?tcp_flags": flagsOf("fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr", "ns"),
		"?icmp_type": byteNum, "?icmp_code": byteNum, "?arp_op": port,
	}
	tuple      = object{"proto": text, "src": text, "dst": text, "?sport": port, "?dport": port, "?icmp_id": port, "?icmp_type": byteNum, "?icmp_code": byteNum}
	entryShape = object{"original": tuple, "reply": tuple, "status": text, "protoinfo": text, "timeout": number{1 << 32}, "mark": hexText, "label": hexText}
	nb         = object{"table": text, "uuid": text, "name": text, "summary": text}
	logical    = object{"datapath": text, "pipeline": text, "priority": number{65535}, "match": text, "actions": text}
	ctShape    = object{
		"zone": port, "zone_name": text, "action": checked(func(v any) string {
			if s, _ := v.(string); !strings.HasPrefix(s, "ct(") && s != "ct" {
				return "not a ct action"
			}
			return ""
		}),
		"tuple": tuple, "found": word{"kernel", "userspace", "overlay", "none"}, "direction": word{"original", "reply", ""}, "?entry": orNull{entryShape},
		"state": flagsOf("new", "est", "rel", "rpl", "inv", "trk", "snat", "dnat"), "mark": hexText, "label": hexText,
		"?nat":      orNull{object{"from": header, "to": header, "determined": boolean, "why": text}},
		"committed": orNull{entryShape},
	}
	tableShape = object{"table": number{255}, "?stage": text, "priority": number{65535}, "?cookie": hexText, "match": text, "actions": list{text},
		"?logical_flow": logical, "?nb": nb}
	segmentShape = object{"id": number{1 << 20}, "parent": orNull{number{1 << 20}}, "enter": checked(func(v any) string {
		s, _ := v.(string)
		if s != "packet" && !strings.HasPrefix(s, "table ") && !strings.HasPrefix(s, "actions ") {
			return `neither "packet" nor "table N" nor "actions ..."`
		}
		return ""
	}), "flow": text, "tables": list{tableShape}, "ct": list{ctShape}, "datapath_actions": text, "final_flow": text}
	hopShape    = object{"chassis": text, "bridge": text, "in_port": text, "via": word{"vif", "tunnel", "physical", "patch"}, "segments": list{segmentShape}}
	reasonShape = object{"text": text, "?chassis": text, "?table": number{255}, "?stage": text, "?cookie": hexText, "?logical_flow": logical, "?nb": nb}
	choiceShape = object{"kind": text, "chosen": text, "share": fraction, "determined": boolean}
	branchShape = object{
		"verdict": verdict, "end": object{"kind": word{"port", "host", "external", "controller", "drop", "unknown"}, "chassis": text, "?port": text},
		"header": header, "?choices": list{choiceShape}, "?reason": reasonShape, "hops": list{number{1 << 20}},
	}
	packetShape = object{
		"label": text, "direction": word{"original", "reply"}, "from": object{"chassis": text, "port": text}, "header": header, "verdict": verdict,
		"branches": list{branchShape}, "hops": list{hopShape},
	}
	reportShape = object{
		"schema": word{"ovn-ct-trace/1"}, "verdict": verdict, "expectation": object{"text": text, "met": boolean}, "packets": list{packetShape},
		"?session": object{"proto": text, "established": boolean, "broken_at": text, "verdict": verdict}, "warnings": list{text},
		"versions": object{"tool": text, "chassis": object{"?*": object{"ovs": text, "ovn": text, "datapath": text}}},
	}
)

// references checks what the contract says of one part by another: hops of branches, parents of segments, the verdicts.
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
