// Package ofgroup reads a select group of a bridge by OpenFlow, over the management socket that
// ovs-vswitchd has for each bridge. It asks for the description of one group and sends nothing
// else.
package ofgroup

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
)

// maxMessages bounds how many messages are read for one answer: others than the reply may come in
// between, and a reply may have several parts.
const maxMessages = 64

// Read returns a select group of a bridge of the ovs-vswitchd with this run directory. The error is
// fs.ErrNotExist or fs.ErrPermission where the socket cannot be connected to.
func Read(ctx context.Context, runDir, bridge string, group uint32) (*Group, error) {
	if bridge == "" || strings.ContainsAny(bridge, "/\x00") {
		return nil, fmt.Errorf("%q is not a bridge's name", bridge)
	}
	var d net.Dialer
	c, err := d.DialContext(ctx, "unix", filepath.Join(runDir, bridge+".mgmt"))
	if err != nil {
		return nil, err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	g, err := ask(c, group)
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, fmt.Errorf("OpenFlow, group %d of %s: %w", group, bridge, err)
	}
	return g, nil
}

// ask makes the request over a connection.
func ask(c io.ReadWriter, group uint32) (*Group, error) {
	const hello, request = 1, 2 // transaction ids
	// The hello offers OpenFlow 1.5 alone, in whose request one group can be named.
	offer := []byte{0, 1, 0, 8, 0, 0, 0, 1 << version}
	body := binary.BigEndian.AppendUint32([]byte{0, groupDesc, 0, 0, 0, 0, 0, 0}, group)
	if _, err := c.Write(append(message(typeHello, hello, offer), message(typeRequest, request, append(body, 0, 0, 0, 0))...)); err != nil {
		return nil, err
	}
	var found *Group
	for range maxMessages {
		kind, id, body, err := read(c)
		if err != nil {
			return nil, err
		}
		switch {
		case kind == typeEcho:
			if _, err := c.Write(message(typeEchoed, id, body)); err != nil {
				return nil, err
			}
		case kind == typeError && (id == request || id == hello):
			return nil, fmt.Errorf("refused: error %x", body[:min(4, len(body))])
		case kind == typeReply && id == request:
			if len(body) < multiLen || binary.BigEndian.Uint16(body) != groupDesc {
				return nil, errShort
			}
			g, err := decode(body[multiLen:], group)
			if err != nil {
				return nil, err
			}
			if g != nil {
				found = g
			}
			if binary.BigEndian.Uint16(body[2:])&flagMore != 0 {
				continue
			}
			if found == nil {
				return nil, fmt.Errorf("there is no such group")
			}
			return found, nil
		}
	}
	return nil, fmt.Errorf("no answer in %d messages", maxMessages)
}

// message returns a message with its header.
func message(kind byte, id uint32, body []byte) []byte {
	m := []byte{version, kind}
	m = binary.BigEndian.AppendUint16(m, uint16(headerLen+len(body)))
	m = binary.BigEndian.AppendUint32(m, id)
	return append(m, body...)
}

// read reads one message, of 64 KB at most.
func read(r io.Reader) (kind byte, id uint32, body []byte, err error) {
	var h [headerLen]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return 0, 0, nil, err
	}
	n := int(binary.BigEndian.Uint16(h[2:]))
	if n < headerLen {
		return 0, 0, nil, errShort
	}
	body = make([]byte, n-headerLen)
	_, err = io.ReadFull(r, body)
	return h[1], binary.BigEndian.Uint32(h[4:]), body, err
}
