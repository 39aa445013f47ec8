package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/bench/dbcount"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/bench/fleet"
)

// bench measures several sizes of one deployment.
type bench struct {
	settings
	world     *fleet.World
	dir       string
	authority *fleet.Authority
	first     map[string]cost // of the smallest size, by question
	last      map[string]cost
	met       bool
}

// way is how the tool reaches the nodes.
type way struct {
	name  string
	flags []string
}

// question is one run of the tool.
type question struct {
	name   string
	args   []string
	status int
	want   string // a part of the answer
}

// questions are those about an island. list is a file of packets.
func questions(i fleet.Island, list string) []question {
	host := []string{"conn", "host", i.Address("c").String()}
	return []question{
		{"trace", []string{"trace", "--from", i.Port("a"), "--to", i.Port("b") + ":80/tcp"}, 0, "delivered at " + i.Port("b")},
		{"why", []string{"why", "--from", i.Port("a"), "--to", i.Port("b") + ":81/tcp"}, 1, "900"},
		{"conn", host, 0, "2 connections"},
		{"conn --chassis *", append(host[:len(host):len(host)], "--chassis", "*"), 0, "2 connections"},
		{"doctor", []string{"doctor"}, 0, i.Chassis("b")},
		{"matrix", []string{"matrix", list}, 0, ""},
	}
}

// maxListed is about the number of islands of which packets are listed.
const maxListed = 100

// list writes packets of islands, one in each direction.
func list(file string, islands int) error {
	var b strings.Builder
	each := max(1, islands/maxListed)
	for i := fleet.Island(0); int(i) < islands; i += fleet.Island(each) {
		fmt.Fprintf(&b, "%s %s:80/tcp\n%s %s:80/tcp\n", i.Port("a"), i.Port("b"), i.Port("b"), i.Port("a"))
	}
	return os.WriteFile(file, []byte(b.String()), 0o600)
}

// size measures a number of chassis.
func (b *bench) size(ctx context.Context, chassis int) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	dir, err := os.MkdirTemp(b.dir, "n")
	if err != nil {
		return err
	}
	sb, err := dbcount.Listen(ctx, dir, "sb", b.world.SB)
	if err != nil {
		return err
	}
	nb, err := dbcount.Listen(ctx, dir, "nb", b.world.NB)
	if err != nil {
		return err
	}
	dbs := [2]*dbcount.Counter{sb, nb}
	tape, err := b.record(ctx, dir, chassis, dbs)
	if err != nil {
		return err
	}
	all := filepath.Join(dir, "list")
	if err := list(all, chassis/2); err != nil {
		return err
	}
	island := fleet.Island(chassis/4 + 1)
	bad := fleet.Fates(b.seed, chassis/2, max(1, chassis*3/100), max(1, chassis/100), max(1, chassis*2/100), 500*time.Millisecond)
	for _, i := range []string{"a", "b"} {
		delete(bad, island.Chassis(i))
	}
	for _, state := range []struct {
		name  string
		fates map[string]fleet.Fate
	}{{"", nil}, {", some dead", bad}} {
		sctx, stop := context.WithCancel(ctx)
		f, err := fleet.Replay(sctx, b.world, tape, fleet.Options{Entries: b.entries, Fates: state.fates})
		if err != nil {
			stop()
			return err
		}
		ways, err := b.ways(sctx, f, filepath.Join(dir, "node"+fmt.Sprint(len(state.fates))))
		if err != nil {
			stop()
			return err
		}
		say("%d chassis%s: %d of them dead or slow", chassis, state.name, len(state.fates))
		fmt.Println(heading)
		for _, w := range ways {
			for _, q := range questions(island, all) {
				name := q.name + w.name + state.name
				whole := strings.Contains(q.name, "*") || q.name == "doctor" || q.name == "matrix"
				if !b.only.MatchString(name) || !whole && (state.name != "" || w.name != "") || state.name != "" && w.name != "" {
					continue
				}
				q.args = append(q.args, "--timeout", timeout)
				if state.name != "" {
					q.status = 3
					q.args[len(q.args)-1] = deadTimeout
				}
				for i, tool := range b.tools {
					suffix := ""
					if i > 0 {
						suffix = fmt.Sprintf(" (%s)", filepath.Base(tool))
					}
					if err := b.ask(sctx, tool, name+suffix, q, chassis, f, w, dbs); err != nil {
						stop()
						return err
					}
				}
			}
		}
		stop()
	}
	return nil
}

