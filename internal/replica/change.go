package replica

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kballard/go-shellquote"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/failure"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/rebuild"
)

// Change is what is changed in the copy. Its parts are made in the order of the fields.
type Change struct {
	File string     // a Northbound database in place of the copied one
	Run  [][]string // commands of ovn-nbctl with their words
	// Moves are chassis that give their gateways to the next candidates.
	Moves []string
	Down  []string // chassis that fail
}

// ChangeError is a change that cannot be made.
type ChangeError struct {
	What string // the command, or the flag
	Err  error
	Hint string
}

func (e *ChangeError) Error() string { return e.What + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *ChangeError) Unwrap() error { return e.Err }

// Failure classifies the error as wrong input.
func (e *ChangeError) Failure() (failure.Kind, string) { return failure.Input, e.Hint }

// refused are the options of ovn-nbctl itself: by some it would talk to another database or daemon,
// or write files. It is run so that it takes none of them after the first command's "--" either.
var refused = []string{"db", "no-leader-only", "leader-only", "unixctl", "detach", "monitor", "pidfile", "overwrite-pidfile",
	"no-chdir", "no-self-confinement", "user", "log-file", "vlog", "verbose", "syslog-method", "syslog-target",
	"private-key", "certificate", "ca-cert", "bootstrap-ca-cert", "peer-ca-cert", "ssl-protocols", "ssl-ciphers", "ssl-ciphersuites", "ssl-server-name",
	"wait", "no-wait", "print-wait-time", "no-shuffle-remotes", "shuffle-remotes", "help", "version", "options", "timeout", "dry-run",
	"no-syslog", "oneline", "format", "data", "no-headings", "pretty", "bare"}

// ParseCommand splits one command line of ovn-nbctl by the quoting rules of a shell, which it does
// not use. Several commands may follow each other, separated by --. It refuses options that reach
// beyond the database.
func ParseCommand(line string) ([]string, error) {
	bad := func(hint, format string, args ...any) error {
		return &ChangeError{What: fmt.Sprintf("--nb-run %q", line), Err: fmt.Errorf(format, args...), Hint: hint}
	}
	words, err := shellquote.Split(line)
	if err != nil {
		return nil, bad("quote it as for a shell", "%w", err)
	}
	if len(words) > 0 && words[0] == "ovn-nbctl" {
		words = words[1:]
	}
	if len(words) == 0 {
		return nil, bad("--nb-run 'acl-del sw0'", "no command is given")
	}
	begins := true // a command does: options come before its name
	for _, w := range words {
		switch {
		case w == "--":
			begins = true
			continue
		case strings.ContainsRune(w, 0):
			return nil, bad("", "a word has a zero byte")
		case !strings.HasPrefix(w, "-") || w == "-":
			if begins && slices.Contains([]string{"init", "sync", "wait-until", "show", "comment"}, w) {
				return nil, bad("give what changes", "%s changes nothing", w)
			}
			if begins && slices.Contains([]string{"get-connection", "del-connection", "set-connection", "get-ssl", "del-ssl", "set-ssl"}, w) {
				return nil, bad("leave it out", "%s is about the database server, which is a private one", w)
			}
			begins = false
			continue
		}
		name, _, _ := strings.Cut(strings.TrimLeft(w, "-"), "=")
		switch {
		case !begins && isNumber(w): // -1 as an argument
		case !strings.HasPrefix(w, "--"):
			return nil, bad("leave it out", "option %s of ovn-nbctl does not apply to a private copy", w)
		case slices.Contains(refused, name):
			return nil, bad("leave it out", "option --%s of ovn-nbctl does not apply to a private copy", name)
		}
	}
	return words, nil
}

func isNumber(w string) bool {
	return len(w) > 1 && w[0] == '-' && strings.Trim(w[1:], "0123456789") == ""
}

// CheckForm returns a *ChangeError for a command that ovn-nbctl refuses whatever the database
// contains: it reads its commands before it connects, and is given a database that is not there.
// Where it is not installed nothing is refused: New says what a copy lacks.
func CheckForm(ctx context.Context, c Change) error {
	if len(c.Run) == 0 {
		return nil
	}
	room, err := rebuild.Open(rebuild.Options{})
	if err != nil {
		return err
	}
	defer room.Close()
	for _, words := range c.Run {
		_, err := nbctl(ctx, room, room.Dir, "unix:"+filepath.Join(room.Dir, "no-database"), append([]string{"--timeout=10", "--"}, words...)...)
		var ended *exec.ExitError
		var missing *rebuild.MissingError
		switch {
		case err == nil || errors.As(err, &missing):
		case ctx.Err() != nil || !errors.As(err, &ended):
			return err
		case ended.ExitCode() == 1 && !strings.Contains(err.Error(), "database connection failed"):
			return refusedCommand(words, err)
		}
	}
	return nil
}

