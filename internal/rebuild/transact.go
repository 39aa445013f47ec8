package rebuild

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
)

// Transact runs operations in one transaction of a database (RFC 7047, 4.1.3).
func (db *DB) Transact(ctx context.Context, database string, ops ...any) error {
	var d net.Dialer
	c, err := d.DialContext(ctx, "unix", strings.TrimPrefix(db.Remote, "unix:"))
	if err != nil {
		return err
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	request := map[string]any{"id": 0, "method": "transact", "params": append([]any{database}, ops...)}
	if err := json.NewEncoder(c).Encode(request); err != nil {
		return err
	}
	var reply struct {
		Result []*struct {
			Error   string `json:"error"`
			Details string `json:"details"`
		} `json:"result"`
		Error any `json:"error"`
	}
	if err := json.NewDecoder(c).Decode(&reply); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return err
	}
	if reply.Error != nil {
		return fmt.Errorf("transact: %v", reply.Error)
	}
	for _, r := range reply.Result {
		if r == nil {
			return errors.New("transact: an operation was not run")
		}
		if r.Error != "" {
			return fmt.Errorf("transact: %s: %s", r.Error, r.Details)
		}
	}
	return nil
}

// The forms of values in OVSDB's notation (RFC 7047, 5.1).

func set(elements []any) any {
	if elements == nil {
		elements = []any{}
	}
	return []any{"set", elements}
}

func pairs(m map[string]string) any {
	list := []any{}
	for k, v := range m {
		list = append(list, []any{k, v})
	}
	return []any{"map", list}
}

func named(name string) any { return []any{"named-uuid", name} }

func insert(table, name string, row map[string]any) any {
	op := map[string]any{"op": "insert", "table": table, "row": row}
	if name != "" {
		op["uuid-name"] = name
	}
	return op
}
