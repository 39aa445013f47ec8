package replica

import (
	"context"
	"errors"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/rebuild"
)

// Try runs the commands of a change on a copy of the Northbound database that serves nothing else,
// and returns a *ChangeError for one that ovn-nbctl refuses: before nodes are read and daemons
// start.
func Try(ctx context.Context, room *rebuild.Room, nb *ovsdb.DB, c Change) (err error) {
	if len(c.Run) == 0 {
		return nil
	}
	r := &Replica{room: room}
	if r.dir, err = room.Folder("trial"); err != nil {
		return err
	}
	if c.File == "" {
		r.NB, err = r.copy(ctx, "nb-trial", nb)
	} else if r.NB, err = room.OpenDB(ctx, "nb-trial", c.File); err != nil && ctx.Err() == nil {
		err = &ChangeError{What: "--nb-file " + c.File, Err: err}
	}
	if err != nil {
		return err
	}
	return errors.Join(r.commands(ctx, c.Run), room.Stop(r.NB.Proc))
}

// commands runs commands of ovn-nbctl on the copied Northbound database.
func (r *Replica) commands(ctx context.Context, list [][]string) error {
	for _, words := range list {
		if _, err := r.nbctl(ctx, append([]string{"--timeout=60", "--"}, words...)...); err != nil {
			if ctx.Err() != nil {
				return err
			}
			return refusedCommand(words, err)
		}
	}
	return nil
}
