package render

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// color is an ANSI select-graphic-rendition parameter; empty is the terminal's default.
type color string

const (
	none   color = ""
	bold   color = "1"
	dim    color = "2"
	red    color = "31"
	green  color = "32"
	yellow color = "33"
	cyan   color = "36"
)

// span is a piece of a line in one colour.
type span struct {
	text  string
	color color
}

func plain(s string) span { return span{text: s} }

// printer collects lines; each gets a prefix, the lines of the tree around it.
type printer struct {
	buf     bytes.Buffer
	opts    Options
	prefix  string // before every line
	pending string // replaces prefix before the next line: a branch's connector
}

func newPrinter(opts Options) *printer { return &printer{opts: opts} }

func (p *printer) flush(w io.Writer) error {
	_, err := w.Write(p.buf.Bytes())
	return err
}

func (p *printer) blank() { p.buf.WriteByte('\n') }

// under runs f and puts a connector before each line that f prints: first before the first line,
// rest before the others.
func (p *printer) under(indent int, first, rest string, f func()) {
	prefix, pending := p.prefix, p.pending
	pad := strings.Repeat(" ", indent)
	if pending == "" {
		pending = prefix
	}
	p.pending = pending + pad + first
	p.prefix = prefix + pad + rest
	f()
	p.prefix, p.pending = prefix, ""
}

// hang is the additional indentation of the continuation of a wrapped line.
const hang = 4

// minText is the minimum width of a line's text, however deep the tree is.
const minText = 24

// line prints spans, indented and wrapped.
func (p *printer) line(indent int, spans ...span) {
	first := p.prefix
	if p.pending != "" {
		first, p.pending = p.pending, ""
	}
	pad := strings.Repeat(" ", indent)
	p.buf.WriteString(first + pad)
	room := p.opts.Width - utf8.RuneCountInString(first) - indent
	words := split(spans, max(minText, room-hang), p.opts.Width > 0)
	used := 0
	open := none
	for i, w := range words {
		if p.opts.Width > 0 && i > 0 && w.canBreak && used+chunk(words[i:]) > max(minText, room) {
			p.style(&open, none)
			p.buf.WriteByte('\n')
			p.buf.WriteString(p.prefix + pad + strings.Repeat(" ", hang))
			room = p.opts.Width - utf8.RuneCountInString(p.prefix) - indent - hang
			used = 0
			w.space = 0
		}
		if w.space > 0 {
			p.buf.WriteString(strings.Repeat(" ", w.space))
		}
		p.style(&open, w.color)
		p.buf.WriteString(w.text)
		used += w.width()
	}
	p.style(&open, none)
	p.buf.WriteByte('\n')
}

// style changes the colour from *open to c.
func (p *printer) style(open *color, c color) {
	if !p.opts.Color || *open == c {
		return
	}
	if *open != none {
		p.buf.WriteString("\x1b[0m")
	}
	if c != none {
		p.buf.WriteString("\x1b[" + string(c) + "m")
	}
	*open = c
}

// word is a text that wrapping does not break, with the spaces before it.
type word struct {
	text     string
	space    int
	color    color
	canBreak bool // a line may end before it
}

// chunk returns the width of the first word and the words that stay on its line.
func chunk(words []word) int {
	n := words[0].width()
	for _, w := range words[1:] {
		if w.canBreak {
			break
		}
		n += w.width()
	}
	return n
}

func (w word) width() int { return w.space + utf8.RuneCountInString(w.text) }

// split cuts spans into words at spaces. A word longer than long may also be broken after a comma:
// OpenFlow matches have no spaces.
func split(spans []span, long int, commas bool) []word {
	var words []word
	space := 0
	for _, s := range spans {
		for i, part := range strings.Split(printable(s.text), " ") {
			if i > 0 {
				space++
			}
			if part == "" {
				continue
			}
			pieces := []string{part}
			if commas && utf8.RuneCountInString(part) > long {
				pieces = strings.SplitAfter(part, ",")
			}
			for j, piece := range pieces {
				if piece == "" {
					continue
				}
				canBreak := j > 0 || space > 0 && piece != ">" && !(len(words) > 0 && sticks(words[len(words)-1].text))
				words = append(words, word{text: piece, space: space, color: s.color, canBreak: canBreak})
				space = 0
			}
		}
	}
	return words
}

// sticks reports whether the word after this one stays on its line, as in "A > B" and after "=>".
func sticks(text string) bool { return text == ">" || text == "=>" }

// printable escapes control characters, which a terminal would execute: names come from databases
// that tenants can write to.
func printable(s string) string {
	if !strings.ContainsFunc(s, unprintable) && utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == '\n' || r == '\t':
			b.WriteByte(' ')
		case r == utf8.RuneError && n == 1, r < 0x80 && unprintable(r):
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case unprintable(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteString(s[:n])
		}
		s = s[n:]
	}
	return b.String()
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) }

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func orNone(s string) string {
	if s == "" {
		return "?"
	}
	return s
}

// number returns a number with what it counts.
func number(n int, one, many string) string {
	if n == 1 {
		many = one
	}
	return fmt.Sprintf("%d %s", n, many)
}
