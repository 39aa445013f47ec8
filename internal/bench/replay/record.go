// Package replay records the calls of a run to ovs-vswitchd and repeats them without the tool, to
// measure what the tool adds to these calls.
package replay

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Call is one command that went over a control socket.
type Call struct {
	Chassis string
	Method  string
	Args    []string
	Reply   string
	Refused bool // whether the daemon answered with an error
	Took    time.Duration
}

// Recorder relays calls of a program to the control sockets of several ovs-vswitchd daemons, and
// records them.
type Recorder struct {
	Groups bool // the program may read groups by OpenFlow; else it asks for every value of a hash

	mu        sync.Mutex
	calls     []Call
	listeners []net.Listener
	wg        sync.WaitGroup
}

// Stand makes dir a run folder for the ovs-vswitchd of rundir: the pid file, the database's socket
// and, with Groups, those of the bridges are links to those in rundir, the control socket is the
// recorder's.
func (r *Recorder) Stand(ctx context.Context, chassis, rundir, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	names := []string{"ovs-vswitchd.pid", "db.sock"}
	if r.Groups {
		sockets, err := filepath.Glob(filepath.Join(rundir, "*.mgmt"))
		if err != nil {
			return err
		}
		for _, s := range sockets {
			names = append(names, filepath.Base(s))
		}
	}
	for _, name := range names {
		if err := os.Symlink(filepath.Join(rundir, name), filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	real, err := Socket(rundir)
	if err != nil {
		return err
	}
	l, err := new(net.ListenConfig).Listen(ctx, "unix", filepath.Join(dir, filepath.Base(real)))
	if err != nil {
		return err
	}
	r.listeners = append(r.listeners, l)
	r.wg.Add(1)
	go func() {
		defer r.wg.Done()
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			r.wg.Add(1)
			go func() {
				defer r.wg.Done()
				defer c.Close()
				r.relay(c, chassis, real)
			}()
		}
	}()
	return nil
}

// Socket returns the control socket in an ovs-vswitchd's run folder.
func Socket(rundir string) (string, error) {
	b, err := os.ReadFile(filepath.Join(rundir, "ovs-vswitchd.pid"))
	if err != nil {
		return "", err
	}
	return filepath.Join(rundir, "ovs-vswitchd."+strings.TrimSpace(string(b))+".ctl"), nil
}

// relay relays the calls of one connection until either side closes it.
func (r *Recorder) relay(c net.Conn, chassis, socket string) {
	d, err := net.Dial("unix", socket)
	if err != nil {
		return
	}
	defer d.Close()
	asked, answered := json.NewDecoder(c), json.NewDecoder(d)
	for {
		var raw json.RawMessage
		if asked.Decode(&raw) != nil {
			return
		}
		var req struct {
			Method string   `json:"method"`
			Params []string `json:"params"`
		}
		var resp struct {
			Result *string `json:"result"`
			Error  *string `json:"error"`
		}
		begin := time.Now()
		if _, err := d.Write(raw); err != nil {
			return
		}
		var reply json.RawMessage
		if answered.Decode(&reply) != nil {
			return
		}
		took := time.Since(begin)
		if json.Unmarshal(raw, &req) == nil && json.Unmarshal(reply, &resp) == nil {
			call := Call{Chassis: chassis, Method: req.Method, Args: req.Params, Took: took}
			switch {
			case resp.Error != nil:
				call.Reply, call.Refused = *resp.Error, true
			case resp.Result != nil:
				call.Reply = *resp.Result
			}
			r.mu.Lock()
			r.calls = append(r.calls, call)
			r.mu.Unlock()
		}
		if _, err := c.Write(reply); err != nil {
			return
		}
	}
}

// Close waits for the connections to end, and returns the calls in the order of their answers.
func (r *Recorder) Close() []Call {
	for _, l := range r.listeners {
		l.Close()
	}
	r.wg.Wait()
	return r.calls
}

// Ask makes one call to a control socket.
func Ask(ctx context.Context, socket, method string, args ...string) (string, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "unix", socket)
	if err != nil {
		return "", err
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	if err := json.NewEncoder(c).Encode(map[string]any{"id": 0, "method": method, "params": args}); err != nil {
		return "", err
	}
	var resp struct {
		Result string  `json:"result"`
		Error  *string `json:"error"`
	}
	if err := json.NewDecoder(c).Decode(&resp); err != nil {
		return "", fmt.Errorf("%s: %w", method, err)
	}
	if resp.Error != nil {
		return "", fmt.Errorf("%s: %s", method, *resp.Error)
	}
	return resp.Result, nil
}
