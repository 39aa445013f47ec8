package ctnetlink

import (
	"encoding/binary"
	"fmt"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/syntax"
)

// encoder appends one netlink message. It cannot fail: the size of its contents is bounded.
type encoder struct{ b []byte }

// begin starts a message whose body begins with an nfgenmsg.
func (e *encoder) begin(typ, flags uint16, seq uint32, family uint8) {
	e.header(typ, flags, seq)
	e.b = append(e.b, family, 0, 0, 0)
}

// header starts a message; finish fills in its length.
func (e *encoder) header(typ, flags uint16, seq uint32) {
	e.b = binary.NativeEndian.AppendUint32(e.b[:0], 0)
	e.b = binary.NativeEndian.AppendUint16(e.b, typ)
	e.b = binary.NativeEndian.AppendUint16(e.b, flags)
	e.b = binary.NativeEndian.AppendUint32(e.b, seq)
	e.b = binary.NativeEndian.AppendUint32(e.b, 0)
}

// finish writes the message's length.
func (e *encoder) finish() []byte {
	binary.NativeEndian.PutUint32(e.b, uint32(len(e.b)))
	return e.b
}

// nest opens a nested attribute; end closes it.
func (e *encoder) nest(typ uint16) int {
	at := len(e.b)
	e.b = binary.NativeEndian.AppendUint16(e.b, 0)
	e.b = binary.NativeEndian.AppendUint16(e.b, typ|nlaNested)
	return at
}

func (e *encoder) end(at int) {
	binary.NativeEndian.PutUint16(e.b[at:], uint16(len(e.b)-at))
}

func (e *encoder) attr(typ uint16, n int) {
	e.b = binary.NativeEndian.AppendUint16(e.b, uint16(4+n))
	e.b = binary.NativeEndian.AppendUint16(e.b, typ)
}

func (e *encoder) pad() {
	for len(e.b)%4 != 0 {
		e.b = append(e.b, 0)
	}
}

func (e *encoder) u8(typ uint16, v uint8) { e.attr(typ, 1); e.b = append(e.b, v); e.pad() }

func (e *encoder) be16(typ, v uint16) {
	e.attr(typ, 2)
	e.b = binary.BigEndian.AppendUint16(e.b, v)
	e.pad()
}

func (e *encoder) be32(typ uint16, v uint32) {
	e.attr(typ, 4)
	e.b = binary.BigEndian.AppendUint32(e.b, v)
}

func (e *encoder) host32(typ uint16, v uint32) {
	e.attr(typ, 4)
	e.b = binary.NativeEndian.AppendUint32(e.b, v)
}

func (e *encoder) bytes(typ uint16, v []byte) {
	e.attr(typ, len(v))
	e.b = append(e.b, v...)
	e.pad()
}

// decoder walks the attributes of one nesting level. A malformed attribute sets err and ends the
// walk; the caller skips unknown ones.
type decoder struct {
	b   []byte
	off int // offset of b in the message, for errors
	typ uint16
	val []byte
	err error
}

// fault is the error of a message from the kernel that does not read as what it should be; off is
// the byte offset in it.
func fault(what string, off int, msg string) error {
	return &syntax.Error{What: "netlink " + what, Off: off, Msg: msg}
}

func walk(b []byte) decoder { return decoder{b: b} }

func (d *decoder) next() bool {
	if len(d.b) == 0 || d.err != nil {
		return false
	}
	if len(d.b) < 4 {
		d.fail("trailing bytes")
		return false
	}
	n := int(binary.NativeEndian.Uint16(d.b))
	if n < 4 || n > len(d.b) {
		d.fail("attribute longer than its message")
		return false
	}
	d.typ = binary.NativeEndian.Uint16(d.b[2:]) & nlaTypeMask
	d.val = d.b[4:n]
	step := min((n+3)&^3, len(d.b))
	d.b = d.b[step:]
	d.off += step
	return true
}

func (d *decoder) fail(msg string) {
	if d.err == nil {
		d.err = fault("attributes", d.off, msg)
	}
}

// want reports whether the value has n bytes; if not, it sets err.
func (d *decoder) want(n int) bool {
	if len(d.val) < n {
		d.fail(fmt.Sprintf("attribute %d has %d bytes, not %d", d.typ, len(d.val), n))
		return false
	}
	return true
}

func (d *decoder) u8() uint8 {
	if !d.want(1) {
		return 0
	}
	return d.val[0]
}

func (d *decoder) be16() uint16 {
	if !d.want(2) {
		return 0
	}
	return binary.BigEndian.Uint16(d.val)
}

func (d *decoder) be32() uint32 {
	if !d.want(4) {
		return 0
	}
	return binary.BigEndian.Uint32(d.val)
}

func (d *decoder) be64() uint64 {
	if !d.want(8) {
		return 0
	}
	return binary.BigEndian.Uint64(d.val)
}

// str reads a string; its terminating NUL is optional.
func (d *decoder) str() string {
	v := d.val
	for i, c := range v {
		if c == 0 {
			v = v[:i]
			break
		}
	}
	return string(v)
}

// join sets err to the error of a nested walk, unless it is set already.
func (d *decoder) join(err error) {
	if err != nil && d.err == nil {
		d.err = err
	}
}
