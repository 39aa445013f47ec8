package guest

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"sync"
)

// request is the first line of a connection to the agent: one command to run.
type request struct {
	Token string   `json:"token"`
	Ping  bool     `json:"ping,omitempty"`
	Quit  bool     `json:"quit,omitempty"`
	Argv  []string `json:"argv,omitempty"`
	Dir   string   `json:"dir,omitempty"`
	Env   []string `json:"env,omitempty"`
	TTY   bool     `json:"tty,omitempty"`
	Rows  uint16   `json:"rows,omitempty"`
	Cols  uint16   `json:"cols,omitempty"`
}

// Frame kinds. After the request both sides send frames: kind, length, bytes.
const (
	frameStdin  = 'i' // to the agent; an empty frame closes standard input
	frameSignal = 's' // to the agent; one byte
	frameStdout = 'o'
	frameStderr = 'e'
	frameExit   = 'x' // one JSON exitStatus; the last frame
)

type exitStatus struct {
	Code int    `json:"code"`
	Err  string `json:"err,omitempty"`
}

const maxFrame = 1 << 20

type frameWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (f *frameWriter) send(kind byte, data []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	h := make([]byte, 5, 5+len(data))
	h[0] = kind
	binary.BigEndian.PutUint32(h[1:], uint32(len(data)))
	_, err := f.w.Write(append(h, data...))
	return err
}

// stream is an io.Writer that sends each write as frames of one kind.
type stream struct {
	f    *frameWriter
	kind byte
}

func (s stream) Write(b []byte) (int, error) {
	for off := 0; off < len(b); off += maxFrame {
		if err := s.f.send(s.kind, b[off:min(off+maxFrame, len(b))]); err != nil {
			return off, err
		}
	}
	return len(b), nil
}

func readFrame(r *bufio.Reader) (byte, []byte, error) {
	var h [5]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return 0, nil, err
	}
	n := binary.BigEndian.Uint32(h[1:])
	if n > maxFrame {
		return 0, nil, fmt.Errorf("frame of %d bytes", n)
	}
	b := make([]byte, n)
	_, err := io.ReadFull(r, b)
	return h[0], b, err
}

func writeRequest(w io.Writer, r request) error {
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	_, err = w.Write(append(b, '\n'))
	return err
}
