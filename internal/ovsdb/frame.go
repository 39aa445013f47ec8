package ovsdb

import (
	"bufio"
	"errors"
	"fmt"
)

// bounds are lengths in bytes. What is longer is an error, so that a server cannot exhaust the
// memory here.
type bounds struct {
	frame  int // of a reply, without the rows that go to a sink, and of one row
	answer int // of all that comes between a request and its reply, with the rows
}

// defaultBounds allow four times the largest database that is known: a million logical flows.
var defaultBounds = bounds{frame: 256 << 20, answer: 4 << 30}

// errTooBig is the error of what exceeds the bounds.
var errTooBig = errors.New("answer too big")

// errNoRows is the error of a reply with rows outside of an operation's result.
var errNoRows = errors.New("rows outside of a result")

// framer splits a byte stream into JSON objects, the only framing of JSON-RPC over a stream (RFC
// 7047 section 4).
type framer struct {
	r      *bufio.Reader
	bounds bounds // the zero value is defaultBounds
	read   int    // bytes of the last object
}

// rowDepth is the nesting of a row in a transact reply:
// {"result":[{"rows":[{row}]}]}; resultDepth is that of an operation's result.
const (
	resultDepth = 3
	rowDepth    = 5
)

// sink receives a row of the result of operation number op, as JSON. The text is valid until it
// returns.
type sink func(op int, row []byte)

// next returns the next object. At the start of the object it calls sinkNow. If that returns a
// sink, next passes the rows to it one by one and leaves them out of the returned object, so that a
// reply of any number of rows needs the memory of one.
func (f *framer) next(sinkNow func() sink) ([]byte, error) {
	if f.bounds == (bounds{}) {
		f.bounds = defaultBounds
	}
	f.read = 0
	var (
		take     sink
		op       = -1
		buf, row []byte
		depth    int
		inString bool
		escaped  bool
	)
	for {
		c, err := f.r.ReadByte()
		if err != nil {
			return nil, err
		}
		if f.read++; f.read > f.bounds.answer {
			return nil, errTooBig
		}
		if depth == 0 {
			switch c {
			case ' ', '\t', '\r', '\n':
				continue
			case '{':
				take = sinkNow()
			default:
				return nil, fmt.Errorf("not an OVSDB server: unexpected byte %q where a message begins", c)
			}
		}
		ended := false // a row
		switch {
		case escaped:
			escaped = false
		case inString:
			escaped, inString = c == '\\', c != '"'
		case c == '"':
			inString = true
		case c == '{' || c == '[':
			depth++
			if c == '{' && depth == resultDepth {
				op++
			}
		case c == '}' || c == ']':
			ended = depth == rowDepth
			depth--
		}
		switch {
		case take == nil || depth < rowDepth-1:
			buf = append(buf, c)
		case depth >= rowDepth:
			row = append(row, c)
		case ended && op < 0:
			return nil, errNoRows
		case ended:
			take(op, append(row, c))
			row = row[:0]
		case c == '[' || c == '{':
			buf = append(buf, c) // outside the rows; the text between them is left out with them
		}
		if depth == 0 {
			return buf, nil
		}
		if max(len(buf), len(row)) > f.bounds.frame {
			return nil, errTooBig
		}
	}
}
