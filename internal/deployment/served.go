package deployment

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/usage"
)

// servedKind begins a way to a node that runs "node serve": tls:HOST:PORT.
const servedKind = "tls:"

// isServed reports whether a target, or the template for all chassis, is such a way.
func isServed(target string) bool { return strings.HasPrefix(target, servedKind) }

// served makes the nodes that run "node serve". They share one identity.
type served struct {
	opt  Options
	once sync.Once
	id   *node.Identity
	err  error
}

// node returns the node at addr, a template of HOST:PORT. An IPv6 address gets its brackets.
func (s *served) node(c *ovn.Chassis, addr string) (node.Node, error) {
	s.once.Do(func() { s.id, s.err = node.LoadIdentity(s.opt.Certificate, s.opt.PrivateKey, s.opt.CACert) })
	if s.err != nil {
		return nil, &usage.Error{Msg: s.err.Error(), Hint: "-c, -p and -C name the files for tls: nodes", Err: s.err}
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, &usage.Error{Msg: "tls:" + addr + ": " + err.Error(), Err: err}
	}
	if host, err = node.Replace(host, c.Name, c.Hostname, encapIP(c)); err != nil {
		return nil, &node.Error{Node: c.Name, Op: "reach", Err: fmt.Errorf("tls:%s names no host: %w", addr, err), Hint: "--node " + c.Name + "=tls:HOST:PORT"}
	}
	names := []string{host, c.Name}
	if c.Hostname != "" {
		names = append(names, c.Hostname)
	}
	return &node.Remote{
		Name: c.Name, Patience: s.opt.Bound() / patienceShare,
		TLS: &node.Dial{Addr: net.JoinHostPort(host, port), Names: names, Identity: s.id},
	}, nil
}

// checkServed refuses "tls:" ways without the files that they need.
func (o Options) checkServed(any bool) error {
	if !any {
		return nil
	}
	if isServed(o.NodeCommand) {
		if err := checkServedAddr("--node-cmd "+o.NodeCommand, strings.TrimPrefix(o.NodeCommand, servedKind)); err != nil {
			return err
		}
	}
	for _, f := range [][2]string{{"-c", o.Certificate}, {"-p", o.PrivateKey}, {"-C", o.CACert}} {
		if f[1] == "" || f[1] == "none" {
			return usage.Errorf("-c CERTIFICATE -p PRIVATE-KEY -C CA-CERTIFICATE", "a tls: node needs %s FILE", f[0])
		}
	}
	return nil
}

// checkServedAddr refuses what is not HOST:PORT.
func checkServedAddr(flag, addr string) error {
	host, port, err := net.SplitHostPort(addr)
	if n, perr := strconv.ParseUint(port, 10, 16); err != nil || host == "" || perr != nil || n == 0 {
		return usage.Errorf("tls:HOST:PORT, such as tls:{ip}:7471 or tls:[fd00::1]:7471", "%s: %q is not HOST:PORT", flag, addr)
	}
	return nil
}
