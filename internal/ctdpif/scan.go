package ctdpif

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"iter"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/syntax"
)

// maxLine is the maximum length of a line in bytes, ten times that of any known entry.
const maxLine = 16 << 10

// Scan reads lines from r until its end; what a line holds is valid until the next. A line that
// cannot be read is a *syntax.Error and the lines behind it follow; any other error is the last.
func Scan(r io.Reader) iter.Seq2[*Line, error] {
	return func(yield func(*Line, error) bool) {
		br := bufio.NewReaderSize(r, maxLine)
		var l Line
		for {
			b, err := br.ReadSlice('\n')
			if err == bufio.ErrBufferFull {
				if !yield(nil, fault(b, len(b), "the line does not end")) {
					return
				}
				for err == bufio.ErrBufferFull {
					_, err = br.ReadSlice('\n')
				}
				b = nil
			}
			if err != nil && err != io.EOF {
				yield(nil, err)
				return
			}
			if b = bytes.TrimSuffix(b, []byte("\n")); len(b) > 0 {
				if perr := ParseInto(b, &l); perr != nil {
					if !yield(nil, perr) {
						return
					}
				} else if !yield(&l, nil) {
					return
				}
			}
			if err == io.EOF {
				return
			}
		}
	}
}

// unreadable gives the error of a line that cannot be read, if err is one.
func unreadable(err error) *syntax.Error {
	var se *syntax.Error
	errors.As(err, &se)
	return se
}

// IsUnreadable reports whether an error of Scan or All is that of one line, which others follow.
func IsUnreadable(err error) bool { return unreadable(err) != nil }
