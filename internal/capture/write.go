package capture

import (
	"encoding/binary"
	"io"
	"time"
)

// Writer writes frames of one Ethernet interface as pcapng (draft-ietf-opsawg-pcapng): little
// endian, times in nanoseconds, no bound on a frame's length.
//
// gopacket's pcapgo writes it too, but brings along tables of five megabytes with pointers, which the
// collector goes through in every run of the command.
type Writer struct{ w io.Writer }

// Place describes what is captured from. Each field may be empty.
type Place struct {
	Application, Device, Description, Filter string
}

// Kept is a captured frame.
type Kept struct {
	Time    time.Time
	Data    []byte
	Wire    int  // bytes of the frame on the wire; at least len(Data)
	Inbound bool // the interface received it; else it sent it
	Comment string
}

// Codes of options that only Writer uses.
const (
	optApplication = 4  // of a section
	optResolution  = 9  // of an interface: times are in units of 10 to the power of minus this
	optFilter      = 11 // of an interface
	optFlags       = 2  // of a packet
)

// NewWriter writes the head of a file.
func NewWriter(w io.Writer, at Place) (*Writer, error) {
	const magic, version, linkEthernet = 0x1a2b3c4d, 1, 1
	le := binary.LittleEndian
	b := le.AppendUint32(nil, magic)
	b = le.AppendUint32(b, version)
	b = le.AppendUint64(b, ^uint64(0)) // the section's length is not known
	out := appendBlock(nil, blockSection, appendOptions(b, option{optApplication, at.Application}))

	b = le.AppendUint32(nil, linkEthernet)
	b = le.AppendUint32(b, 0) // no limit of a frame's length
	filter := at.Filter
	if filter != "" {
		filter = "\x00" + filter // as text
	}
	out = appendBlock(out, blockInterface, appendOptions(b, option{optName, at.Device}, option{optDescription, at.Description},
		option{optResolution, "\x09"}, option{optFilter, filter}))
	_, err := w.Write(out)
	return &Writer{w}, err
}

// Add writes a frame, in one call of Write.
func (w *Writer) Add(f Kept) error {
	le := binary.LittleEndian
	at := uint64(f.Time.UnixNano())
	b := le.AppendUint32(nil, 0) // the interface
	b = le.AppendUint32(b, uint32(at>>32))
	b = le.AppendUint32(b, uint32(at))
	b = le.AppendUint32(b, uint32(len(f.Data)))
	b = le.AppendUint32(b, uint32(f.Wire))
	b = pad(append(b, f.Data...))
	flags := "\x02\x00\x00\x00"
	if f.Inbound {
		flags = "\x01\x00\x00\x00"
	}
	_, err := w.w.Write(appendBlock(nil, blockPacket, appendOptions(b, option{optFlags, flags}, option{optComment, f.Comment})))
	return err
}

// option is an option of a block; an empty one is left out.
type option struct {
	code  uint16
	value string
}

// maxOption bounds an option's value; what is longer is cut.
const maxOption = 1<<16 - 1

func appendOptions(b []byte, options ...option) []byte {
	for _, o := range options {
		if o.value == "" {
			continue
		}
		value := o.value[:min(len(o.value), maxOption)]
		b = binary.LittleEndian.AppendUint16(b, o.code)
		b = binary.LittleEndian.AppendUint16(b, uint16(len(value)))
		b = pad(append(b, value...))
	}
	return append(b, 0, 0, 0, 0) // optEnd
}

// appendBlock adds a block, whose body is padded.
func appendBlock(b []byte, kind uint32, body []byte) []byte {
	length := uint32(len(body)) + 12
	b = binary.LittleEndian.AppendUint32(b, kind)
	b = binary.LittleEndian.AppendUint32(b, length)
	b = append(b, body...)
	return binary.LittleEndian.AppendUint32(b, length)
}

// pad adds zeros up to a multiple of four bytes.
func pad(b []byte) []byte {
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}