// ask asks one question and prints its cost.
func (b *bench) ask(ctx context.Context, tool, name string, q question, chassis int, f *fleet.Fleet, w way, dbs [2]*dbcount.Counter) error {
	args := append(append(q.args[:len(q.args):len(q.args)], w.flags...), "--sb", dbs[0].Remote, "--nb", dbs[1].Remote)
	c, err := spend(ctx, tool, args, dbs)
	if err != nil {
		return err
	}
	n := f.Counts()
	c.links = n.Most
	for _, k := range n.Calls {
		c.calls += k
	}
	fmt.Println(c.row(name, chassis))
	if c.status != q.status || !strings.Contains(c.out, q.want) || n.Unrecorded > 0 {
		// What a deployment of this size breaks is a result, too.
		fmt.Printf("%s: failed: status %d, %d calls not recorded: %.1000s%.1000s\n", name, c.status, n.Unrecorded, c.out, c.err)
		b.met = false
		return nil
	}
	if _, ok := b.first[name]; !ok {
		b.first[name] = c
	}
	if b.last == nil {
		b.last = map[string]cost{}
	}
	b.last[name] = c
	return nil
}

// record asks the real chassis all questions, and measures a trace by them.
func (b *bench) record(ctx context.Context, dir string, chassis int, dbs [2]*dbcount.Counter) (*fleet.Tape, error) {
	say("%d chassis: starting the real two", chassis)
	pair, err := fleet.StartPair(ctx, b.world)
	if err != nil {
		return nil, err
	}
	defer pair.Close()
	say("%d chassis: recording", chassis)
	tape := fleet.NewTape()
	rctx, stop := context.WithCancel(ctx)
	defer stop()
	f := fleet.Record(pair, tape)
	ways, err := b.ways(rctx, f, filepath.Join(dir, "real"))
	if err != nil {
		return nil, err
	}
	one := filepath.Join(dir, "one")
	if err := list(one, 1); err != nil {
		return nil, err
	}
	fmt.Println(heading)
	for _, q := range questions(0, one) {
		switch {
		case strings.HasPrefix(q.name, "conn"):
			continue
		case q.name == "doctor":
			q.args = append(q.args, "--chassis", fleet.Island(0).Chassis("a"), "--chassis", fleet.Island(0).Chassis("b"))
		}
		args := append(append(q.args, ways[0].flags...), "--sb", dbs[0].Remote, "--nb", dbs[1].Remote)
		c, err := spend(ctx, b.tools[0], args, dbs)
		if err != nil {
			return nil, err
		}
		if c.status != q.status || !strings.Contains(c.out, q.want) {
			return nil, fmt.Errorf("%s of the real chassis: status %d: %.3000s%.3000s", q.name, c.status, c.out, c.err)
		}
		fmt.Println(c.row(q.name+", real", chassis))
	}
	return tape, nil
}

// timeout bounds the other runs, so that load on the machine does not end them.
const timeout = "10m"

// deadTimeout bounds the runs with dead chassis: a third of it is what each of them takes.
const deadTimeout = "30s"

// ways serves a fleet, and returns the ways to it: TLS, and a command for each chassis.
func (b *bench) ways(ctx context.Context, f *fleet.Fleet, socket string) ([]way, error) {
	addr, err := f.ListenTLS(ctx, "0.0.0.0:0", b.authority.Certify)
	if err != nil {
		return nil, err
	}
	if err := f.Listen(ctx, socket); err != nil {
		return nil, err
	}
	_, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	a := b.authority
	return []way{
		{"", []string{"--node-cmd", "tls:{ip}:" + port, "-c", a.Cert, "-p", a.Key, "-C", a.CA}},
		{" by commands", []string{"--node-cmd", self + " relay " + socket + " {chassis}"}},
	}, nil
}

// mostGrowth is the limit for the growth of a trace, in processor time, memory and what is read of
// the Southbound database, when the deployment grows a hundredfold.
const mostGrowth = 5

// ratios prints how much the costs have grown from the smallest size to the largest.
func (b *bench) ratios() {
	least, most := b.sizes[0], b.sizes[len(b.sizes)-1]
	for _, q := range questions(0, "") {
		x, y := b.first[q.name], b.last[q.name]
		if x.cpu == 0 || least == most {
			continue
		}
		cpu, memory, read := y.cpu.Seconds()/x.cpu.Seconds(), float64(y.peak)/float64(x.peak), float64(y.read[0])/float64(max(1, x.read[0]))
		fmt.Printf("%s: %d chassis / %d chassis: processor %.2f, memory %.2f, read of the Southbound database %.2f, questions to it %.2f\n", q.name, most, least,
			cpu, memory, read, float64(y.questions[0])/float64(max(1, x.questions[0])))
		if q.name != "trace" {
			continue
		}
		for what, ratio := range map[string]float64{"memory": memory, "southbound-read": read} {
			fmt.Printf("bench: scale-%s-%s ratio=%.3g bar=<=%d\n", q.name, what, ratio, mostGrowth)
			b.met = b.met && ratio <= mostGrowth
		}
	}
}
