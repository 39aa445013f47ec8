package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/bpf"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/failure"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/pcapfilter"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/pktsock"
)

// Capturer is a Node that can record the frames of a port of Open vSwitch. It is separate from Node
// because older nodes cannot.
type Capturer interface {
	// Capture begins to record: frames are kept from its return on.
	Capture(ctx context.Context, req CaptureRequest) (*Capture, error)
	// Captured returns recorded frames, and waits for the first one. It ends at once if ctx does.
	Captured(ctx context.Context, req CapturedRequest) (*Captured, error)
}

// CaptureDirection says which frames of a port are recorded.
type CaptureDirection string

// The directions.
const (
	CaptureIn   CaptureDirection = "in"  // from the port into Open vSwitch
	CaptureOut  CaptureDirection = "out" // from Open vSwitch to the port
	CaptureBoth CaptureDirection = "both"
)

// CaptureRequest says what is recorded.
type CaptureRequest struct {
	// IfaceID is the logical port (external_ids:iface-id); Port is used if it is empty.
	IfaceID string `json:"iface_id,omitempty"`
	// Port is the name of a port of a bridge.
	Port      string           `json:"port,omitempty"`
	Direction CaptureDirection `json:"direction"`
	// Filter is a filter of package pcapfilter. With VLAN, it is about the packet behind the tag.
	Filter string `json:"filter,omitempty"`
	// VLAN is the tag that a frame must have: that of a nested container; 0 is any or none.
	VLAN uint16 `json:"vlan,omitempty"`
	// SnapLen is how many bytes of a frame are kept, at most MaxSnapLen; 0 is DefaultSnapLen.
	SnapLen int `json:"snap_len,omitempty"`
	// LifetimeMS ends the recording by itself, in milliseconds; 0 and more than MaxLifetime are
	// MaxLifetime.
	LifetimeMS int64 `json:"lifetime_ms"`
}

// Bounds of a recording, and of all recordings of a node.
const (
	DefaultSnapLen = 2048
	MaxSnapLen     = 262144 // as of tcpdump
	MaxLifetime    = time.Hour
	MaxCaptures    = 64
	// maxFrames and maxAnswer bound an answer, in frames and in bytes of their data.
	maxFrames = 64
	maxAnswer = 1 << 20
	// captureBuffer bounds the frames that wait to be read, in bytes of the kernel's memory.
	captureBuffer = 1 << 20
)

// Capture is a recording that has begun.
type Capture struct {
	ID     int    `json:"id"`
	Device string `json:"device"`
	MTU    int    `json:"mtu"` // of the device, in bytes
}

// CapturedRequest asks for frames of a recording.
type CapturedRequest struct {
	ID     int   `json:"id"`
	Max    int   `json:"max"`           // maximum number of frames; at most 64
	WaitMS int64 `json:"wait_ms"`       // how long to wait for the first one, in milliseconds
	End    bool  `json:"end,omitempty"` // end the recording
}

// Captured are frames in the order in which they passed.
type Captured struct {
	Frames []CapturedFrame `json:"frames"`
	Lost   uint32          `json:"lost,omitempty"` // frames since the last answer that did not fit into the buffer
}

// CapturedFrame is one frame.
type CapturedFrame struct {
	Time      time.Time        `json:"time"` // of the node's clock
	Direction CaptureDirection `json:"direction"`
	Data      []byte           `json:"data"` // with its VLAN tags, cut to the snap length
	Wire      int              `json:"wire"` // its length in bytes
}

// CaptureError reports a port whose frames cannot be recorded.
type CaptureError struct {
	Port string // logical port, or port of the bridge
	Why  string
}

func (e *CaptureError) Error() string { return "port " + e.Port + ": " + e.Why }

// Failure is something that cannot be reached.
func (e *CaptureError) Failure() (failure.Kind, string) { return failure.Unreachable, "" }

// recording is a running capture of a Service.
type recording struct {
	sock     *pktsock.Socket
	opposite bool // what the device sends goes into Open vSwitch
	end      *time.Timer
	reading  sync.Mutex
}

