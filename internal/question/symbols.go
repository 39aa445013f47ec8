package question

import (
	"context"
	"errors"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/deployment"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovnexpr"
)

// symbols are the databases' address sets and port groups.
type symbols struct {
	ctx context.Context
	r   *deployment.Run
	err error // an error of the database other than an unknown name
}

// Symbols returns the address sets and port groups of a run's databases. failed returns an error of
// the databases other than an unknown name.
func Symbols(ctx context.Context, r *deployment.Run) (names ovnexpr.Names, failed func() error) {
	s := &symbols{ctx: ctx, r: r}
	return s, func() error { return s.err }
}

// AddressSet returns the addresses of $name.
func (s *symbols) AddressSet(name string) ([]string, bool) {
	v, err := s.r.SB.AddressSet(s.ctx, name)
	return v, s.known(err)
}

// PortGroup returns the ports of @name: of the Northbound database, else of the Southbound
// database, where the datapath's key precedes the name.
func (s *symbols) PortGroup(name string) ([]string, bool) {
	if s.r.NB != nil {
		if v, ok, err := s.r.NB.PortGroup(s.ctx, name); ok && err == nil {
			return v, true
		}
	}
	v, err := s.r.SB.PortGroup(s.ctx, name)
	return v, s.known(err)
}

// known reports whether there was no error, and keeps one other than an unknown name.
func (s *symbols) known(err error) bool {
	var missing *ovn.NotFoundError
	if err != nil && !errors.As(err, &missing) && s.err == nil {
		s.err = err
	}
	return err == nil
}
