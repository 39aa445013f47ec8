package rebuild

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// TornDatabase returns why a database's file does not hold all of its records; empty if it does.
// last is the time in the last record of a standalone database; zero if there is none. A record has
// a head with its length and hash, "OVSDB JSON LENGTH SHA1" (ovsdb/log.c). A server takes the
// records before the first bad one, and drops the others.
func TornDatabase(p *Part) (why string, last time.Time) {
	in, err := p.Open()
	if err != nil {
		return err.Error(), last
	}
	defer in.Close()
	br := bufio.NewReaderSize(in, 64<<10)
	for n := 0; ; n++ {
		head, err := readHead(br)
		if err == io.EOF && head == "" {
			if n == 0 {
				return p.Name + " is empty", last
			}
			return "", last
		}
		f := strings.Fields(head)
		if err != nil || len(f) != 4 || f[0] != "OVSDB" {
			if n == 0 {
				return p.Name + " does not begin as a database's file does", last
			}
			return fmt.Sprintf("%s ends in the middle of a record: what came after record %d is not known", p.Name, n), last
		}
		size, err := strconv.ParseInt(f[2], 10, 64)
		if err != nil || size < 0 {
			return fmt.Sprintf("%s: record %d has no length", p.Name, n+1), last
		}
		hash, dates := sha1.New(), dateFinder{}
		to := []io.Writer{hash, &dates}
		var schema bytes.Buffer
		small := size <= maxSchema
		if n == 0 && small {
			to = append(to, &schema)
		}
		if got, err := io.CopyN(io.MultiWriter(to...), br, size); err != nil || got != size {
			return fmt.Sprintf("%s ends in the middle of a record: what came after record %d is not known", p.Name, n), last
		}
		if hex.EncodeToString(hash.Sum(nil)) != f[3] {
			return fmt.Sprintf("%s was changed in record %d, whose hash is another: what came after record %d is not known", p.Name, n+1, n), last
		}
		// The header of a cluster's member holds all rows of a snapshot.
		if n == 0 && (small || f[1] != "CLUSTER") && !begins(f[1], schema.Bytes()) {
			return p.Name + " has no schema: its beginning is missing", last
		}
		if at := dates.last(); !at.IsZero() && f[1] == "JSON" {
			last = at
		}
	}
}

// maxSchema is the largest record in bytes that is taken for a schema; that of the Southbound
// database has 30 kB.
const maxSchema = 4 << 20

// begins reports whether a record is the first one of a database's file: its schema, or the header
// of a cluster's member (ovsdb/raft-private.c: raft_header_from_json). A file whose beginning is
// missing up to a record's end has only good records.
func begins(kind string, record []byte) bool {
	var first struct {
		Tables   map[string]json.RawMessage `json:"tables"`
		ServerID string                     `json:"server_id"`
	}
	if err := json.Unmarshal(record, &first); err != nil {
		return false
	}
	return len(first.Tables) > 0 || kind == "CLUSTER" && first.ServerID != ""
}

// maxHead is the longest line that is a record's head, in bytes.
const maxHead = 200

// readHead reads a line of at most maxHead bytes; what is longer is no head.
func readHead(br *bufio.Reader) (string, error) {
	var line []byte
	for len(line) < maxHead {
		b, err := br.ReadByte()
		if err != nil {
			return string(line), err
		}
		if line = append(line, b); b == '\n' {
			break
		}
	}
	return string(line), nil
}

// dateFinder keeps what may be the date of the record that is written to it: it is among the first
// or the last members.
type dateFinder struct{ head, tail []byte }

// dateRoom is the length of the beginning and of the end that are kept, in bytes.
const dateRoom = 4 << 10

// Write never fails.
func (d *dateFinder) Write(b []byte) (int, error) {
	if room := dateRoom - len(d.head); room > 0 {
		d.head = append(d.head, b[:min(room, len(b))]...)
	}
	d.tail = append(d.tail, b[max(0, len(b)-dateRoom):]...)
	if len(d.tail) > 2*dateRoom {
		d.tail = bytes.Clone(d.tail[len(d.tail)-dateRoom:])
	}
	return len(b), nil
}

// dateMember is a record's time in milliseconds (ovsdb/file.c).
var dateMember = regexp.MustCompile(`"_date":(\d{12,14})\b`)

func (d *dateFinder) last() time.Time {
	for _, b := range [][]byte{d.tail, d.head} {
		if all := dateMember.FindAllSubmatch(b, -1); all != nil {
			ms, err := strconv.ParseInt(string(all[len(all)-1][1]), 10, 64)
			if err == nil {
				return time.UnixMilli(ms)
			}
		}
	}
	return time.Time{}
}