// recordings are the running captures of a Service. They have a lock of their own: a wait for
// frames must not hold up a trace.
type recordings struct {
	mu   sync.Mutex
	last int
	all  map[int]*recording
}

// Capture opens a packet socket on the device of a port. The device is that of ovs-vswitchd's
// network namespace.
func (s *Service) Capture(ctx context.Context, req CaptureRequest) (*Capture, error) {
	if err := s.live("capture"); err != nil {
		return nil, err
	}
	p, err := s.capturedPort(ctx, req)
	if err != nil {
		return nil, err
	}
	opposite := p.Type == "internal" || p.Type == "tap"
	prog, match, err := req.program(opposite)
	if err != nil {
		return nil, err
	}
	ns, err := s.namespace()
	if err != nil {
		return nil, err
	}
	sock, err := pktsock.Open(ns, p.Name, pktsock.Options{Filter: prog, Match: match, SnapLen: req.snapLen(), Buffer: captureBuffer})
	if errors.Is(err, pktsock.ErrNoDevice) {
		return nil, &CaptureError{req.name(), fmt.Sprintf("its interface %s is no device in %v: it may have been moved, or its type (%s) has none",
			p.Name, ns, orSystem(p.Type))}
	}
	if errors.Is(err, pktsock.ErrDown) {
		return nil, &CaptureError{req.name(), fmt.Sprintf("its interface %s is down: nothing passes it", p.Name)}
	}
	if err != nil {
		return nil, err
	}
	id, err := s.rec.add(&recording{sock: sock, opposite: opposite}, req.lifetime())
	if err != nil {
		return nil, err
	}
	return &Capture{ID: id, Device: p.Name, MTU: sock.MTU()}, nil
}

func orSystem(typ string) string {
	if typ == "" {
		return "system"
	}
	return typ
}

// capturedPort finds a request's port, and refuses one whose frames do not pass the kernel.
func (s *Service) capturedPort(ctx context.Context, req CaptureRequest) (Port, error) {
	info, err := s.Info(ctx)
	if err != nil {
		return Port{}, err
	}
	fail := func(format string, args ...any) (Port, error) {
		return Port{}, &CaptureError{req.name(), fmt.Sprintf(format, args...)}
	}
	p, ok := info.PortByIfaceID(req.IfaceID)
	if req.IfaceID == "" {
		for _, q := range info.Ports {
			if q.Name == req.Port {
				p, ok = q, true
			}
		}
	}
	switch {
	case !ok && req.IfaceID != "":
		return fail("no interface here has external_ids:iface-id=%s and an OpenFlow port", req.IfaceID)
	case !ok:
		return fail("no bridge here has this port")
	case strings.HasPrefix(p.Type, "dpdk") || strings.HasPrefix(p.Type, "afxdp"):
		return fail("its interface %s is of type %s, whose packets do not pass the kernel's network stack: they cannot be captured", p.Name, p.Type)
	case p.Type == "patch" || p.Kind == engine.PortTunnel:
		return fail("%s is a %s port, which has no device of its own", p.Name, p.Type)
	}
	return p, nil
}

func (r CaptureRequest) name() string {
	if r.IfaceID != "" {
		return r.IfaceID
	}
	return r.Port
}

func (r CaptureRequest) snapLen() int {
	if r.SnapLen <= 0 {
		return DefaultSnapLen
	}
	return min(r.SnapLen, MaxSnapLen)
}

func (r CaptureRequest) lifetime() time.Duration {
	d := time.Duration(r.LifetimeMS) * time.Millisecond
	if d <= 0 || d > MaxLifetime {
		return MaxLifetime
	}
	return d
}

