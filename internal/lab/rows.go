package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"time"
)

// Select asks for columns of all rows of a table.
type Select struct {
	Table   string
	Columns []string
}

// Names of the databases of a zone.
const (
	Northbound = "OVN_Northbound"
	Southbound = "OVN_Southbound"
)

// Rows reads tables of a zone's database in one transaction, and returns for each table its rows, as
// texts in the order of the columns. An atom becomes its text, a UUID too; sets and maps remain
// JSON, and an empty set is "". It asks the server itself (RFC 7047, 4.1.3 and 5.2.2), because a
// process of ovn-sbctl for each table takes long in an emulated guest, and shares no code with the
// tool.
func (l *Lab) Rows(ctx context.Context, z Zone, database string, tables ...Select) ([][][]string, error) {
	remote := z.SB()
	if database == Northbound {
		remote = z.NB()
	}
	ctx, cancel := context.WithTimeout(ctx, waitLimit)
	defer cancel()
	rows, err := transact(ctx, remote, database, tables)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", remote, err)
	}
	return rows, nil
}

// transact asks the server at a remote.
func transact(ctx context.Context, remote, database string, tables []Select) ([][][]string, error) {
	network, addr, _ := strings.Cut(remote, ":")
	c, err := new(net.Dialer).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { c.SetDeadline(time.Now()) })
	defer stop()
	params := []any{database}
	for _, t := range tables {
		params = append(params, map[string]any{"op": "select", "table": t.Table, "where": []any{}, "columns": t.Columns})
	}
	if err := json.NewEncoder(c).Encode(map[string]any{"method": "transact", "params": params, "id": 0}); err != nil {
		return nil, err
	}
	var reply json.RawMessage
	if err := json.NewDecoder(c).Decode(&reply); err != nil {
		return nil, err
	}
	return readRows(reply, tables)
}

// readRows decodes the reply to a transaction of selects.
func readRows(reply []byte, tables []Select) ([][][]string, error) {
	var r struct {
		Result []struct {
			Rows           []map[string]json.RawMessage
			Error, Details string
		}
		Error json.RawMessage
	}
	if err := json.Unmarshal(reply, &r); err != nil {
		return nil, err
	}
	if e := string(r.Error); e != "" && e != "null" {
		return nil, fmt.Errorf("transact: %s", e)
	}
	if len(r.Result) < len(tables) {
		return nil, fmt.Errorf("%d results for %d tables", len(r.Result), len(tables))
	}
	out := make([][][]string, len(tables))
	for i, t := range tables {
		if e := r.Result[i]; e.Error != "" {
			return nil, fmt.Errorf("table %s: %s: %s", t.Table, e.Error, e.Details)
		}
		for _, row := range r.Result[i].Rows {
			var texts []string
			for _, c := range t.Columns {
				v, ok := row[c]
				if !ok {
					return nil, fmt.Errorf("table %s: a row without column %s", t.Table, c)
				}
				texts = append(texts, valueText(v))
			}
			out[i] = append(out[i], texts)
		}
	}
	return out, nil
}

// valueText returns the text of a value in OVSDB's JSON.
func valueText(v json.RawMessage) string {
	var s string
	var pair [2]string
	switch {
	case json.Unmarshal(v, &s) == nil:
		return s
	case json.Unmarshal(v, &pair) == nil && pair[0] == "uuid":
		return pair[1]
	case string(v) == `["set",[]]`:
		return ""
	}
	return string(v)
}
