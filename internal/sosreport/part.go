package sosreport

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/rebuild"
)

// shape is the form of a command's output.
type shape struct {
	header *regexp.Regexp // the first line, if each output has one
	line   matcher        // an item; others are not counted
	bare   bool           // each line is an item, except the header
	empty  bool           // an output without a line is one
	table  []byte         // what precedes the number of the table that an item is in; the items are in their order
}

// matcher tells lines apart.
type matcher interface{ Match(line []byte) bool }

// hiddenTable holds flows of Open vSwitch itself (TBL_INTERNAL).
const hiddenTable = 254

// end is where a dump of flows ends: its last table, and how many flows of it it has.
type end struct{ table, flows int }

// before reports whether a dump that ends here lacks something of one that ends at o.
func (e end) before(o end) bool { return e.table < o.table || e.table == o.table && e.flows < o.flows }

// add counts a line of a dump.
func (e *end) add(key, line []byte) {
	n := tableOf(line, key)
	switch {
	case n == hiddenTable:
	case n != e.table:
		*e = end{n, 1}
	default:
		e.flows++
	}
}

var (
	flowShape  = shape{header: regexp.MustCompile(`^(NXST_FLOW|OFPST_FLOW) reply`), line: regexp.MustCompile(` actions=`), table: []byte("table=")}
	groupShape = shape{header: regexp.MustCompile(`^(NXST_GROUP_DESC|OFPST_GROUP_DESC) reply`), line: regexp.MustCompile(`^\s*group_id=`)}
	meterShape = shape{header: regexp.MustCompile(`^OFPST_METER_CONFIG reply`), line: regexp.MustCompile(`^\s*meter=`)}
	tlvShape   = shape{header: regexp.MustCompile(`^NXT_TLV_TABLE_REPLY`), line: regexp.MustCompile(`^\s*0x`)}
	macShape   = shape{header: regexp.MustCompile(`^\s*[Pp]ort\s+VLAN\s+MAC`), line: regexp.MustCompile(`^\s*(\d+|LOCAL)\s`)}
	routeShape = shape{header: regexp.MustCompile(`^Route Table:`), line: regexp.MustCompile(`^(Cached|User):`)}
	neighShape = shape{header: regexp.MustCompile(`^IP\s+MAC\s+Bridge`), line: regexp.MustCompile(`^[0-9a-fA-F.:]+\s`)}
	listShape  = shape{line: regexp.MustCompile(`^ipv[46]\s`), empty: true}
	connShape  = shape{line: regexp.MustCompile(`^[a-z0-9]+,orig=\(`), bare: true, empty: true}
	rowShape   = shape{line: regexp.MustCompile(`^_uuid\s*:`), empty: true}
	entryShape = shape{line: regexp.MustCompile(`^\d+ \{`), bare: true, empty: true}
	limitShape = shape{line: regexp.MustCompile(`^zone=\d+,`), bare: true, empty: true}
	anyShape   = shape{}
	// allShape is that of bridge/dump-flows: it has no header, and shows Open vSwitch's own flows too.
	allShape = shape{line: ownFlow{}, table: []byte("table_id=")}
)

var (
	// remark is a line that a program has written to its log, on standard error.
	remark = regexp.MustCompile(`^\d{4}-\d\d-\d\dT[\d:.]+Z\|\d+\||^conntrack .* flow entries have been shown\.$`)
	// complaint is an error message of a program instead of its output.
	complaint = regexp.MustCompile(`^(ovs-[a-z]+|ovn-[a-z]+|conntrack( v[\d.]+ \(conntrack-tools\))?|bash|sh|/[\w/.-]+|ip|sysctl|timeout|exec):? `)
)

// part returns what a command has printed, checked against the shape that its output has.
func (r *reader) part(s shape, cmd string) *rebuild.Part {
	p, _ := r.partEnd(s, cmd)
	return p
}

// partEnd is part, and returns where a dump of flows ends.
func (r *reader) partEnd(s shape, cmd string) (*rebuild.Part, end) {
	c, ok := r.index.find(cmd)
	if !ok {
		return &rebuild.Part{Name: cmd, Missing: fmt.Sprintf("the archive has no output of %q", cmd)}, end{}
	}
	return r.partOf(s, c)
}

