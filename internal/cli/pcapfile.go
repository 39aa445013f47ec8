package cli

import (
	"errors"
	"fmt"
	"os"

	capfile "github.com/ovn-ct-trace/ovn-ct-trace/internal/capture"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/watch"
)

// pcapFile is a pcapng file of captured frames, each with a comment. The zero pcapFile writes
// nothing.
type pcapFile struct {
	name   string
	file   *os.File
	made   bool // the file was not there before
	w      *capfile.Writer
	frames int
}

// createPcap creates the file, before anything is captured, so that a name that cannot be written
// is an error early. One that is there keeps its content until begin. An empty name writes nothing.
func createPcap(name string) (*pcapFile, error) {
	p := &pcapFile{name: name}
	if name == "" {
		return p, nil
	}
	const private = 0o600 // packets are nobody else's business
	var err error
	p.file, err = os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, private)
	if p.made = err == nil; errors.Is(err, os.ErrExist) {
		p.file, err = os.OpenFile(name, os.O_WRONLY|os.O_CREATE, private)
	}
	return p, err
}

// begin writes the header, which names the place of the capture.
func (p *pcapFile) begin(r *watch.Recording, filter string) error {
	if p.file == nil {
		return nil
	}
	if info, err := p.file.Stat(); err != nil {
		return err
	} else if info.Mode().IsRegular() {
		if err := p.file.Truncate(0); err != nil {
			return err
		}
	}
	var err error
	p.w, err = capfile.NewWriter(p.file, capfile.Place{Application: versionText(), Device: r.Device,
		Description: "port " + r.Port + " on " + r.Chassis, Filter: filter})
	return err
}

// add writes a frame.
func (p *pcapFile) add(f watch.Frame, comment string) error {
	if p.file == nil {
		return nil
	}
	p.frames++
	// The interface receives what enters OVN.
	return p.w.Add(capfile.Kept{Time: f.Time, Data: f.Data, Wire: max(f.Wire, len(f.Data)), Inbound: f.Direction == node.CaptureIn, Comment: comment})
}

// close ends the file; one without a frame is removed, unless it was there before: it may be a
// device.
func (p *pcapFile) close() error {
	if p.file == nil {
		return nil
	}
	err := p.file.Close()
	if p.frames == 0 && p.made {
		return os.Remove(p.name)
	}
	if err != nil {
		return fmt.Errorf("-w: %w", err)
	}
	return nil
}
