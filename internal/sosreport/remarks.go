package sosreport

import (
	"bufio"
	"bytes"
	"io"
	"regexp"
)

// logged is what a program of Open vSwitch has written to its log: sos keeps standard error in the
// same file, so that on a busy host it stands in the middle of the output, and of its lines.
var logged = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z\|0\d{4,}\|[^|]{1,60}\|(EMER|ERR|WARN|INFO|DBG)\|`)

// logMark is in every such line; few others have it.
var logMark = []byte("Z|0")

// spoken reads a command's output without what was logged meanwhile; a line that it has parted is
// joined.
type spoken struct {
	in   *bufio.Reader
	file io.Closer
	out  []byte // what is to be read next
	err  error
}

func newSpoken(f io.ReadCloser) *spoken {
	return &spoken{in: bufio.NewReaderSize(f, 64<<10), file: f}
}

// Close closes the file.
func (s *spoken) Close() error { return s.file.Close() }

// Read implements io.Reader.
func (s *spoken) Read(p []byte) (int, error) {
	for len(s.out) == 0 {
		if s.err != nil {
			return 0, s.err
		}
		// A line that is longer than the buffer comes in parts.
		var line []byte
		line, s.err = s.in.ReadSlice('\n')
		if s.err == bufio.ErrBufferFull {
			s.err = nil
		}
		if bytes.Contains(line, logMark) {
			if at := logged.FindIndex(line); at != nil {
				line = line[:at[0]]
			}
		}
		s.out = line
	}
	n := copy(p, s.out)
	s.out = s.out[n:]
	return n, nil
}
