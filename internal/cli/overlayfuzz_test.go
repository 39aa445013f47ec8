package cli

import (
	"encoding/json"
	"reflect"
	"testing"
)

// FuzzOverlay checks that no file makes the reader of overlays panic, that an error comes without a
// world, and that what is read is read again as it is written.
func FuzzOverlay(f *testing.F) {
	for _, s := range []string{
		`{"schema":"ovn-ct-trace-overlay/2","world":{"overlays":{"hv1":{"entries":[{"zone":7,"orig":{"proto":6,"src":"10.0.0.3:1","dst":"10.0.0.4:80"},"timeout":30}]}}}}`,
		`{"schema":"ovn-ct-trace-overlay/2","world":{"overlays":{"hv1":{"deleted":[{}]}},"lessons":{"hv1":[{"bridge":"br-int","items":[]}]},"carried":{"hv1":{}}}}`,
		`{"schema":"ovn-ct-trace-overlay/2"}`, `{"schema":"ovn-ct-trace-overlay/1","world":1}`, `{"schema":"ovn-ct-trace-overlay/2","world":[]}`, `{`, ``,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		w, err := parseOverlay("f", text)
		if err != nil {
			if !reflect.ValueOf(w).IsZero() {
				t.Errorf("%q: an error with %+v", text, w)
			}
			return
		}
		b, err := json.Marshal(overlayFile{Schema: overlaySchema, World: w})
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		again, err := parseOverlay("f", b)
		if err != nil {
			t.Fatalf("%q: written as %s: %v", text, b, err)
		}
		c, err := json.Marshal(overlayFile{Schema: overlaySchema, World: again})
		if err != nil || string(b) != string(c) {
			t.Errorf("%q: %v\n%s\n%s", text, err, b, c)
		}
	})
}
