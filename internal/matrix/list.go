package matrix

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/failure"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/usage"
)

// List is a list of questions, which can be read several times: it is checked as a whole before the
// first is asked, and not held in memory.
type List interface {
	// Each lists the questions in order; an error ends the list.
	Each() iter.Seq2[Question, error]
}

// maxLine is the maximum length of a line in bytes.
const maxLine = 1 << 20

// File is a list in a file.
type File struct {
	Name   string // for errors
	Reader io.ReadSeeker
	Expect string // of lines without expect=
}

// Each reads the file from its beginning.
func (f *File) Each() iter.Seq2[Question, error] {
	return func(yield func(Question, error) bool) {
		if _, err := f.Reader.Seek(0, io.SeekStart); err != nil {
			yield(Question{}, fmt.Errorf("%s: %w", f.Name, err))
			return
		}
		n := 0
		for line, err := range lines(f.Reader) {
			if err != nil {
				yield(Question{}, f.At(line.n, err))
				return
			}
			q, ok, err := ParseLine(line.text)
			if err != nil {
				yield(Question{}, f.At(line.n, err))
				return
			}
			if !ok {
				continue
			}
			n++
			q.N, q.Line = n, line.n
			if q.Expect == "" {
				q.Expect = f.Expect
			}
			if !yield(q, nil) {
				return
			}
		}
	}
}

// At names the place of an error.
func (f *File) At(line int, err error) error { return atLine(f.Name, line, err) }

func atLine(name string, line int, err error) error {
	place := fmt.Sprintf("%s:%d: ", name, line)
	var ue *usage.Error
	if errors.As(err, &ue) {
		return &usage.Error{Msg: place + err.Error(), Hint: failure.HintOf(err), Mark: ue.Mark, Err: err}
	}
	return fmt.Errorf("%s%w", place, err)
}

// numbered is a line with its number.
type numbered struct {
	text string
	n    int
	cut  bool // the last one, without its end
}

// errLong is a line longer than maxLine.
var errLong = usage.Errorf("one question a line", "a line of more than %d bytes", maxLine)

// lines reads lines. With an error it yields the number of the line that could not be read.
func lines(r io.Reader) iter.Seq2[numbered, error] {
	return func(yield func(numbered, error) bool) {
		br := bufio.NewReaderSize(r, 64<<10)
		for n := 1; ; n++ {
			var text []byte
			for {
				part, err := br.ReadSlice('\n')
				text = append(text, part...)
				if len(text) > maxLine {
					yield(numbered{n: n}, errLong)
					return
				}
				if err == bufio.ErrBufferFull {
					continue
				}
				if err != nil && err != io.EOF {
					yield(numbered{n: n}, err)
					return
				}
				if err == io.EOF {
					if len(text) > 0 {
						yield(numbered{string(text), n, true}, nil)
					}
					return
				}
				break
			}
			if !yield(numbered{string(text), n, false}, nil) {
				return
			}
		}
	}
}