// partOf returns a command's output as a part.
func (r *reader) partOf(s shape, c command) (*rebuild.Part, end) {
	p := r.file(c.file)
	if p.Missing != "" {
		return p, end{}
	}
	p.Open = func() (io.ReadCloser, error) {
		f, err := r.tree.Open(c.file)
		if err != nil {
			return nil, err
		}
		return newSpoken(f), nil
	}
	switch {
	case strings.HasSuffix(r.tree.Link(c.file), ".tailed") || strings.HasSuffix(c.file, ".tailed") || c.truncated:
		p.Cut = "sos has kept only the end of " + c.file
	}
	if why := r.index.own.lacks(c.file, r.tree.Size(c.file)); why != "" && p.Cut == "" {
		p.Cut = c.file + ": " + why
	}
	last := r.check(p, s, c)
	if p.Missing == "" && !c.began.IsZero() {
		r.taken(c.began, c.ended)
	}
	return p, last
}

// moreFlag is in the header of a reply that is not the last one of its dump (OFPMPF_REPLY_MORE).
var moreFlag = []byte("flags=[more]")

// check sets Missing and Cut from what a part holds, and returns where it ends.
func (r *reader) check(p *rebuild.Part, s shape, c command) (last end) {
	in, err := p.Open()
	if err != nil {
		p.Missing = err.Error()
		return last
	}
	defer in.Close()
	br := bufio.NewReaderSize(in, 64<<10)
	first, whole, some, expects := true, true, false, false
	for {
		line, more, err := wholeLine(br)
		if err != nil && err != io.EOF {
			p.Missing = fmt.Sprintf("%s: %v", p.Name, err)
			return last
		}
		if len(line) > 0 {
			some = true
			if whole = more; !whole {
				break
			}
			if first && remark.Match(line) {
				continue
			}
			if first {
				first = false
				r.first(p, s, c, line)
				if p.Missing != "" {
					return last
				}
			}
			if s.header != nil && s.header.Match(line) {
				expects = bytes.Contains(line, moreFlag)
			}
			if s.line != nil && s.line.Match(line) {
				p.Count++
				if s.table != nil {
					last.add(s.table, line)
				}
			} else if s.bare && len(bytes.TrimSpace(line)) > 0 && p.Cut == "" {
				p.Cut = fmt.Sprintf("%s has a line that is not one of its items: %.60q", p.Name, line)
			}
		}
		if err == io.EOF {
			break
		}
	}
	switch {
	case !some && c.listed && c.status != 0:
		p.Missing = fmt.Sprintf("%s: the command has failed (status %d)", p.Name, c.status)
	case !some && !s.empty, first && s.header != nil:
		p.Missing = p.Name + " is empty"
	case !whole && p.Cut == "":
		p.Cut = p.Name + " ends in the middle of a line"
	case expects && p.Cut == "":
		p.Cut = p.Name + " ends before the last of the replies that it consists of"
	}
	return last
}

// first checks the first line of a part.
func (r *reader) first(p *rebuild.Part, s shape, c command, line []byte) {
	text := strings.TrimSpace(string(line[:min(len(line), 200)]))
	switch {
	case s.header != nil && s.header.Match(line):
	case s.line != nil && s.line.Match(line) && s.header == nil:
	case complaint.MatchString(text):
		p.Missing = fmt.Sprintf("%s has an error message instead: %s", p.Name, text)
	case c.listed && c.status != 0:
		p.Missing = fmt.Sprintf("%s: the command has failed (status %d): %s", p.Name, c.status, text)
	case s.header != nil && p.Cut == "":
		p.Cut = fmt.Sprintf("the beginning of %s is missing: its first line is %.60q", p.Name, text)
	}
}

// maxLine is the longest line that is looked at whole, in bytes.
const maxLine = 64 << 10

// wholeLine reads a line, of which it returns at most maxLine bytes, without the newline. more
// reports whether it had one.
func wholeLine(br *bufio.Reader) (line []byte, more bool, err error) {
	for {
		b, err := br.ReadSlice('\n')
		if room := maxLine - len(line); room > 0 {
			line = append(line, b[:min(len(b), room)]...)
		}
		if err == bufio.ErrBufferFull {
			continue
		}
		return bytes.TrimRight(line, "\r\n"), err == nil, err
	}
}

// file returns a file of the archive as a part.
func (r *reader) file(name string) *rebuild.Part {
	p := &rebuild.Part{Name: name}
	path, err := r.tree.Path(name)
	if err != nil {
		p.Missing = fmt.Sprintf("%s: %v", name, err)
		return p
	}
	p.Path = path
	p.Open = func() (io.ReadCloser, error) { return r.tree.Open(name) }
	return p
}
