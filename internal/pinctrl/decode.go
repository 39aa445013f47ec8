// Package pinctrl models what ovn-controller does with a packet that an OVN flow punts to it: it
// decodes the controller action as ofproto/trace prints it, and composes the packet, if any, that
// controller/pinctrl.c sends back. It does no I/O.
package pinctrl

import (
	"encoding/binary"
	"strconv"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ofreplay"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/syntax"
)

// Punt is one controller action with OVN's userdata decoded.
type Punt struct {
	ofreplay.Controller
	Opcode    Opcode
	HasOpcode bool              // false: no userdata, or less than OVN's header
	Args      []byte            // the bytes after OVN's 8-byte action header
	Nested    []ofreplay.Action // OpenFlow actions in Args, for opcodes that have them
}

// nestedPunt decodes a controller action that is nested in another one. It does not decode actions
// nested in its userdata: OVN does not nest that deep.
func nestedPunt(c ofreplay.Controller) Punt {
	p := Punt{Controller: c}
	p.head()
	return p
}

// Name returns the action's name in logical flows.
func (p Punt) Name() string {
	if !p.HasOpcode {
		return "controller"
	}
	return p.Opcode.String()
}

// Decode reads a controller action as Open vSwitch prints it.
func Decode(text string) (Punt, error) {
	p := Punt{Controller: ofreplay.Controller{MaxLen: 0xffff}}
	s := strings.TrimRight(text, " \t\r\n")
	c := &textCursor{in: s}
	for c.off < len(s) && (s[c.off] == ' ' || s[c.off] == '\t') {
		c.off++
	}
	if c.eat("CONTROLLER:") {
		n, err := c.number(16)
		if err != nil {
			return Punt{}, err
		}
		p.MaxLen = uint16(n)
		if c.off != len(s) {
			return Punt{}, c.fail("trailing text")
		}
		return p, nil
	}
	if !c.eat("controller(") {
		return Punt{}, c.fail("not a controller action")
	}
	for !c.eat(")") {
		if err := p.item(c); err != nil {
			return Punt{}, err
		}
		if !c.eat(",") && !c.at(")") {
			return Punt{}, c.fail("expected , or )")
		}
	}
	if c.off != len(s) {
		return Punt{}, c.fail("trailing text")
	}
	return p, nil
}

// item reads one KEY or KEY=VALUE of format_CONTROLLER.
func (p *Punt) item(c *textCursor) error {
	at := c.off
	key := c.word("=,)")
	if key == "pause" {
		p.Pause = true
		return nil
	}
	if !c.eat("=") {
		c.off = at
		return c.fail("unknown item " + strconv.Quote(key))
	}
	switch key {
	case "reason":
		p.Reason = c.word(",)")
		if p.Reason == "action" {
			p.Reason = ""
		}
		return nil
	case "userdata":
		return p.userdata(c)
	case "max_len", "id", "meter_id":
		bits := 16
		if key == "meter_id" {
			bits = 32
		}
		n, err := c.number(bits)
		switch key {
		case "max_len":
			p.MaxLen = uint16(n)
		case "id":
			p.ID = uint16(n)
		default:
			p.MeterID = uint32(n)
		}
		return err
	}
	c.off = at
	return c.fail("unknown item " + strconv.Quote(key))
}

// userdata reads bytes as XX.XX.XX and splits them as OVN's action_header does.
func (p *Punt) userdata(c *textCursor) error {
	start := c.off
	for {
		if c.off+2 > len(c.in) {
			return c.fail("expected two hex digits")
		}
		b, err := strconv.ParseUint(c.in[c.off:c.off+2], 16, 8)
		if err != nil {
			return c.fail("expected two hex digits")
		}
		p.UserData = append(p.UserData, byte(b))
		c.off += 2
		if !c.eat(".") {
			break
		}
	}
	return p.split(c.in, start)
}

// split sets Opcode, Args and Nested from UserData, which begins at text[start:].
func (p *Punt) split(text string, start int) error {
	p.head()
	if !p.HasOpcode || p.Opcode.args() != argsNested {
		return nil
	}
	acts, err := ofreplay.DecodeActions(p.Args)
	if err == nil {
		p.Nested = acts
		return nil
	}
	if be, ok := err.(*ofreplay.BytesError); ok {
		return fault(text, start+3*(headerLen+be.Off), be.Msg)
	}
	return err
}

// headerLen is the size of OVN's struct action_header.
const headerLen = 8

// head reads OVN's action header at the start of the userdata. Without one, process_packet_in logs
// "packet-in userdata lacks action header" and drops the packet.
func (p *Punt) head() {
	if len(p.UserData) < headerLen {
		return
	}
	p.HasOpcode = true
	p.Opcode = Opcode(binary.BigEndian.Uint32(p.UserData))
	p.Args = p.UserData[headerLen:]
}

// textCursor reads a text from start to end.
type textCursor struct {
	in  string
	off int
}

func (c *textCursor) at(s string) bool { return strings.HasPrefix(c.in[c.off:], s) }

func (c *textCursor) eat(s string) bool {
	if !c.at(s) {
		return false
	}
	c.off += len(s)
	return true
}

// word returns the text up to the first byte that is in stop.
func (c *textCursor) word(stop string) string {
	rest := c.in[c.off:]
	n := strings.IndexAny(rest, stop)
	if n < 0 {
		n = len(rest)
	}
	c.off += n
	return rest[:n]
}

func (c *textCursor) number(bits int) (uint64, error) {
	at := c.off
	w := c.word(",)")
	n, err := strconv.ParseUint(w, 10, bits)
	if err != nil {
		c.off = at
		return 0, c.fail("bad number " + strconv.Quote(w))
	}
	return n, nil
}

func (c *textCursor) fail(msg string) error { return fault(c.in, c.off, msg) }

// fault returns the error of a controller action whose text or bytes cannot be read.
func fault(in string, off int, msg string) error {
	return &syntax.Error{What: "controller action", In: in, Off: off, Msg: msg}
}
