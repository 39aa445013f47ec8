package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/cases"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/guest"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/probe"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv/testca"
)

// Ports of node serve on each chassis, and what its clients are called.
const (
	servePort   = "7471"
	metricsPort = "7472"
	serveClient = "support"
)

// serveCases are cases that together pass every chassis, and whose entries are on several of them.
const serveCases = "^(router-tcp|vip-three|gr-snat|fip-distributed-in|acl-reject-tcp|session-vip|transit-tcp)$"

// served is node serve on one chassis.
type served struct {
	lab.Chassis
	cmd *exec.Cmd
	log bytes.Buffer // to be read once it has ended
}

// server runs checks through the services.
type server struct {
	*probe.Runner
	dir  string // certificates
	ca   *testca.CA
	all  []*served
	done int
}

// cmdInsideServe runs node serve on every chassis, and judges cases whose nodes are all reached by
// it, as the oracle does.
func cmdInsideServe(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("serve", flag.ContinueOnError)
	pattern := fs.String("case", serveCases, "cases to run (regular expression)")
	if err := fs.Parse(args); err != nil {
		return &guest.ExitError{Code: 2}
	}
	re, err := regexp.Compile(*pattern)
	if err != nil {
		return err
	}
	p, err := openProbe(ctx)
	if err != nil {
		return err
	}
	defer p.Close()
	dir, err := os.MkdirTemp("", "labctl-serve-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	p.Tool = builtTool
	s := &server{Runner: p, dir: dir}
	defer s.kill()
	if err := s.start(ctx); err != nil {
		return err
	}
	for _, c := range cases.All(s.Lab.Topo) {
		if !re.MatchString(c.Name) {
			continue
		}
		res := s.RunCase(ctx, c)
		fmt.Printf("serve: %-24s %-8s %.1f s\n", c.Name, res.Outcome, res.Took.Seconds())
		if res.Outcome != "agree" {
			return fmt.Errorf("%s: %s: %s", c.Name, res.Outcome, strings.Join(res.Why, "; "))
		}
		s.done++
	}
	if s.done == 0 {
		return fmt.Errorf("no case %q", *pattern)
	}
	for _, c := range s.all {
		if err := s.used(ctx, c); err != nil {
			return err
		}
	}
	for _, check := range []struct {
		name string
		run  func(context.Context) error
	}{{"refusals", s.refusals}, {"another machine's certificate", s.impostor}, {"an end", s.end}} {
		if err := check.run(ctx); err != nil {
			return fmt.Errorf("%s: %w", check.name, err)
		}
		fmt.Printf("serve: %s: ok\n", check.name)
	}
	return nil
}

// start makes the certificates and starts the services. Those of the nodes are as OVN's own
// authority makes them: the chassis is the common name, and there is no subjectAltName.
func (s *server) start(ctx context.Context) (err error) {
	if s.ca, err = testca.New("lab"); err != nil {
		return err
	}
	for _, name := range []string{serveClient, "stranger"} {
		if err := s.ca.Write(s.dir, name, testca.Cert{CN: name}); err != nil {
			return err
		}
	}
	s.Reach = s.flags(serveClient)
	for _, c := range s.Lab.Topo.Chassis {
		if err := s.ca.Write(s.dir, c.Name, testca.Cert{CN: c.Name}); err != nil {
			return err
		}
		one := &served{Chassis: c}
		if err := s.run(one); err != nil {
			return err
		}
		s.all = append(s.all, one)
		if err := s.ready(ctx, one); err != nil {
			return err
		}
		fmt.Printf("serve: %s is ready\n", c.Name)
	}
	return nil
}

// flags reach every node as the client with this certificate.
func (s *server) flags(client string) []string {
	return []string{"--node-cmd", "tls:{ip}:" + servePort, "-c", s.file(client + ".pem"), "-p", s.file(client + ".key"), "-C", s.file("ca.pem")}
}

func (s *server) file(name string) string { return filepath.Join(s.dir, name) }

func (s *server) run(c *served, extra ...string) error {
	c.cmd = exec.Command("ip", append([]string{"netns", "exec", c.Name, builtTool, "node", "serve", "--listen", net.JoinHostPort(c.EncapIP, servePort),
		"--metrics-listen", net.JoinHostPort(c.EncapIP, metricsPort), "--certificate", s.file(c.Name + ".pem"), "--private-key", s.file(c.Name + ".key"),
		"--ca-cert", s.file("ca.pem"), "--allow", serveClient, "--log-level", "debug", "--ovs-rundir", lab.OVSRundir(c.Name)}, extra...)...)
	c.cmd.Env = append(append(os.Environ(), s.Lab.Bin.Env()...), "OVN_RUNDIR="+lab.OVNRundir(c.Name))
	c.log.Reset()
	c.cmd.Stderr = &c.log
	return c.cmd.Start()
}

// get asks one of the addresses beside the service.
func (s *server) get(ctx context.Context, c *served, path string) (status int, body string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(c.EncapIP, metricsPort)+path, nil)
	if err != nil {
		return 0, "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err
}

func (s *server) ready(ctx context.Context, c *served) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		status, body, err := s.get(ctx, c, "/readyz")
		if status == http.StatusOK {
			return nil
		}
		select {
		case <-ctx.Done():
			s.kill()
			return fmt.Errorf("%s is not ready: %d %s %w: %s", c.Name, status, body, err, c.log.String())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// used checks that a chassis has answered calls, all of them without an error.
func (s *server) used(ctx context.Context, c *served) error {
	_, text, err := s.get(ctx, c, "/metrics")
	if err != nil {
		return err
	}
	traced := false
	for _, l := range strings.Split(text, "\n") {
		// A node says with an error that its chassis' databases are no sockets there.
		if !strings.HasPrefix(l, "ovn_ct_trace_node_calls_total{") || strings.Contains(l, `method="Database"`) {
			continue
		}
		if !strings.Contains(l, `client="`+serveClient+`"`) || !strings.Contains(l, `code="ok"`) {
			return fmt.Errorf("%s: %s", c.Name, l)
		}
		traced = traced || strings.Contains(l, `method="Trace"`)
	}
	if !traced {
		return fmt.Errorf("%s has traced nothing:\n%s", c.Name, text)
	}
	return nil
}

// refusals checks what a client is told that is not allowed, or may not do what it asks for.
func (s *server) refusals(ctx context.Context) error {
	for _, c := range []struct {
		client string
		args   []string
		want   string
	}{
		{"stranger", []string{"trace", "--from", "sw0-p1", "--to", "sw1-p2:80/tcp"}, `chassis hv1: connect to 172.31.0.1:7471: refused: no --allow names this client: its certificate is for ["stranger"]`},
		{serveClient, []string{"capture", "--timeout", "20s", "sw0-p1"}, "node serve runs there without --allow-capture"},
	} {
		args := append(append([]string{c.args[0], "--sb", lab.SBRemote, "--nb", lab.NBRemote}, s.flags(c.client)...), c.args[1:]...)
		run, err := s.Lab.RunTool(ctx, builtTool, args...)
		if err != nil {
			return err
		}
		first, _, _ := strings.Cut(run.Stderr, "\n")
		if run.Status != 3 || !strings.Contains(first, c.want) {
			return fmt.Errorf("%s of %s: exit status %d, %s", c.args[0], c.client, run.Status, run.Stderr)
		}
		fmt.Printf("serve: %s\n", first)
	}
	return nil
}

// impostor answers in the place of hv1 with hv2's certificate.
func (s *server) impostor(ctx context.Context) error {
	run, err := s.Lab.RunTool(ctx, builtTool, append([]string{"trace", "--sb", lab.SBRemote, "--nb", lab.NBRemote, "--node",
		"hv1=tls:" + net.JoinHostPort(s.all[1].EncapIP, servePort), "--from", "sw0-p1", "--to", "sw1-p2:80/tcp"}, s.flags(serveClient)[2:]...)...)
	if err != nil {
		return err
	}
	if run.Status != 3 || !strings.Contains(run.Stderr, "its certificate is for hv2, not for "+s.all[1].EncapIP+" or hv1") {
		return fmt.Errorf("exit status %d, %s", run.Status, run.Stderr)
	}
	return nil
}

// end ends each service with SIGTERM: its status is 0, and its log is complete and without a panic.
func (s *server) end(ctx context.Context) error {
	for _, c := range s.all {
		if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			return err
		}
	}
	for _, c := range s.all {
		err := c.cmd.Wait()
		if text := c.log.String(); err != nil || !strings.Contains(text, "msg=stopped") || strings.Contains(text, "panic") {
			return fmt.Errorf("%s: %w: %s", c.Name, errors.Join(err), text)
		}
	}
	return nil
}

// kill ends what is left after a failure.
func (s *server) kill() {
	for _, c := range s.all {
		if c.cmd.ProcessState == nil {
			_ = c.cmd.Process.Kill()
			_ = c.cmd.Wait()
		}
	}
}
