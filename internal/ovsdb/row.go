package ovsdb

import (
	"encoding/json"
	"fmt"
)

// Row is one row of a reply. Its methods return the zero value for a column that the server's
// schema lacks. For a cell of another type they also return the zero value, and set the row's
// error.
type Row struct {
	cells map[string]json.RawMessage
	err   error
}

// UnmarshalJSON reads a <row> of RFC 7047 section 5.1 without decoding its cells.
func (r *Row) UnmarshalJSON(b []byte) error { return json.Unmarshal(b, &r.cells) }

// Err returns an error that names the first cell that could not be read, or nil.
func (r *Row) Err() error { return r.err }

func (r *Row) fail(col, want string) {
	if r.err == nil {
		r.err = fmt.Errorf("column %s: %s is not %s", col, clip(r.cells[col]), want)
	}
}

// Has reports whether the reply contains the column.
func (r *Row) Has(col string) bool { _, ok := r.cells[col]; return ok }

// UUID returns the row's own UUID.
func (r *Row) UUID() UUID { return r.Ref("_uuid") }

// Str returns a string column, or an optional one's value.
func (r *Row) Str(col string) string { return first(r.Strs(col)) }

// Strs returns a set of strings.
func (r *Row) Strs(col string) []string { return atoms[string](r, col, "a string") }

// Int returns an integer column, or an optional one's value.
func (r *Row) Int(col string) int64 { return first(r.Ints(col)) }

// Ints returns a set of integers; an empty optional integer has length 0.
func (r *Row) Ints(col string) []int64 { return atoms[int64](r, col, "an integer") }

// Bool returns a boolean column, or an optional one's value.
func (r *Row) Bool(col string) bool { return first(r.Bools(col)) }

// Bools returns a set of booleans; an empty optional boolean has length 0.
func (r *Row) Bools(col string) []bool { return atoms[bool](r, col, "a boolean") }

// Ref returns a reference to a row, or an optional one's value.
func (r *Row) Ref(col string) UUID { return first(r.Refs(col)) }

// Refs returns a set of references to rows.
func (r *Row) Refs(col string) []UUID {
	pairs := atoms[uuidPair](r, col, "a UUID")
	out := make([]UUID, 0, len(pairs))
	for _, p := range pairs {
		out = append(out, UUID(p))
	}
	return out
}

// Map returns a map with its keys and values as text. It is never nil.
func (r *Row) Map(col string) map[string]string {
	out := map[string]string{}
	for _, p := range r.pairs(col) {
		out[text(p[0])] = text(p[1])
	}
	return out
}

// RefMap returns a map of references to rows with its keys as text. It is never nil.
func (r *Row) RefMap(col string) map[string]UUID {
	out := map[string]UUID{}
	for _, p := range r.pairs(col) {
		var u uuidPair
		if json.Unmarshal(p[1], &u) != nil {
			r.fail(col, "a map of UUIDs")
			return out
		}
		out[text(p[0])] = UUID(u)
	}
	return out
}

// pairs reads a <map> of RFC 7047 section 5.1.
func (r *Row) pairs(col string) [][2]json.RawMessage {
	raw, ok := r.cells[col]
	if !ok {
		return nil
	}
	if out, ok := plainPairs(raw); ok {
		return out
	}
	var cell []json.RawMessage
	var pairs [][2]json.RawMessage
	if json.Unmarshal(raw, &cell) != nil || len(cell) != 2 || string(cell[0]) != `"map"` ||
		json.Unmarshal(cell[1], &pairs) != nil {
		r.fail(col, "a map")
		return nil
	}
	return pairs
}

// text returns an atom as text: a string without its quotes, any other atom as in JSON.
func text(atom json.RawMessage) string {
	if s, ok := plainString(atom); ok {
		return s
	}
	var s string
	if json.Unmarshal(atom, &s) == nil {
		return s
	}
	return string(atom)
}

func first[T any](s []T) T {
	if len(s) == 0 {
		var zero T
		return zero
	}
	return s[0]
}

// atoms reads a <value> of RFC 7047 section 5.1: one atom, or ["set",[atoms]].
func atoms[T any](r *Row, col, want string) []T {
	raw, ok := r.cells[col]
	if !ok {
		return nil
	}
	var one T
	if plainAtom(raw, &one) || json.Unmarshal(raw, &one) == nil {
		return []T{one}
	}
	var cell []json.RawMessage
	var many []T
	if json.Unmarshal(raw, &cell) != nil || len(cell) != 2 || string(cell[0]) != `"set"` ||
		json.Unmarshal(cell[1], &many) != nil {
		r.fail(col, want)
		return nil
	}
	return many
}

// uuidPair is a UUID atom: ["uuid","..."].
type uuidPair UUID

func (u *uuidPair) UnmarshalJSON(b []byte) error {
	var pair []string
	if err := json.Unmarshal(b, &pair); err != nil {
		return err
	}
	if len(pair) != 2 || pair[0] != "uuid" {
		return fmt.Errorf("not a UUID atom")
	}
	id, err := ParseUUID(pair[1])
	*u = uuidPair(id)
	return err
}
