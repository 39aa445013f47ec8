package rebuild

import (
	"bufio"
	"crypto/sha1"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// ovnSchemas are the folders in which packages install the schemas of OVN's databases.
var ovnSchemas = []string{"/usr/share/ovn", "/usr/local/share/ovn", "/usr/share/openvswitch"}

// ListedDB writes a database's file from rows as "ovn-nbctl list" and "ovn-sbctl list" print them,
// by table, with the schema of this machine: "ovn-nb" or "ovn-sb". Columns and tables that this
// schema lacks are left out. Rows keep their UUIDs.
func (r *Room) ListedDB(schema string, tables map[string][]Row) (path string, err error) {
	var text []byte
	for _, dir := range ovnSchemas {
		if text, err = os.ReadFile(filepath.Join(dir, schema+".ovsschema")); err == nil {
			break
		}
	}
	if err != nil {
		return "", fmt.Errorf("a database is rebuilt from its listed rows with OVN's schema, which is not installed here: %w", err)
	}
	record, err := listedRecord(text, tables)
	if err != nil {
		return "", err
	}
	dir, err := r.Folder(schema)
	if err != nil {
		return "", err
	}
	path = filepath.Join(dir, "listed.db")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return "", err
	}
	w := bufio.NewWriter(f)
	for _, b := range [][]byte{text, record} {
		// ovsdb/log.c: ovsdb_log_compose_record.
		fmt.Fprintf(w, "OVSDB JSON %d %x\n", len(b), sha1.Sum(b))
		_, _ = w.Write(b)
	}
	err = w.Flush()
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return path, err
}

// columnType is the type of a column in a schema (RFC 7047, 3.2): a name, or an object.
type columnType struct{ key, value string }

// UnmarshalJSON implements json.Unmarshaler.
func (c *columnType) UnmarshalJSON(b []byte) error {
	if json.Unmarshal(b, &c.key) == nil {
		return nil
	}
	var full struct{ Key, Value baseType }
	err := json.Unmarshal(b, &full)
	c.key, c.value = string(full.Key), string(full.Value)
	return err
}

type baseType string

// UnmarshalJSON implements json.Unmarshaler.
func (t *baseType) UnmarshalJSON(b []byte) error {
	var name string
	if json.Unmarshal(b, &name) != nil {
		var full struct{ Type string }
		if err := json.Unmarshal(b, &full); err != nil {
			return err
		}
		name = full.Type
	}
	*t = baseType(name)
	return nil
}

// listedRecord returns the transaction that has all rows, as a record of a database's file.
func listedRecord(schema []byte, tables map[string][]Row) ([]byte, error) {
	var s struct {
		Tables map[string]struct {
			Columns map[string]struct{ Type columnType }
		}
	}
	if err := json.Unmarshal(schema, &s); err != nil {
		return nil, err
	}
	out := map[string]map[string]map[string]any{}
	for name, rows := range tables {
		t, ok := s.Tables[name]
		if !ok || len(rows) == 0 {
			continue
		}
		out[name] = map[string]map[string]any{}
		for _, row := range rows {
			columns := map[string]any{}
			for column, text := range row {
				c, ok := t.Columns[column]
				if !ok {
					continue
				}
				v, err := datum(text, c.Type)
				if err != nil {
					return nil, fmt.Errorf("%s, row %s, column %s: %w", name, row["_uuid"], column, err)
				}
				columns[column] = v
			}
			if row["_uuid"] == "" {
				return nil, fmt.Errorf("%s has a row without its UUID", name)
			}
			out[name][row["_uuid"]] = columns
		}
	}
	b, err := json.Marshal(out)
	return append(b, '\n'), err
}

// errDatum reports text that is no value.
var errDatum = errors.New("it is no value as ovn-nbctl prints one")

// datum returns a value as it is in a file, from the text that db-ctl-base prints
// (ovsdb_datum_to_string): an atom, a set in brackets, or a map in braces.
func datum(text string, t columnType) (any, error) {
	d := &datumCursor{in: text}
	switch {
	case t.value != "":
		list := []any{}
		if !d.take("{") {
			return nil, errDatum
		}
		for !d.take("}") {
			k, err := d.atom(t.key, "=")
			if err != nil || !d.take("=") {
				return nil, errDatum
			}
			v, err := d.atom(t.value, ",}")
			if err != nil {
				return nil, err
			}
			list = append(list, []any{k, v})
			d.take(", ")
		}
		return []any{"map", list}, d.end()
	case d.take("["):
		list := []any{}
		for !d.take("]") {
			v, err := d.atom(t.key, ",]")
			if err != nil {
				return nil, err
			}
			list = append(list, v)
			d.take(", ")
		}
		return []any{"set", list}, d.end()
	default:
		v, err := d.atom(t.key, "")
		if err != nil {
			return nil, err
		}
		return v, d.end()
	}
}

// datumCursor reads a value from its beginning to its end.
type datumCursor struct {
	in  string
	off int
}

func (d *datumCursor) take(s string) bool {
	if strings.HasPrefix(d.in[d.off:], s) {
		d.off += len(s)
		return true
	}
	return false
}

func (d *datumCursor) end() error {
	if d.off < len(d.in) {
		return errDatum
	}
	return nil
}

// atom reads an atom that ends before one of the characters of stop, or at the end.
func (d *datumCursor) atom(typ, stop string) (any, error) {
	rest := d.in[d.off:]
	var text string
	if strings.HasPrefix(rest, `"`) {
		dec := json.NewDecoder(strings.NewReader(rest))
		if err := dec.Decode(&text); err != nil {
			return nil, errDatum
		}
		d.off += int(dec.InputOffset())
	} else {
		n := len(rest)
		if i := strings.IndexAny(rest, stop); stop != "" && i >= 0 {
			n = i
		}
		if text = rest[:n]; text == "" {
			return nil, errDatum
		}
		d.off += n
	}
	switch typ {
	case "string":
		return text, nil
	case "uuid":
		return []any{"uuid", text}, nil
	case "boolean":
		b, err := strconv.ParseBool(text)
		return b, err
	case "integer", "real":
		if !json.Valid([]byte(text)) {
			return nil, errDatum
		}
		return json.Number(text), nil
	}
	return nil, fmt.Errorf("unknown type %q", typ)
}
