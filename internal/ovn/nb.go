package ovn

import (
	"context"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// NB is a connection to the Northbound database.
type NB struct{ *ovsdb.DB }

// DialNB connects to the Northbound database.
func DialNB(ctx context.Context, opt ovsdb.Options) (*NB, error) {
	if opt.Database == "" {
		opt.Database = Northbound
	}
	db, err := ovsdb.Dial(ctx, opt)
	if err != nil {
		return nil, err
	}
	return &NB{db}, nil
}
