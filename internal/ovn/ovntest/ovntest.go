// Package ovntest runs OVN's databases and ovn-northd in a directory of their own, for tests and
// measurements that need no datapath. It stops every process that it starts.
package ovntest

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb/ovsdbtest"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv"
)

// Tools are the programs a Deployment runs.
var Tools = []string{"ovsdb-server", "ovsdb-tool", "ovn-northd", "ovn-nbctl", "ovn-sbctl"}

// Deployment is OVN central: both databases and ovn-northd.
type Deployment struct {
	ovsdbtest.Group
	NB, SB string // remotes
}

// StartOVN starts a Deployment in dir, which must exist; Stop ends it.
func StartOVN(ctx context.Context, dir string) (*Deployment, error) {
	d := &Deployment{Group: ovsdbtest.Group{Dir: dir}}
	for _, db := range []struct{ name, schema string }{{"nb", "ovn-nb.ovsschema"}, {"sb", "ovn-sb.ovsschema"}} {
		schema, err := ovsdbtest.Schema(db.schema)
		if err == nil {
			_, err = d.Server(ctx, db.name, schema)
		}
		if err != nil {
			d.Stop()
			return nil, err
		}
	}
	d.NB, d.SB = d.Sock("nb"), d.Sock("sb")
	if _, err := d.Start("northd", "ovn-northd", "--ovnnb-db="+d.NB, "--ovnsb-db="+d.SB,
		"-vconsole:warn", "-vsyslog:off", "-vfile:off", "--unixctl="+filepath.Join(dir, "northd.ctl")); err != nil {
		d.Stop()
		return nil, err
	}
	if _, err := d.NBCtl(ctx, "init"); err != nil {
		d.Stop()
		return nil, err
	}
	return d, nil
}

// NBCtl runs ovn-nbctl; commands are separated by newlines, with # comments, and northd has updated
// the Southbound database when it returns.
func (d *Deployment) NBCtl(ctx context.Context, script string) (string, error) {
	return d.Run(ctx, "", "ovn-nbctl", append([]string{"--db=" + d.NB, "--no-leader-only", "--wait=sb", "--timeout=600"}, Commands(script)...)...)
}

// SBCtl runs ovn-sbctl in the same way.
func (d *Deployment) SBCtl(ctx context.Context, script string) (string, error) {
	return d.Run(ctx, "", "ovn-sbctl", append([]string{"--db=" + d.SB, "--no-leader-only", "--timeout=60"}, Commands(script)...)...)
}

// Commands converts lines into the arguments of a ctl program: blanks separate words, single quotes
// keep them together, and -- separates lines.
func Commands(script string) []string {
	var args []string
	for _, line := range strings.Split(script, "\n") {
		words := split(line)
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		if len(args) > 0 {
			args = append(args, "--")
		}
		args = append(args, words...)
	}
	return args
}

func split(line string) []string {
	var words []string
	var word []byte
	quoted, started := false, false
	for i := range len(line) {
		switch c := line[i]; {
		case c == '\'':
			quoted, started = !quoted, true
		case (c == ' ' || c == '\t') && !quoted:
			if started {
				words = append(words, string(word))
			}
			word, started = nil, false
		default:
			word, started = append(word, c), true
		}
	}
	if started {
		words = append(words, string(word))
	}
	return words
}

// New starts a Deployment for one test and writes the Northbound commands.
func New(t testing.TB, nbScript string) *Deployment {
	t.Helper()
	for _, tool := range Tools {
		testenv.Tool(t, tool)
	}
	d, err := StartOVN(context.Background(), ovsdbtest.Dir(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Stop)
	if nbScript != "" {
		if _, err := d.NBCtl(context.Background(), nbScript); err != nil {
			t.Fatal(err)
		}
	}
	return d
}
