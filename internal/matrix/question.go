// Package matrix answers many questions about a deployment: a packet for each line of a list, or
// for each pair of its ports, in parallel over the chassis. What bounds it is a number of requests
// a node, and a share of its time; the answers are passed on as they come.
package matrix

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/question"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/usage"
)

// Question is one question of a list: a packet, and how it should end.
type Question struct {
	N    int // in the list, the first being 1
	Line int // of the file; 0 without one

	From, To    string // as question.Question has them
	At, Network string
	Expect      string
}

// asked returns the question as package question has it.
func (q Question) asked(asNew bool) question.Question {
	return question.Question{From: q.From, To: q.To, Chassis: q.At, Network: q.Network, Expect: q.Expect, AsNew: asNew}
}

// Session judges the question as a session that its packet begins. What it expects does not count.
func (q Question) Session() (*question.Judged, error) {
	q.Expect = ""
	return q.asked(false).Judge(true)
}

// hint is what a line should look like.
const hint = "FROM TO[:PORT][/PROTO] [expect=VERDICT], or a line of JSON with from and to"

// ParseLine reads one line of a file. ok is false for a line without a question: an empty one, a
// comment, the last line of an answer. Errors are *usage.Errors, without the place of the line.
//
// A line of text is FROM TO, then KEY=VALUE with the keys expect, at and network. A word with
// blanks or with a # is in double quotes. A line of JSON has the fields of a report.MatrixAnswer,
// of which only the question's own count.
func ParseLine(line string) (q Question, ok bool, err error) {
	line = strings.TrimSpace(line)
	if strings.HasPrefix(line, "{") {
		return parseJSON(line)
	}
	words, err := split(line)
	if err != nil || len(words) == 0 {
		return Question{}, false, err
	}
	for i, w := range words {
		if i >= 2 {
			if err := q.set(line, w); err != nil {
				return Question{}, false, err
			}
			continue
		}
		if w.text == "" {
			return Question{}, false, bad(line, w.off, "an empty name")
		}
		if i == 0 {
			q.From = w.text
		} else {
			q.To = w.text
		}
	}
	if q.To == "" {
		return Question{}, false, bad(line, len(line), "no destination after %q", q.From)
	}
	return q, true, nil
}

// set reads KEY=VALUE.
func (q *Question) set(line string, w word) error {
	key, value, ok := strings.Cut(w.text, "=")
	field := map[string]*string{"expect": &q.Expect, "at": &q.At, "network": &q.Network}[key]
	switch {
	case !ok || field == nil:
		return bad(line, w.off, "%q is not expect=VERDICT, at=CHASSIS or network=NAME", w.text)
	case value == "":
		return bad(line, w.off, "%s has no value", key)
	case *field != "":
		return bad(line, w.off, "%s stands twice", key)
	}
	*field = value
	if key == "expect" {
		if err := question.CheckExpect(value); err != nil {
			return bad(line, w.off, "%v", err)
		}
	}
	return nil
}

func parseJSON(line string) (Question, bool, error) {
	var a printedLine
	d := json.NewDecoder(strings.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&a); err != nil {
		off := int(d.InputOffset())
		if typ := (*json.UnmarshalTypeError)(nil); errors.As(err, &typ) {
			field := typ.Field[strings.LastIndexByte(typ.Field, '.')+1:]
			return Question{}, false, bad(line, max(0, min(int(typ.Offset), len(line))-1), "%q is a %s, and should be a %v", field, typ.Value, typ.Type)
		}
		return Question{}, false, bad(line, min(off, len(line)), "%v", err)
	}
	if rest, _ := io.ReadAll(io.MultiReader(d.Buffered(), bytes.NewReader(nil))); len(bytes.TrimSpace(rest)) > 0 {
		return Question{}, false, bad(line, len(line)-len(rest), "more than one JSON value on the line")
	}
	if a.Summary != nil {
		return Question{}, false, nil
	}
	if a.From == "" || a.To == "" {
		return Question{}, false, bad(line, 0, "no from, or no to")
	}
	if err := question.CheckExpect(a.Expect); err != nil {
		return Question{}, false, bad(line, 0, "%v", err)
	}
	return Question{From: a.From, To: a.To, At: a.At, Network: a.Network, Expect: a.Expect}, true, nil
}

// bad is an error at a byte offset of a line.
func bad(line string, off int, format string, args ...any) error {
	e := usage.Errorf(hint, format, args...).(*usage.Error)
	e.Mark = usage.Mark(line, off)
	return e
}

// word is a word of a line.
type word struct {
	text string
	off  int
}

// split cuts a line at blanks. Double quotes hold a word together and are removed; a # that begins
// a word begins a comment.
func split(line string) ([]word, error) {
	var out []word
	for i := 0; i < len(line); {
		switch c := line[i]; {
		case c == ' ' || c == '\t':
			i++
			continue
		case c == '#':
			return out, nil
		}
		w := word{off: i}
		var b strings.Builder
		quoted := false
		for ; i < len(line) && (quoted || line[i] != ' ' && line[i] != '\t'); i++ {
			if line[i] == '"' {
				quoted = !quoted
				continue
			}
			b.WriteByte(line[i])
		}
		if quoted {
			return nil, bad(line, w.off, "a quoted word without its end")
		}
		w.text = b.String()
		out = append(out, w)
	}
	return out, nil
}

// String returns the question as a line of text, which ParseLine reads. A name with a double quote,
// or a line break, has no such form.
func (q Question) String() string {
	out := quote(q.From) + " " + quote(q.To)
	for _, f := range []struct{ key, value string }{{"expect", q.Expect}, {"at", q.At}, {"network", q.Network}} {
		if f.value != "" {
			out += " " + f.key + "=" + quote(f.value)
		}
	}
	return out
}

// quote returns a word as a line has it.
func quote(s string) string {
	if strings.ContainsAny(s, " \t") || strings.HasPrefix(s, "#") || strings.HasPrefix(s, "{") {
		return `"` + s + `"`
	}
	return s
}
