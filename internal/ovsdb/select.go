package ovsdb

import (
	"slices"

	libovsdb "github.com/ovn-kubernetes/libovsdb/ovsdb"
)

// Query is one select (RFC 7047 section 5.2.2): the requested columns of a table's rows that meet
// every condition. Its methods return a new Query and do not change the receiver, so that a Query
// may be a package's variable.
type Query struct {
	table   string
	columns []string
	where   []libovsdb.Condition

	anonymous bool // without _uuid
}

// From selects every row of a table, with the given columns and _uuid.
func From(table string, columns ...string) Query { return Query{table: table, columns: columns} }

// Table returns the name of the table.
func (q Query) Table() string { return q.table }

// Equal adds the condition that a column has the value: a string, an integer, a boolean or a UUID.
func (q Query) Equal(column string, value any) Query {
	return q.and(column, libovsdb.ConditionEqual, notation(value))
}

// Row adds the condition that the row has the UUID.
func (q Query) Row(id UUID) Query { return q.Equal("_uuid", id) }

// Empty adds the condition that an optional column, or a set, has no value.
func (q Query) Empty(column string) Query {
	return q.and(column, libovsdb.ConditionEqual, libovsdb.OvsSet{GoSet: []any{}})
}

// NotEmpty adds the condition that an optional column, or a set, has a value.
func (q Query) NotEmpty(column string) Query {
	return q.and(column, libovsdb.ConditionNotEqual, libovsdb.OvsSet{GoSet: []any{}})
}

// Includes adds the condition that a set contains the value, which has one of Equal's types.
func (q Query) Includes(column string, value any) Query {
	return q.and(column, libovsdb.ConditionIncludes, notation(value))
}

// IncludesPair adds the condition that a map of strings contains the pair.
func (q Query) IncludesPair(column, key, value string) Query {
	return q.and(column, libovsdb.ConditionIncludes, libovsdb.OvsMap{GoMap: map[any]any{key: value}})
}

func (q Query) and(column string, is libovsdb.ConditionFunction, value any) Query {
	q.where = append(slices.Clip(q.where), libovsdb.NewCondition(column, is, value))
	return q
}

// Anonymous leaves out the UUIDs of the rows. The query has a column.
func (q Query) Anonymous() Query { q.anonymous = true; return q }

// bare returns the query without its columns.
func (q Query) bare() Query { q.columns = nil; return q }

// notation returns a value as libovsdb writes it.
func notation(v any) any {
	if u, ok := v.(UUID); ok {
		return u.notation()
	}
	return v
}

// operation returns the query in libovsdb's notation.
func (q Query) operation() libovsdb.Operation {
	columns := []string{"_uuid"}
	if q.anonymous {
		columns = nil
	}
	for _, c := range q.columns {
		if c != "_uuid" {
			columns = append(columns, c)
		}
	}
	return libovsdb.Operation{Op: libovsdb.OperationSelect, Table: q.table, Where: q.where, Columns: columns}
}
