package ovn

import (
	"context"
	"fmt"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// SB is a connection to the Southbound database.
type SB struct {
	*ovsdb.DB
	// Dynamic returns the addresses that northd has assigned to the named ports, or to all ports:
	// the Southbound database contains the word "dynamic" in their place. NB.DynamicAddresses is
	// such a function. It is nil without a Northbound database.
	Dynamic func(ctx context.Context, names ...string) (map[string]string, error)
}

// DialSB connects to the Southbound database.
func DialSB(ctx context.Context, opt ovsdb.Options) (*SB, error) {
	if opt.Database == "" {
		opt.Database = Southbound
	}
	db, err := ovsdb.Dial(ctx, opt)
	if err != nil {
		return nil, err
	}
	return &SB{DB: db}, nil
}

func single[T any](found []*T, err error, what, name string) (*T, error) {
	if err != nil {
		return nil, err
	}
	switch len(found) {
	case 0:
		return nil, &NotFoundError{What: what, Name: name}
	case 1:
		return found[0], nil
	}
	return nil, fmt.Errorf("%d rows are %s %q", len(found), what, name)
}
