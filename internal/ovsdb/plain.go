package ovsdb

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// The values that ovsdb-server usually writes need no JSON decoder: texts without escapes, UUIDs,
// and maps of such texts without blanks between them. Whatever else there is, is left to the
// decoder. Cells were valid JSON when their row was read.

// plainAtom reads a text or a UUID into an atom of that type.
func plainAtom[T any](raw []byte, into *T) bool {
	switch v := any(into).(type) {
	case *string:
		s, ok := plainString(raw)
		*v = s
		return ok
	case *uuidPair:
		u, ok := plainUUID(raw)
		*v = uuidPair(u)
		return ok
	}
	return false
}

// plainString reads a text without escapes.
func plainString(raw []byte) (string, bool) {
	n, ok := plainLen(raw)
	if !ok || n != len(raw) {
		return "", false
	}
	return string(raw[1 : n-1]), true
}

// plainLen returns the length, with its quotes, of the text that raw begins with.
func plainLen(raw []byte) (int, bool) {
	if len(raw) < 2 || raw[0] != '"' {
		return 0, false
	}
	end := bytes.IndexByte(raw[1:], '"')
	if end < 0 || bytes.IndexByte(raw[1:end+1], '\\') >= 0 || !utf8.Valid(raw[1:end+1]) {
		return 0, false
	}
	return end + 2, true
}

// plainUUID reads ["uuid","..."].
func plainUUID(raw []byte) (UUID, bool) {
	const before, after = `["uuid","`, `"]`
	if len(raw) != len(before)+uuidLen+len(after) || string(raw[:len(before)]) != before {
		return UUID{}, false
	}
	return parseUUID(raw[len(before) : len(before)+uuidLen])
}

// plainPairs reads ["map",[["KEY","VALUE"],...]].
func plainPairs(raw []byte) ([][2]json.RawMessage, bool) {
	rest, ok := bytes.CutPrefix(raw, []byte(`["map",[`))
	if !ok {
		return nil, false
	}
	out := make([][2]json.RawMessage, 0, bytes.Count(rest, []byte(`["`)))
	for len(rest) > 0 && rest[0] == '[' {
		var pair [2]json.RawMessage
		rest = rest[1:]
		for i := range pair {
			n, ok := plainLen(rest)
			if !ok || n == len(rest) || rest[n] != ",]"[i] {
				return nil, false
			}
			pair[i], rest = rest[:n:n], rest[n+1:]
		}
		out = append(out, pair)
		if len(rest) > 0 && rest[0] == ',' {
			rest = rest[1:]
		}
	}
	return out, string(rest) == "]]"
}
