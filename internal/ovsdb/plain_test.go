package ovsdb

import (
	"encoding/json"
	"slices"
	"testing"
)

// FuzzPlain: what is read without the decoder is what the decoder reads.
func FuzzPlain(f *testing.F) {
	for _, cell := range []string{
		`"a"`, `""`, `"a\"b"`, `"\u00e9"`, `"\xff"`, `["uuid","0a1b2c3d-0000-1111-2222-333344445555"]`, `["set",["a","b"]]`, `["map",[]]`,
		`["map",[["k","v"]]]`, `["map",[["k","v"],["l",""]]]`, `["map",[["k",["uuid","0a1b2c3d-0000-1111-2222-333344445555"]]]]`, `["map",[[1,"v"]]]`,
		`["map",[["a","b"] ,["c","d"]]]`, `["map",[["a\\","b"]]]`, `7`, `["map",[["k","v"],]]`, `["map",[["k","v"]["l","w"]]]`, `["map",[["k","v"]]] `,
	} {
		f.Add([]byte(cell))
	}
	f.Fuzz(func(t *testing.T, cell []byte) {
		if !json.Valid(cell) {
			return
		}
		if got, ok := plainString(cell); ok {
			var want string
			if err := json.Unmarshal(cell, &want); err != nil || got != want {
				t.Errorf("%q: %q, want %q %v", cell, got, want, err)
			}
		}
		if got, ok := plainUUID(cell); ok {
			var want uuidPair
			if err := json.Unmarshal(cell, &want); err != nil || got != UUID(want) {
				t.Errorf("%q: %v, want %v %v", cell, got, want, err)
			}
		}
		if got, ok := plainPairs(cell); ok {
			var whole []json.RawMessage
			var want [][2]json.RawMessage
			if json.Unmarshal(cell, &whole) != nil || len(whole) != 2 || json.Unmarshal(whole[1], &want) != nil ||
				!slices.EqualFunc(got, want, func(a, b [2]json.RawMessage) bool { return text(a[0]) == text(b[0]) && text(a[1]) == text(b[1]) }) {
				t.Errorf("%q: %q, want %q", cell, got, want)
			}
		}
	})
}

// The usual cells are read without the decoder.
func TestPlainUsual(t *testing.T) {
	if _, ok := plainString([]byte(`"10.0.0.0/8 && tcp"`)); !ok {
		t.Error("a text")
	}
	if _, ok := plainUUID([]byte(`["uuid","0a1b2c3d-0000-1111-2222-333344445555"]`)); !ok {
		t.Error("a UUID")
	}
	if p, ok := plainPairs([]byte(`["map",[["a","b"],["c","d"]]]`)); !ok || len(p) != 2 {
		t.Error("a map")
	}
}
