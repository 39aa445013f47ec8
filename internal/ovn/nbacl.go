package ovn

import (
	"context"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// ACL is a Northbound ACL row, and what has it.
type ACL struct {
	UUID      ovsdb.UUID
	Name      string // may be empty
	Direction string // from-lport or to-lport
	Priority  int64  // 0 to 32767
	Tier      int64
	Match     string
	Action    string // allow, allow-related, allow-stateless, drop, reject or pass
	On        []ACLOwner
}

// ACLOwner is a switch or port group that has an ACL.
type ACLOwner struct {
	Group bool // a port group
	Name  string
}

// ACL reads an ACL and its owners. The error is a *NotFoundError if there is no such row.
func (n *NB) ACL(ctx context.Context, u ovsdb.UUID) (*ACL, error) {
	res, err := n.Select(ctx, ovsdb.From("ACL", "name", "direction", "priority", "match", "action", "tier").Row(u),
		ovsdb.From("Logical_Switch", "name").Includes("acls", u), ovsdb.From("Port_Group", "name").Includes("acls", u))
	if err != nil {
		return nil, err
	}
	if len(res[0]) == 0 {
		return nil, &NotFoundError{What: "ACL", Name: u.String()}
	}
	r := res[0][0]
	a := &ACL{UUID: u, Name: r.Str("name"), Direction: r.Str("direction"), Priority: r.Int("priority"), Match: r.Str("match"), Action: r.Str("action")}
	if r.Has("tier") { // since 23.09
		a.Tier = r.Int("tier")
	}
	for i, rows := range res[1:] {
		for _, o := range rows {
			a.On = append(a.On, ACLOwner{Group: i == 1, Name: o.Str("name")})
		}
	}
	if err := r.Err(); err != nil {
		return nil, n.Malformed("ACL", err)
	}
	return a, nil
}
