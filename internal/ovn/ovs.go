package ovn

import (
	"context"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// OVS is a connection to a node's Open_vSwitch database.
type OVS struct{ *ovsdb.DB }

// DialOVS connects to a node's Open_vSwitch database.
func DialOVS(ctx context.Context, opt ovsdb.Options) (*OVS, error) {
	if opt.Database == "" {
		opt.Database = OpenVSwitch
	}
	db, err := ovsdb.Dial(ctx, opt)
	if err != nil {
		return nil, err
	}
	return &OVS{db}, nil
}
