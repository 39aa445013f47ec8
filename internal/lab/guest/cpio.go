// Package guest runs a QEMU guest whose file system is the host's, read-only with a memory overlay,
// under a kernel that has openvswitch; and runs commands in it. If the host's kernel has
// openvswitch, the same commands run in namespaces of the host, with the same agent.
package guest

import (
	"fmt"
	"io"
)

// cpioWriter writes the cpio format "newc", which the kernel unpacks as an initramfs.
type cpioWriter struct {
	w   io.Writer
	n   int64
	ino uint32
	err error
}

const (
	modeDir  = 0o040755
	modeFile = 0o100755
	modeChar = 0o020600
)

func (c *cpioWriter) write(b []byte) {
	if c.err != nil {
		return
	}
	n, err := c.w.Write(b)
	c.n += int64(n)
	c.err = err
}

func (c *cpioWriter) pad() {
	if r := c.n % 4; r != 0 {
		c.write(make([]byte, 4-r))
	}
}

// entry writes one member; dev is major<<8|minor for device nodes.
func (c *cpioWriter) entry(name string, mode uint32, dev uint32, data []byte) {
	c.ino++
	h := fmt.Sprintf("070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
		c.ino, mode, 0, 0, 1, 0, len(data), 0, 0, dev>>8, dev&0xff, len(name)+1, 0)
	c.write([]byte(h))
	c.write(append([]byte(name), 0))
	c.pad()
	c.write(data)
	c.pad()
}

func (c *cpioWriter) close() error {
	c.entry("TRAILER!!!", 0, 0, nil)
	return c.err
}
