package ctdpif

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
)

// Recorded is the Streamer of a table whose dump (dpctl/dump-conntrack -m) was kept as text. It
// reads the text once, and keeps it by zone. Its list of commands has the kept ones.
type Recorded struct {
	// Open opens the text; nil for an empty table.
	Open func() (io.ReadCloser, error)
	// Expected opens the text of dpctl/dump-conntrack-exp; nil if there is none.
	Expected func() (io.ReadCloser, error)

	once   sync.Once
	zones  map[uint16][]byte
	unsure []byte // lines whose zone cannot be read: they may be of any
	count  int
	err    error
}

// Stream returns the lines of the zone that the arguments name, or all lines.
func (r *Recorded) Stream(_ context.Context, method string, args ...string) (io.ReadCloser, error) {
	switch {
	case method == "list-commands" && r.Expected != nil:
		return io.NopCloser(strings.NewReader("  dpctl/dump-conntrack-exp\n")), nil
	case method == "dpctl/dump-conntrack-exp" && r.Expected != nil:
		exp := &Recorded{Open: r.Expected} // the lines have the form of connections
		return exp.Stream(context.Background(), "dpctl/dump-conntrack", args...)
	case method != "dpctl/dump-conntrack":
		return io.NopCloser(strings.NewReader("")), nil
	}
	r.once.Do(r.read)
	if r.err != nil {
		return nil, r.err
	}
	for _, a := range args {
		if n, ok := strings.CutPrefix(a, "zone="); ok {
			zone, err := strconv.ParseUint(n, 10, 16)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", a, err)
			}
			return io.NopCloser(io.MultiReader(bytes.NewReader(r.zones[uint16(zone)]), bytes.NewReader(r.unsure))), nil
		}
	}
	var all []io.Reader
	for _, z := range r.zones {
		all = append(all, bytes.NewReader(z))
	}
	return io.NopCloser(io.MultiReader(append(all, bytes.NewReader(r.unsure))...)), nil
}

// Count returns the number of connections.
func (r *Recorded) Count() (int, error) {
	r.once.Do(r.read)
	return r.count, r.err
}

// read reads the text. A last line without its newline is cut, and left out.
func (r *Recorded) read() {
	r.zones = map[uint16][]byte{}
	if r.Open == nil {
		return
	}
	in, err := r.Open()
	if err != nil {
		r.err = err
		return
	}
	defer in.Close()
	br := bufio.NewReaderSize(in, maxLine)
	for {
		line, err := br.ReadSlice('\n')
		switch {
		case err == io.EOF:
			return
		case err == bufio.ErrBufferFull:
			for err == bufio.ErrBufferFull {
				_, err = br.ReadSlice('\n')
			}
			r.unsure = append(r.unsure, "a line that is too long\n"...)
			continue
		case err != nil:
			r.err = err
			return
		}
		r.count++
		zone, ok := zoneOf(line)
		if !ok {
			r.unsure = append(r.unsure, line...)
			continue
		}
		r.zones[zone] = append(r.zones[zone], line...)
	}
}

// zoneOf returns the zone of a line; a line of zone 0 does not name it. ok is false if it cannot be
// read.
func zoneOf(line []byte) (zone uint16, ok bool) {
	if !bytes.Contains(line, []byte(",orig=(")) {
		return 0, false
	}
	_, rest, found := bytes.Cut(line, []byte(",zone="))
	if !found {
		return 0, true
	}
	end := bytes.IndexAny(rest, ",\r\n")
	if end < 0 {
		end = len(rest)
	}
	n, err := strconv.ParseUint(string(rest[:end]), 10, 16)
	return uint16(n), err == nil
}

// kernelStates are the kernel's TCP states by those of the dump (nl_ct_tcp_state_to_dpif of
// lib/netlink-conntrack.c): CLOSED is TCP_CONNTRACK_NONE, CLOSING is TCP_CONNTRACK_CLOSE. SYN_SENT
// may also be TCP_CONNTRACK_SYN_SENT2, of a connection that both ends have opened at once.
var kernelStates = [...]ctstate.TCPState{
	ctstate.TCPNone, ctstate.TCPNone, ctstate.TCPSynSent, ctstate.TCPSynRecv, ctstate.TCPEstablished, ctstate.TCPCloseWait,
	ctstate.TCPFinWait, ctstate.TCPClose, ctstate.TCPLastAck, ctstate.TCPFinWait, ctstate.TCPTimeWait,
}

// KernelEntry returns a line of the kernel's table as an entry of the model: Open vSwitch prints it
// in the form of its own table.
func (l *Line) KernelEntry() ctstate.Entry {
	e := l.Entry()
	e.Source, e.UserTCP = ctstate.FromKernel, nil
	if l.TCP != nil && l.TCP.Verbose && int(l.TCP.Orig) < len(kernelStates) {
		e.TCP = &ctstate.TCPInfo{
			State: kernelStates[l.TCP.Orig], FlagsOrig: uint8(l.TCP.FlagsOrig), FlagsReply: uint8(l.TCP.FlagsRpl),
			WScaleOrig: l.TCP.WScaleOrig, WScaleRepl: l.TCP.WScaleR,
		}
	}
	return e
}
