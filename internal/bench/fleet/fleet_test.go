package fleet

import (
	"bytes"
	"context"
	"net"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/cli"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn/ovntest"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb/ovsdbtest"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv"
)

// client runs the tool against a fleet.
type client struct {
	t    *testing.T
	w    *World
	a    *Authority
	addr net.Addr
}

func (c *client) run(args ...string) (status int, out string) {
	c.t.Helper()
	_, port, err := net.SplitHostPort(c.addr.String())
	if err != nil {
		c.t.Fatal(err)
	}
	args = append(args, "--sb", c.w.SB, "--nb", c.w.NB, "--node-cmd", "tls:{ip}:"+port, "-c", c.a.Cert, "-p", c.a.Key, "-C", c.a.CA)
	var stdout, stderr bytes.Buffer
	status = cli.Run(c.t.Context(), args, strings.NewReader(""), &stdout, &stderr)
	return status, stdout.String() + stderr.String()
}

// serve lets the client use a fleet.
func (c *client) serve(f *Fleet) context.CancelFunc {
	c.t.Helper()
	ctx, cancel := context.WithCancel(c.t.Context())
	var err error
	if c.addr, err = f.ListenTLS(ctx, "0.0.0.0:0", c.a.Certify); err != nil {
		c.t.Fatal(err)
	}
	return cancel
}

var uuid = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|ACL [0-9a-f]{8}:|cookie 0x[0-9a-f]+`)

// anonymous returns a text without UUIDs, and of a kernel datapath, as the fakes say.
func anonymous(text string) string {
	return strings.ReplaceAll(uuid.ReplaceAllString(text, "UUID"), "datapath dummy", "datapath system")
}

// The fakes of a fleet answer as the real chassis did, under their own names; those that are dead
// or refuse are named, and hold up nothing else.
func TestFleet(t *testing.T) {
	for _, tool := range append([]string{"ovs-vswitchd", "ovs-vsctl", "ovn-controller"}, ovntest.Tools...) {
		testenv.Tool(t, tool)
	}
	ctx := t.Context()
	dir := ovsdbtest.Dir(t)
	const islands = 10
	w, err := Build(ctx, dir, islands)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	a, err := NewAuthority(dir)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := StartPair(ctx, w)
	if err != nil {
		t.Fatal(err)
	}
	defer pair.Close()
	tape := NewTape()
	c := &client{t: t, w: w, a: a}
	stop := c.serve(Record(pair, tape))
	ask := func(i Island, port string) (int, string) {
		return c.run("trace", "-v", "--from", i.Port("a"), "--to", i.Port("b")+port, "--expect", "delivered")
	}
	real := map[string]string{}
	for port, word := range map[string]string{":80/tcp": "delivered at b-00000 on hv-00000b", ":81/tcp": `outport == "b-00000" && ip`} {
		_, out := ask(0, port)
		if !strings.Contains(out, word) || !strings.Contains(out, "hv-00000b") {
			t.Fatalf("%s: the real chassis: %s", port, out)
		}
		real[port] = anonymous(out)
	}
	c.run("doctor", "--chassis", Island(0).Chassis("a"), "--chassis", Island(0).Chassis("b"))
	stop()
	if err := pair.Close(); err != nil {
		t.Fatal(err)
	}

	fates := Fates(7, islands, 2, 1, 2, 100*time.Millisecond)
	f, err := Replay(ctx, w, tape, Options{Entries: 100, Fates: fates})
	if err != nil {
		t.Fatal(err)
	}
	defer c.serve(f)()
	well := func(i Island) bool { return fates[i.Chassis("a")] == Fate{} && fates[i.Chassis("b")] == Fate{} }
	traced := 0
	for i := Island(1); i < islands; i++ {
		if !well(i) {
			continue
		}
		traced++
		for port, want := range real {
			_, out := ask(i, port)
			if d := cmp.Diff(want, anonymous(i.exchange(nil).Replace(out))); d != "" {
				t.Errorf("island %d, %s: %s", i, port, d)
			}
		}
	}
	if traced == 0 {
		t.Fatal("no island is well")
	}

	var dead []string
	for name, fate := range fates {
		if fate.Dead || fate.Refuses {
			dead = append(dead, name)
		}
	}
	slices.Sort(dead)
	status, out := c.run("doctor", "--timeout", "6s")
	if status != 3 {
		t.Errorf("doctor: status %d: %s", status, out)
	}
	var named []string
	fine := 0
	for line := range strings.Lines(out) {
		if _, rest, ok := strings.Cut(line, "chassis-unreachable: chassis "); ok {
			name, _, _ := strings.Cut(rest, ":")
			named = append(named, name)
		}
		if strings.HasPrefix(line, "ok      chassis hv-") {
			fine++
		}
	}
	if d := cmp.Diff(dead, named); d != "" || fine != 2*islands-len(dead) {
		t.Errorf("doctor: %d answered; named as unreachable: %s", fine, d)
	}

	five := Island(1)
	for !well(five) {
		five++
	}
	status, out = c.run("conn", "host", five.Address("c").String(), "--chassis", "*", "--timeout", "6s")
	for _, name := range dead {
		if !strings.Contains(out, "entries of chassis "+name+" are missing") {
			t.Errorf("conn does not name %s", name)
		}
	}
	if status != 3 || strings.Count(out, five.Chassis("a")+","+five.Chassis("b")) != shared || !strings.Contains(out, "2 connections") {
		t.Errorf("conn: status %d: %s", status, out)
	}
	if status, out = c.run("conn", "host", five.Address("c").String()); status != 0 || !strings.Contains(out, "asked 2 of 20 chassis") {
		t.Errorf("conn of the chassis that can have it: status %d: %s", status, out)
	}
	if n := f.Counts(); n.Unrecorded != 0 {
		t.Errorf("%d requests were not recorded: %v", n.Unrecorded, n.Calls)
	}
}
