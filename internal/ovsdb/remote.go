package ovsdb

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
)

// remote is one active OVSDB connection method, such as tcp:10.0.0.1:6642.
type remote struct {
	text    string
	network string // unix or tcp
	addr    string
	tls     bool
}

// defaultPort is OVSDB_PORT of lib/ovsdb-session: the port of a remote without one.
const defaultPort = "6640"

// parseRemotes reads a comma-separated list, as ovn-sbctl's --db takes.
func parseRemotes(list string) ([]remote, error) {
	var out []remote
	for _, text := range strings.Split(list, ",") {
		text = strings.TrimSpace(text)
		if text == "" {
			continue
		}
		r, err := parseRemote(text)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	if len(out) == 0 {
		return nil, errors.New("no database remote given")
	}
	return out, nil
}

func parseRemote(text string) (remote, error) {
	kind, rest, ok := strings.Cut(text, ":")
	if !ok || rest == "" {
		return remote{}, fmt.Errorf("database remote %q: want unix:FILE, tcp:HOST:PORT or ssl:HOST:PORT", text)
	}
	r := remote{text: text, network: "tcp"}
	switch kind {
	case "unix":
		r.network, r.addr = "unix", rest
		return r, nil
	case "ssl":
		r.tls = true
	case "tcp":
	default:
		return remote{}, fmt.Errorf("database remote %q: %q is not unix, tcp or ssl", text, kind)
	}
	host, port, err := splitHostPort(rest)
	if err != nil {
		return remote{}, fmt.Errorf("database remote %q: %w", text, err)
	}
	r.addr = net.JoinHostPort(host, port)
	return r, nil
}

// splitHostPort reads HOST[:PORT] and [V6][:PORT], as inet_parse_active does.
func splitHostPort(s string) (host, port string, err error) {
	if strings.HasPrefix(s, "[") {
		end := strings.IndexByte(s, ']')
		if end < 0 {
			return "", "", errors.New("missing ]")
		}
		host, s = s[1:end], s[end+1:]
		if s == "" {
			return host, defaultPort, nil
		}
		if s[0] != ':' || len(s) == 1 {
			return "", "", errors.New("want a port after ]")
		}
		return host, s[1:], nil
	}
	host, port, found := strings.Cut(s, ":")
	switch {
	case host == "":
		return "", "", errors.New("no host")
	case !found:
		return host, defaultPort, nil
	case port == "" || strings.Contains(port, ":"):
		return "", "", errors.New("want HOST:PORT, an IPv6 address in brackets")
	}
	return host, port, nil
}

// dial opens the byte stream of one remote. Only ssl: remotes use conf.
func (r remote) dial(ctx context.Context, conf *tls.Config) (net.Conn, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, r.network, r.addr)
	if err != nil {
		return nil, unwrapOp(err)
	}
	if !r.tls {
		return c, nil
	}
	tc := tls.Client(c, conf)
	if err := tc.HandshakeContext(ctx); err != nil {
		c.Close()
		return nil, fmt.Errorf("TLS: %w", err)
	}
	return tc, nil
}

// unwrapOp returns the cause of a net.OpError, without its address and the name of connect(2):
// errors contain the remote and that it was being connected to anyway.
func unwrapOp(err error) error {
	var op *net.OpError
	if !errors.As(err, &op) || op.Err == nil {
		return err
	}
	var call *os.SyscallError
	if errors.As(op.Err, &call) && call.Syscall == "connect" {
		return call.Err
	}
	return op.Err
}
