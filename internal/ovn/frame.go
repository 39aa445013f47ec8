package ovn

import (
	"bufio"
	"errors"
	"fmt"
)

// maxFrame bounds what one answer may take in memory; a longer one is an
// error, never an exhausted node.
const maxFrame = 256 << 20

// errTooBig is the answer of a server that sends more than maxFrame.
var errTooBig = errors.New("answer too big")

// framer cuts a byte stream into JSON objects, which is all the framing that
// JSON-RPC over a stream has (RFC 7047 section 4).
type framer struct {
	r *bufio.Reader
}

// rowDepth is the nesting of a row in a transact reply:
// {"result":[{"rows":[{row}]}]}; resultDepth is that of an operation's result.
const (
	resultDepth = 3
	rowDepth    = 5
)

// sink takes a string of UUID length out of a row of the op-th operation's result.
type sink func(op int, s []byte)

// next returns the next object. When it begins, sinkNow is asked for a sink;
// with one, rows are left out of what is returned and their UUIDs handed to
// it, so that an answer of any number of rows takes no memory here.
func (f *framer) next(sinkNow func() sink) ([]byte, error) {
	var (
		take     sink
		op       = -1
		buf      []byte
		depth    int
		inString bool
		escaped  bool
		str      [uuidLen]byte
		strLen   int
	)
	for {
		c, err := f.r.ReadByte()
		if err != nil {
			return nil, err
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
		if inString {
			switch {
			case escaped:
				escaped = false
			case c == '\\':
				escaped = true
			case c == '"':
				inString = false
				if take != nil && depth > rowDepth && strLen == uuidLen {
					take(op, str[:])
				}
			}
			if inString {
				if strLen < uuidLen {
					str[strLen] = c
				}
				strLen++
			}
			if take == nil || depth < rowDepth {
				buf = append(buf, c)
			}
			continue
		}
		// What stands between rows is left out with them.
		keep := take == nil || depth < rowDepth-1
		switch c {
		case '"':
			inString, strLen = true, 0
			keep = take == nil || depth < rowDepth
		case '{', '[':
			depth++
			if c == '{' && depth == resultDepth {
				op++
			}
			keep = take == nil || depth < rowDepth
		case '}', ']':
			keep = take == nil || depth < rowDepth
			depth--
		}
		if keep {
			buf = append(buf, c)
		}
		if depth == 0 {
			return buf, nil
		}
		if len(buf) > maxFrame {
			return nil, errTooBig
		}
	}
}