// program compiles the filter: for the kernel, and as a function. Open vSwitch receives what the
// device receives; but the device of an internal port (or a tap) is the machine's own end, where it
// receives what the device sends.
func (r CaptureRequest) program(opposite bool) (prog []bpf.Instruction, match func(*pktsock.Frame) bool, err error) {
	e, err := pcapfilter.Parse(r.Filter)
	if err != nil {
		return nil, nil, err
	}
	if r.VLAN != 0 {
		var tagged pcapfilter.Expr = &pcapfilter.Prim{Kind: pcapfilter.KindVLAN, HasID: true, Lo: r.VLAN}
		if e != nil {
			tagged = &pcapfilter.And{L: tagged, R: e}
		}
		e = tagged
	}
	d := pcapfilter.Both
	switch {
	case r.Direction == CaptureIn && !opposite, r.Direction == CaptureOut && opposite:
		d = pcapfilter.Received
	case r.Direction == CaptureIn, r.Direction == CaptureOut:
		d = pcapfilter.Sent
	}
	if prog, err = pcapfilter.CompileSocket(e, d, uint32(r.snapLen())); err != nil {
		return nil, nil, err
	}
	inBand, err := pcapfilter.Compile(e, uint32(r.snapLen()))
	if err != nil {
		return nil, nil, err
	}
	vm, err := bpf.NewVM(inBand)
	if err != nil {
		return nil, nil, err
	}
	return prog, func(f *pktsock.Frame) bool {
		if d == pcapfilter.Received && f.Sent || d == pcapfilter.Sent && !f.Sent {
			return false
		}
		n, err := vm.Run(f.Data)
		return err == nil && n > 0
	}, nil
}

// add keeps a recording until its lifetime ends.
func (r *recordings) add(rec *recording, lifetime time.Duration) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.all) >= MaxCaptures {
		rec.sock.Close()
		return 0, fmt.Errorf("more than %d captures at once on one node", MaxCaptures)
	}
	if r.all == nil {
		r.all = map[int]*recording{}
	}
	r.last++
	id := r.last
	r.all[id] = rec
	rec.end = time.AfterFunc(lifetime, func() { r.remove(id) })
	return id, nil
}

func (r *recordings) get(id int) *recording {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.all[id]
}

// remove ends a recording, if it has not ended.
func (r *recordings) remove(id int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if rec := r.all[id]; rec != nil {
		rec.end.Stop()
		rec.sock.Close()
		delete(r.all, id)
	}
}

// close ends all recordings.
func (r *recordings) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, rec := range r.all {
		rec.end.Stop()
		rec.sock.Close()
		delete(r.all, id)
	}
}

// errEnded reports a recording that is not, or no longer, there.
var errEnded = errors.New("the capture has ended")

// Captured returns frames of a recording.
func (s *Service) Captured(ctx context.Context, req CapturedRequest) (*Captured, error) {
	rec := s.rec.get(req.ID)
	if rec == nil {
		return nil, errEnded
	}
	if req.End {
		defer s.rec.remove(req.ID)
	}
	rec.reading.Lock()
	defer rec.reading.Unlock()
	out := &Captured{}
	wait := time.Duration(req.WaitMS) * time.Millisecond
	for size := 0; len(out.Frames) < min(req.Max, maxFrames) && size < maxAnswer; wait = 0 {
		f, err := rec.read(ctx, wait)
		if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
			break
		}
		if errors.Is(err, os.ErrClosed) {
			err = errEnded
		}
		if err != nil {
			return nil, err
		}
		size += len(f.Data)
		d := CaptureIn
		if f.Sent != rec.opposite {
			d = CaptureOut
		}
		out.Frames = append(out.Frames, CapturedFrame{Time: f.Time, Direction: d, Data: f.Data, Wire: f.Wire})
	}
	var err error
	out.Lost, err = rec.sock.Lost()
	return out, err
}

// read waits for a frame; with no wait it returns one that is queued.
func (r *recording) read(ctx context.Context, wait time.Duration) (pktsock.Frame, error) {
	ctx, cancel := context.WithTimeout(ctx, max(wait, time.Millisecond))
	defer cancel()
	return r.sock.Read(ctx)
}

// Capture begins to record on the node.
func (r *Remote) Capture(ctx context.Context, req CaptureRequest) (*Capture, error) {
	r.recorded.Store(true)
	return remoteCall[*Capture](ctx, r, "Capture", req)
}

// Captured reads frames on the node.
func (r *Remote) Captured(ctx context.Context, req CapturedRequest) (*Captured, error) {
	return remoteCall[*Captured](ctx, r, "Captured", req)
}