// refusedCommand is the error of a command that ovn-nbctl refuses.
func refusedCommand(words []string, err error) error {
	return &ChangeError{What: "--nb-run '" + strings.Join(words, " ") + "'", Err: err}
}

// Apply makes a change in the copy, and returns when the daemons have done what it asks for.
func (r *Replica) Apply(ctx context.Context, c Change) error {
	if c.File != "" {
		if err := r.replaceNB(ctx, c.File); err != nil {
			return err
		}
	}
	if err := r.commands(ctx, c.Run); err != nil {
		return err
	}
	for _, name := range c.Moves {
		if err := r.moveGateways(ctx, name); err != nil {
			return err
		}
	}
	for _, name := range c.Down {
		r.mu.Lock()
		known := r.chassis[name]
		r.down[name] = known != nil
		r.mu.Unlock()
		if known == nil {
			return &ChangeError{What: "--down " + name, Err: &ovn.NotFoundError{What: "copied chassis", Name: name}}
		}
		known.controller.Kill()
	}
	return r.failover(ctx)
}

// replaceNB serves another Northbound database in place of the copied one, on the same socket.
func (r *Replica) replaceNB(ctx context.Context, file string) error {
	db, err := r.room.OpenDB(ctx, "nb-changed", file)
	if err != nil {
		if ctx.Err() != nil {
			return err
		}
		return &ChangeError{What: "--nb-file " + file, Err: err}
	}
	changed, err := ovn.DialNB(ctx, ovsdb.Options{Remotes: db.Remote})
	if err != nil {
		return &ChangeError{What: "--nb-file " + file, Err: err, Hint: "a file of OVN_Northbound is wanted"}
	}
	old := r.nb
	if err := r.room.Stop(r.NB.Proc); err != nil {
		return err
	}
	_ = old.Close()
	// ovn-northd keeps its remote: the name of the old socket leads to the new server.
	from, to := strings.TrimPrefix(r.NB.Remote, "unix:"), strings.TrimPrefix(db.Remote, "unix:")
	if err := errors.Join(removeIf(from), os.Symlink(to, from)); err != nil {
		return err
	}
	r.NB.Proc, r.NB.File, r.nb = db.Proc, db.File, changed
	if err := r.number(ctx); err != nil {
		return err
	}
	return r.calm(ctx)
}

// number makes the configuration's number go on from that of the copied Southbound database:
// chassis that have a higher one would be taken to have caught up already.
func (r *Replica) number(ctx context.Context) error {
	res, err := r.sb.Select(ctx, ovsdb.From("SB_Global", "nb_cfg"))
	if err != nil || len(res[0]) == 0 {
		return err
	}
	_, err = r.nbctl(ctx, "set", "NB_Global", ".", fmt.Sprintf("nb_cfg=%d", res[0][0].Int("nb_cfg")), "sb_cfg=0", "hv_cfg=0")
	return err
}

func removeIf(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// moveGateways gives every gateway that a chassis has to the next candidate, as a lower priority
// than every other's does.
func (r *Replica) moveGateways(ctx context.Context, name string) error {
	res, err := r.nb.Select(ctx, ovsdb.From("Gateway_Chassis", "chassis_name", "priority"), ovsdb.From("HA_Chassis", "chassis_name", "priority"),
		ovsdb.From("Logical_Router_Port", "name", "gateway_chassis", "ha_chassis_group"), ovsdb.From("HA_Chassis_Group", "name", "ha_chassis"))
	if err != nil {
		return err
	}
	rows := map[ovsdb.UUID]*ovsdb.Row{}
	for _, list := range res[:2] {
		for _, row := range list {
			rows[row.UUID()] = row
		}
	}
	var args []string
	move := func(of string, members []ovsdb.UUID) {
		own, others := ovsdb.UUID{}, []ovsdb.UUID{}
		for _, m := range members {
			switch row := rows[m]; {
			case row == nil:
			case row.Str("chassis_name") == name:
				own = m
			default:
				others = append(others, m)
			}
		}
		if own.IsZero() || len(others) == 0 {
			return
		}
		args = append(args, "--", "set", of, own.String(), "priority=0")
		for _, m := range others {
			p := max(rows[m].Int("priority"), 1)
			args = append(args, "--", "set", of, m.String(), fmt.Sprintf("priority=%d", p))
		}
	}
	for _, row := range res[2] {
		move("Gateway_Chassis", row.Refs("gateway_chassis"))
	}
	for _, row := range res[3] {
		move("HA_Chassis", row.Refs("ha_chassis"))
	}
	if len(args) == 0 {
		return &ChangeError{What: "--gateway-moves " + name, Err: errors.New("no gateway of it has another chassis to move to"),
			Hint: "a gateway router (options:chassis) is on one chassis; --down says what happens without it"}
	}
	_, err = r.nbctl(ctx, args...)
	return err
}
