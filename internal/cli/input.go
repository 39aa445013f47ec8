package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/driver"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/microflow"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/packet"
)

// input is what the person says of the packet.
type input struct {
	from, to, network, at string
	ofFlow, hex, pcap     string
	proto, closing        string
	backend, expect       string
	length                int
	inner                 string
}

func (in *input) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&in.from, "from", "", "logical port the packet enters at: name, UUID, MAC, IP, pod:NAMESPACE/NAME, server:NAME")
	f.StringVar(&in.to, "to", "", "where it is sent: PORT, or IP[:PORT][/PROTO]")
	f.StringVar(&in.network, "network", "", "logical switch or router that --from and --to are on, where they are not unique")
	f.StringVar(&in.at, "at", "", "chassis on which a packet from a provider network enters")
	f.StringVar(&in.ofFlow, "of-flow", "", "the packet as an OpenFlow flow")
	f.StringVar(&in.hex, "packet", "", "the packet as hex digits of an Ethernet frame")
	f.StringVar(&in.pcap, "pcap", "", "the packet out of a capture, FILE[:N], the first frame being 1")
	f.StringVar(&in.backend, "lb-backend", "", "follow only this backend of a load balancer, IP:PORT")
	f.StringVar(&in.expect, "expect", "", "verdict that is asked for: delivered, dropped, rejected, ...")
	f.IntVar(&in.length, "len", 0, "length of the packet in bytes, Ethernet header excluded; it decides MTU checks")
}

func (in *input) check() error {
	if err := (expectation{verdict: in.expect}).check(); err != nil {
		return err
	}
	switch in.closing {
	case "", "none", "fin", "rst":
	default:
		return usagef("--close fin, rst or none", "no way to close is called %q", in.closing)
	}
	n := 0
	for _, s := range []string{in.ofFlow, in.hex, in.pcap} {
		if s != "" {
			n++
		}
	}
	if n > 1 {
		return usagef("give the packet once", "--of-flow, --packet and --pcap exclude each other")
	}
	if in.length < 0 || in.length > 65535 {
		return usagef("--len 1500", "no packet has %d bytes", in.length)
	}
	return nil
}

// read parses what needs no database.
func (in *input) read(args []string, stdin io.Reader) (string, error) {
	text := strings.Join(args, " ")
	if len(args) == 2 {
		// ovn-trace's form: the datapath first. The inport says it already.
		text = args[1]
	}
	return text, nil
}

// entry is a packet ready to be traced.
type entry struct {
	start  driver.Start
	packet packet.Packet
	label  string
	expect expectation
}

// resolve finds ports and fills in what was left out.
func (in *input) resolve(ctx context.Context, d *deployment, text string) (*entry, error) {
	mf, err := microflow.Parse(text, microflow.Options{})
	if err != nil {
		return nil, microflowUsage(err)
	}
	from := in.from
	if from == "" {
		from = mf.InPort
	}
	pb, err := in.onePort(ctx, d, from)
	if err != nil {
		return nil, err
	}
	start, err := d.driver.StartAt(ctx, pb)
	if err != nil {
		return nil, err
	}
	e := &entry{start: start, packet: mf.Packet, label: "packet", expect: expectation{verdict: in.expect}}
	return e, nil
}

// onePort finds the one port that a word names.
func (in *input) onePort(ctx context.Context, d *deployment, spec string) (*ovn.PortBinding, error) {
	if spec == "" {
		return nil, usagef("--from PORT, or inport == \"PORT\"", "the packet enters nowhere: no port is given")
	}
	found, err := d.sb.FindPorts(ctx, spec, in.network)
	if err != nil {
		return nil, err
	}
	if len(found) > 1 {
		var names []string
		for _, p := range found {
			names = append(names, p.LogicalPort)
		}
		return nil, usagef("name the port, or narrow it with --network", "%q is not one port: %s", spec, strings.Join(names, ", "))
	}
	return found[0], nil
}

// microflowUsage marks the place in a microflow.
func microflowUsage(err error) error {
	ue := &usageError{msg: "microflow: " + err.Error(), err: err}
	var se *microflow.SyntaxError
	if errors.As(err, &se) {
		ue.mark, ue.hint = se.Mark(), se.Hint
	}
	return ue
}

var _ = fmt.Sprint
