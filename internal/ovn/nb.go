package ovn

import "context"

// NB asks the Northbound database.
type NB struct{ *DB }

// DialNB connects to the Northbound database.
func DialNB(ctx context.Context, opt Options) (*NB, error) {
	if opt.Database == "" {
		opt.Database = Northbound
	}
	db, err := Dial(ctx, opt)
	if err != nil {
		return nil, err
	}
	return &NB{db}, nil
}
