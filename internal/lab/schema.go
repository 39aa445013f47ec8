package lab

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// Schema is the Northbound schema of the lab's release.
type Schema struct {
	Version string `json:"version"`
	Tables  map[string]struct {
		Columns map[string]struct {
			Type json.RawMessage `json:"type"`
		} `json:"columns"`
	} `json:"tables"`
}

// NBSchema reads the Northbound schema of the lab's release.
func (l *Lab) NBSchema() (*Schema, error) {
	file, err := l.Bin.schema("ovn-nb.ovsschema")
	if err != nil {
		return nil, err
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	s := &Schema{}
	if err := json.Unmarshal(b, s); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return s, nil
}

// Has reports whether the release has a feature: a table ("Mirror_Rule"), a column ("ACL.tier"), a
// value of a column ("ACL.action=pass"), or a minimum version of the schema ("7.11") for features
// that no schema shows.
func (s *Schema) Has(need string) bool {
	if need == "" {
		return true
	}
	if need[0] >= '0' && need[0] <= '9' {
		return slices.CompareFunc(strings.Split(s.Version, "."), strings.Split(need, "."), compareNumbers) >= 0
	}
	path, value, _ := strings.Cut(need, "=")
	table, column, _ := strings.Cut(path, ".")
	t, ok := s.Tables[table]
	if !ok || column == "" {
		return ok
	}
	c, ok := t.Columns[column]
	return ok && (value == "" || strings.Contains(string(c.Type), strconv.Quote(value)))
}

func compareNumbers(a, b string) int {
	x, _ := strconv.Atoi(a)
	y, _ := strconv.Atoi(b)
	return cmp.Compare(x, y)
}
