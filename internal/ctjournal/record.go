package ctjournal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/nodens"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/syntax"
)

// A journal is a file of lines: the CRC-32 of the rest in eight hexadecimal digits, a blank, one
// JSON object, a newline. The first line is the run's header. A last line without a newline or with
// a wrong CRC was being written when the machine or the run died; the action that it announces had
// not begun.

// NSRef names a network namespace in a journal: its identity, and the path at which it was found.
type NSRef struct {
	nodens.ID
	PID  int    `json:"pid,omitempty"`
	Path string `json:"path,omitempty"`
}

// header is the first record of a run.
type header struct {
	Version int       `json:"v"`
	Run     string    `json:"run"`
	Boot    string    `json:"boot"`
	PID     int       `json:"pid"`
	Start   time.Time `json:"start"`
	NS      NSRef     `json:"ns"`
}

// intent is an entry to be created.
type intent struct {
	At      time.Time      `json:"at"`
	Zone    uint16         `json:"zone"`
	Orig    ctstate.Tuple  `json:"orig"`
	Status  ctstate.Status `json:"status"`
	Timeout uint32         `json:"timeout"` // seconds
	Mark    uint32         `json:"mark"`
	TCP     uint8          `json:"tcp,omitempty"` // state
	Tag     uint64         `json:"tag"`
}

// created is the entry as the kernel created it.
type created struct {
	ID     uint32        `json:"id"`
	Reply  ctstate.Tuple `json:"reply"`
	Tagged bool          `json:"tagged"` // whether the kernel shows tags
}

// renewed is the time at which the entry's timeout was set last.
type renewed struct {
	At      time.Time `json:"at"`
	Timeout uint32    `json:"timeout"`
}

// record is one line; exactly one of the pointers, Gone or Keep is set.
type record struct {
	N       int      `json:"n,omitempty"` // number of the entry, from 1
	Header  *header  `json:"run,omitempty"`
	Intent  *intent  `json:"intent,omitempty"`
	Created *created `json:"created,omitempty"`
	Renewed *renewed `json:"renewed,omitempty"`
	Gone    string   `json:"gone,omitempty"` // why the entry is no longer in the table
	Keep    bool     `json:"keep,omitempty"` // the run ended and left its entries on purpose
}

func (r record) line() ([]byte, error) {
	b, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "%08x %s\n", crc32.ChecksumIEEE(b), b), nil
}

// entry is what a journal says of one entry.
type entry struct {
	n       int
	intent  intent
	created *created
	renewed *renewed
	gone    string
}

// deadline returns the time at which the entry has expired if no packet refreshed it, plus one
// second, because the kernel rounds.
func (e *entry) deadline() time.Time {
	at, timeout := e.intent.At, e.intent.Timeout
	if e.renewed != nil {
		at, timeout = e.renewed.At, e.renewed.Timeout
	}
	return at.Add(time.Duration(timeout+1) * time.Second)
}

// journal is the content of a file.
type journal struct {
	header  *header
	entries []*entry
	keep    bool
	whole   int // bytes up to the end of the last valid line
	damaged error
}

func (j *journal) left() (out []*entry) {
	for _, e := range j.entries {
		if e.gone == "" {
			out = append(out, e)
		}
	}
	return out
}

var errTorn = errors.New("torn line")

func parseLine(b []byte) (record, error) {
	if len(b) < 9 || b[8] != ' ' {
		return record{}, errTorn
	}
	sum, err := strconv.ParseUint(string(b[:8]), 16, 32)
	if err != nil || uint32(sum) != crc32.ChecksumIEEE(b[9:]) {
		return record{}, errTorn
	}
	var r record
	if err := json.Unmarshal(b[9:], &r); err != nil {
		return record{}, err
	}
	return r, nil
}

// parse parses a journal. It ignores an incomplete last line. It reports earlier damage in damaged
// and reads on, so that Clean knows as many entries as possible.
func parse(path string, b []byte) *journal {
	j := &journal{}
	byN := map[int]*entry{}
	for off := 0; off < len(b); {
		nl := bytes.IndexByte(b[off:], '\n')
		if nl < 0 {
			break
		}
		r, err := parseLine(b[off : off+nl])
		next := off + nl + 1
		if err != nil {
			if next < len(b) {
				j.damaged = &syntax.Error{What: path, Off: off, Msg: err.Error()}
			}
			off = next
			continue
		}
		j.add(r, byN, path, off)
		off = next
		j.whole = next
	}
	return j
}

func (j *journal) add(r record, byN map[int]*entry, path string, off int) {
	bad := func(msg string) { j.damaged = &syntax.Error{What: path, Off: off, Msg: msg} }
	e := byN[r.N]
	switch {
	case r.Header != nil:
		if j.header == nil {
			j.header = r.Header
		}
	case r.Keep:
		j.keep = true
	case r.Intent != nil:
		if e != nil {
			bad(fmt.Sprintf("entry %d begins twice", r.N))
			return
		}
		e = &entry{n: r.N, intent: *r.Intent}
		byN[r.N] = e
		j.entries = append(j.entries, e)
	case e == nil:
		bad(fmt.Sprintf("entry %d has no intent", r.N))
	case r.Created != nil:
		e.created = r.Created
	case r.Renewed != nil:
		e.renewed = r.Renewed
	case r.Gone != "":
		e.gone = r.Gone
	}
}
