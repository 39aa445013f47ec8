package ovsdb

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	libovsdb "github.com/ovn-kubernetes/libovsdb/ovsdb"
)

// wireQuery is a Query as JSON: the members of a select that are not the same for all (RFC 7047
// section 5.2.2).
type wireQuery struct {
	Table   string            `json:"table"`
	Columns []string          `json:"columns,omitempty"`
	Where   []json.RawMessage `json:"where,omitempty"`
}

// Bounds of a query that is read.
const (
	maxColumns    = 64
	maxConditions = 16
	maxCondition  = 64 << 10 // bytes of one condition
)

// functions are the functions of conditions (RFC 7047 section 5.1).
var functions = []libovsdb.ConditionFunction{
	libovsdb.ConditionEqual, libovsdb.ConditionNotEqual, libovsdb.ConditionIncludes, libovsdb.ConditionExcludes,
	libovsdb.ConditionLessThan, libovsdb.ConditionLessThanOrEqual,
	libovsdb.ConditionGreaterThan, libovsdb.ConditionGreaterThanOrEqual,
}

// MarshalJSON writes the query for UnmarshalJSON.
func (q Query) MarshalJSON() ([]byte, error) {
	w := wireQuery{Table: q.table, Columns: q.columns}
	for _, c := range q.where {
		raw, err := json.Marshal(c)
		if err != nil {
			return nil, err
		}
		w.Where = append(w.Where, raw)
	}
	return json.Marshal(w)
}

// UnmarshalJSON reads a query that another process has written. It accepts a select's members only:
// no query can be anything but a select. What a condition compares with is kept as it is, for the
// server to judge.
func (q *Query) UnmarshalJSON(text []byte) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	var w wireQuery
	if err := dec.Decode(&w); err != nil {
		return err
	}
	switch {
	case !isID(w.Table):
		return fmt.Errorf("%q is not a table's name", clip([]byte(w.Table)))
	case len(w.Columns) > maxColumns:
		return fmt.Errorf("a query of %d columns", len(w.Columns))
	case len(w.Where) > maxConditions:
		return fmt.Errorf("a query of %d conditions", len(w.Where))
	}
	out := Query{table: w.Table, columns: w.Columns}
	for _, c := range w.Columns {
		if !isID(c) {
			return fmt.Errorf("%q is not a column's name", clip([]byte(c)))
		}
	}
	for _, raw := range w.Where {
		c, err := readCondition(raw)
		if err != nil {
			return err
		}
		out.where = append(out.where, c)
	}
	*q = out
	return nil
}

// readCondition reads [column, function, value].
func readCondition(raw json.RawMessage) (c libovsdb.Condition, err error) {
	if len(raw) > maxCondition {
		return c, fmt.Errorf("a condition of %d bytes", len(raw))
	}
	var parts []json.RawMessage
	var column, function string
	if err := json.Unmarshal(raw, &parts); err != nil {
		return c, err
	}
	if len(parts) != 3 || json.Unmarshal(parts[0], &column) != nil || json.Unmarshal(parts[1], &function) != nil {
		return c, fmt.Errorf("condition %s: want [column, function, value]", clip(raw))
	}
	is := libovsdb.ConditionFunction(function)
	if !isID(column) || !slices.Contains(functions, is) {
		return c, fmt.Errorf("condition %s: no such column or function", clip(raw))
	}
	return libovsdb.NewCondition(column, is, slices.Clone(parts[2])), nil
}

// isID reports whether s is an <id> of RFC 7047 section 3.1, of at most 64 bytes.
func isID(s string) bool {
	if s == "" || len(s) > 64 || s[0] >= '0' && s[0] <= '9' {
		return false
	}
	for _, c := range []byte(s) {
		if c != '_' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	return true
}
