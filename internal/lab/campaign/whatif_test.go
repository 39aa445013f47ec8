package campaign

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/probe"
)

// A connection that is not listed goes on only if it was compared.
func TestWhatIfAnswer(t *testing.T) {
	var a WhatIfAnswer
	const text = `{"counts":{"connections":{"compared":3},"closing":1},"connections":[{"fate":"dies","proto":"tcp","original":{"src":"10.0.0.3","dst":"20.0.0.4","sport":4000,"dport":80}}]}`
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		t.Fatal(err)
	}
	for live, want := range map[int]int{2: 0, 3: 0, 4: 1, 6: 3} {
		if got := a.unseen(live); got != want {
			t.Errorf("of %d connections %d were not compared, want %d", live, got, want)
		}
	}
	for sport, want := range map[int]string{4000: "dies", 4001: "goes-on"} {
		fate, _ := a.fate(&talk{next: [2]probe.Packet{{Proto: "tcp", Src: "10.0.0.3", Dst: "20.0.0.4", Sport: sport, Dport: 80}}})
		if fate != want {
			t.Errorf("port %d: %s, want %s", sport, fate, want)
		}
	}
}

// An answer from archives is the live one if every connection has the same fate, by the same
// reason.
func TestWhatIfDiffers(t *testing.T) {
	read := func(text string) (a WhatIfAnswer) {
		if err := json.Unmarshal([]byte(text), &a); err != nil {
			t.Fatal(err)
		}
		return a
	}
	const live = `{"counts":{"connections":{"compared":3,"dies":1}},"connections":[{"fate":"dies","proto":"tcp","original":{"src":"10.0.0.3","dst":"20.0.0.4","sport":4000,"dport":80},"after":{"text":"the port has 62:ab:b9:8b:ce:4e"}}]}`
	a := read(live)
	for _, c := range []struct {
		change, to string
		same       bool
	}{
		{"ce:4e", "ce:4f", true},
		{"compared\":3", "compared\":2", false},
		{`fate":"dies`, `fate":"moves`, false},
		{"4000", "4001", false},
		{"the port", "no port", false},
	} {
		other := read(strings.Replace(live, c.change, c.to, 1))
		if got := a.differs(&other); (got == "") != c.same {
			t.Errorf("%s: %q", c.to, got)
		}
	}
}
