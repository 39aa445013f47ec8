package sosreport

import (
	"strings"
	"testing"
)

// A file of this tool's own bundle has the length that the manifest says, or was cut.
func TestOwnSizes(t *testing.T) {
	o := &Own{Sizes: map[string]int64{"a": 5, "b": 0}, Lacks: map[string]string{"a": "it changed"}}
	for _, c := range []struct {
		of   *Own
		file string
		size int64
		want string
	}{
		{nil, "a", 4, ""},
		{o, "a", 5, "it changed"},
		{o, "a", 4, "4 bytes, and not the 5"},
		{o, "b", 0, ""},
		{o, "c", 7, "7 bytes"},
	} {
		got := c.of.lacks(c.file, c.size)
		if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s of %d bytes: %q, want %q", c.file, c.size, got, c.want)
		}
	}
}
