package rebuild

import (
	"crypto/sha1"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

// databaseText returns a database's file with these records.
func databaseText(records ...string) string {
	var b strings.Builder
	for _, r := range records {
		fmt.Fprintf(&b, "OVSDB JSON %d %x\n%s", len(r), sha1.Sum([]byte(r)), r)
	}
	return b.String()
}

func textPart(text string) *Part {
	return &Part{Name: "x.db", Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }}
}

// A database's file is whole if each record is, and its last time is that of its last dated record.
func TestTornDatabase(t *testing.T) {
	first, second := `{"name":"X","tables":{"T":{}}}`, `{"T":{},"_date":1700000001000}`
	whole := databaseText(first, second, `{"undated":1}`)
	clustered := "OVSDB CLUSTER 20 88c5f4b833b1a6bd0659983f184782036df3b45f\n" + `{"server_id":"0a1b"}`
	for text, want := range map[string]string{
		whole:                       "",
		"":                          "is empty",
		databaseText(second, first): "has no schema",
		"OVSDB CLUSTER" + strings.TrimPrefix(databaseText(`{"x":"`+strings.Repeat("x", maxSchema)+`"}`), "OVSDB JSON"): "",
		databaseText(`{"x":"` + strings.Repeat("x", maxSchema) + `"}`):                                                 "has no schema",
		clustered:                        "",
		"no database\n":                  "does not begin as",
		whole[:len(whole)-1]:             "after record 2 is not known",
		databaseText(first) + "OVSDB JS": "after record 1 is not known",
		strings.Replace(whole, "_date", "_data", 1): "changed in record 2",
		"OVSDB JSON 99999999999999999999 0\n":       "record 1 has no length",
	} {
		why, last := TornDatabase(textPart(text))
		if (why == "") != (want == "") || !strings.Contains(why, want) {
			t.Errorf("%.40q: %q, want %q", text, why, want)
		}
		if text == whole && !last.Equal(time.UnixMilli(1700000001000)) {
			t.Errorf("last record of %v", last)
		}
	}
}

// FuzzTornDatabase: whatever a file holds, checking it ends; a file that is taken as whole is its
// records and nothing else.
func FuzzTornDatabase(f *testing.F) {
	for _, seed := range []string{databaseText(`{"s":1}`), databaseText(`{"s":1}`, `{"s":2}`)[:50], "", "OVSDB CLUSTER 2 bf21a9e8fbc5a3846fb05b4fa0859e0917b2202f\n{}", "OVSDB JSON 99999999999999999999 0\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if why, _ := TornDatabase(textPart(text)); why == "" && !strings.HasPrefix(text, "OVSDB ") {
			t.Errorf("%q is taken for a whole database", text)
		}
	})
}
