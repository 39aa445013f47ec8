package capture

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// file opens a file that is given as FILE or FILE:N, and returns its name and N, 0 if none is
// given.
func file(spec string) (f *os.File, name string, n int, err error) {
	name = spec
	f, err = os.Open(name)
	if i := strings.LastIndexByte(spec, ':'); errors.Is(err, os.ErrNotExist) && i >= 0 {
		v, bad := strconv.ParseUint(spec[i+1:], 10, 31)
		if bad != nil || v == 0 {
			return nil, "", 0, fmt.Errorf("%s: %q is no frame number: they count from 1", spec, spec[i+1:])
		}
		name, n = spec[:i], int(v)
		f, err = os.Open(name)
	}
	return f, name, n, err
}

// ReadFile reads one frame of a pcap or pcapng file, given as FILE or FILE:N; the first is 1, which
// is also that of FILE. Errors name the file and the frame.
func ReadFile(spec string) (Frame, error) {
	f, name, n, err := file(spec)
	if err != nil {
		return Frame{}, err
	}
	defer f.Close()
	frame, err := Read(f, max(n, 1))
	if err != nil {
		return Frame{}, fmt.Errorf("%s: %w", name, err)
	}
	frame.File = name
	return frame, nil
}

// Read reads frame n, the first being 1, of a capture in either format.
func Read(r io.Reader, n int) (Frame, error) {
	c, err := open(r)
	if err != nil {
		return Frame{}, err
	}
	for i := 1; ; i++ {
		rec, err := c.next(i, i == n)
		switch {
		case errors.Is(err, io.EOF):
			return Frame{}, fmt.Errorf("it has %d whole frames, there is no frame %d", i-1, n)
		case err != nil:
			return Frame{}, err
		case i < n:
			continue
		}
		f, err := readFrame(rec)
		if err != nil {
			return Frame{}, fmt.Errorf("frame %d: %w", i, err)
		}
		f.Number = i
		return f, nil
	}
}

// next reads frame i, or skips it. io.EOF is the end of the file; any other error names the frame.
func (c *reader) next(i int, keep bool) (record, error) {
	rec, err := c.read(keep)
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return record{}, &EndError{Frame: i}
	case err != nil && !errors.Is(err, io.EOF):
		return record{}, fmt.Errorf("frame %d: %w", i, err)
	}
	return rec, err
}

// EndError reports a file that ends within a frame.
type EndError struct{ Frame int } // the first frame of a file is 1

func (e *EndError) Error() string { return fmt.Sprintf("frame %d: the file ends within it", e.Frame) }
