package campaign

import (
	"encoding/json"
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
