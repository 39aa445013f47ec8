package render

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

var update = flag.Bool("update", false, "rewrite the expected output in testdata")

// TestGolden prints each report in testdata in the forms that its other sections name: text,
// summary, doctor, findings, nat, natjson, why, whyjson or json, with options -v, -vv, -q, color or
// width=N.
func TestGolden(t *testing.T) {
	for _, file := range testenv.Corpus(t, "testdata/*.txtar") {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			ar, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if len(ar.Files) < 2 || !slices.Contains([]string{"report.json", "findings.json", "why.json"}, ar.Files[0].Name) {
				t.Fatalf("%s: want report.json, findings.json or why.json first, then an output", file)
			}
			for i := range ar.Files[1:] {
				f := &ar.Files[i+1]
				got, err := print(ar.Files[0].Data, f.Name)
				if err != nil {
					t.Fatalf("%s: %v", f.Name, err)
				}
				if *update {
					f.Data = got
					continue
				}
				if diff := cmp.Diff(string(f.Data), string(got)); diff != "" {
					t.Errorf("%s (-want +got):\n%s", f.Name, diff)
				}
			}
			if *update {
				if err := os.WriteFile(file, txtar.Format(ar), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// print renders one section; escape characters are replaced, so that the files are plain text.
func print(in []byte, name string) ([]byte, error) {
	words := strings.Fields(name)
	opts, err := options(words[1:])
	if err != nil {
		return nil, err
	}
	var buf bytes.Buffer
	switch words[0] {
	case "doctor", "findings", "nat", "natjson":
		var fs report.FindingsReport
		if err := strict(in, &fs); err != nil {
			return nil, err
		}
		switch words[0] {
		case "doctor":
			err = Doctor(&buf, fs.Findings, opts)
		case "nat":
			err = Audit(&buf, &fs, opts)
		case "natjson":
			err = AuditJSON(&buf, &fs)
		default:
			err = Findings(&buf, fs.Findings, opts)
		}
	case "why", "whyjson":
		var r report.WhyReport
		if err := strict(in, &r); err != nil {
			return nil, err
		}
		if words[0] == "why" {
			err = Why(&buf, &r, opts)
		} else {
			err = WhyJSON(&buf, &r)
		}
	default:
		var r report.Report
		if err := strict(in, &r); err != nil {
			return nil, err
		}
		switch words[0] {
		case "text":
			err = Text(&buf, &r, opts)
		case "summary":
			err = Summary(&buf, &r, opts)
		case "json":
			err = JSON(&buf, &r)
		default:
			err = fmt.Errorf("no form %q", words[0])
		}
	}
	return bytes.ReplaceAll(buf.Bytes(), []byte("\x1b"), []byte("<ESC>")), err
}

// strict decodes JSON and refuses unknown fields, so that the golden inputs match the schema.
func strict(in []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(in))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

func options(words []string) (Options, error) {
	var o Options
	for _, w := range words {
		switch {
		case w == "-v":
			o.Verbose = 1
		case w == "-vv":
			o.Verbose = 2
		case w == "-q":
			o.Quiet = true
		case w == "color":
			o.Color = true
		case strings.HasPrefix(w, "width="):
			n, err := strconv.Atoi(strings.TrimPrefix(w, "width="))
			if err != nil {
				return o, err
			}
			o.Width = n
		default:
			return o, fmt.Errorf("no option %q", w)
		}
	}
	return o, nil
}
