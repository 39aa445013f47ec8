package cli

import (
	"fmt"
	"os"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/watch"
)

// pcapFile is a pcapng file of captured frames, each with a comment. The zero pcapFile writes
// nothing.
type pcapFile struct {
	name   string
	file   *os.File
	w      *pcapgo.NgWriter
	frames int
}

// createPcap creates the file, before anything is captured; an empty name writes nothing.
func createPcap(name string) (*pcapFile, error) {
	p := &pcapFile{name: name}
	if name == "" {
		return p, nil
	}
	var err error
	p.file, err = os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600) // packets are nobody else's business
	return p, err
}

// begin writes the header, which names the place of the capture.
func (p *pcapFile) begin(r *watch.Recording, filter string) error {
	if p.file == nil {
		return nil
	}
	opt := pcapgo.DefaultNgWriterOptions
	opt.SectionInfo = pcapgo.NgSectionInfo{Application: versionText()}
	iface := pcapgo.DefaultNgInterface
	iface.LinkType, iface.Name, iface.Filter = layers.LinkTypeEthernet, r.Device, filter
	iface.Description = "port " + r.Port + " on " + r.Chassis
	iface.SnapLength = 0 // no limit: the frames say how much was kept
	var err error
	p.w, err = pcapgo.NewNgWriterInterface(p.file, iface, opt)
	return err
}

// add writes a frame.
func (p *pcapFile) add(f watch.Frame, comment string) error {
	if p.file == nil {
		return nil
	}
	p.frames++
	dir := pcapgo.NgEpbFlagDirectionOutbound
	if f.Direction == node.CaptureIn { // of the interface: it receives what enters OVN
		dir = pcapgo.NgEpbFlagDirectionInbound
	}
	opt := pcapgo.NgPacketOptions{Comments: []string{comment}, Flags: &pcapgo.NgEpbFlags{Direction: dir}}
	ci := gopacket.CaptureInfo{Timestamp: f.Time, CaptureLength: len(f.Data), Length: max(f.Wire, len(f.Data))}
	if err := p.w.WritePacketWithOptions(ci, f.Data, opt); err != nil {
		return err
	}
	return p.w.Flush()
}

// close ends the file; one without a frame is removed.
func (p *pcapFile) close() error {
	if p.file == nil {
		return nil
	}
	err := p.file.Close()
	if p.frames == 0 {
		return os.Remove(p.name)
	}
	if err != nil {
		return fmt.Errorf("-w: %w", err)
	}
	return nil
}
