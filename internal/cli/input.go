package cli

import (
	"errors"
	"io"
	"net/netip"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/microflow"
)

// input is what the person says of the packet.
type input struct {
	from, to, network, at string
	ofFlow, hex, pcap     string
	proto, closing        string
	backend, expect       string
	length                int
	inner                 string

	datapath string // ovn-trace's first argument, where it was given

	text  string              // MICROFLOW
	given microflow.Microflow // read already, where it needs no database
	ready bool
	dest  microflow.Target

	handshake bool // the packet begins a session
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
	f.IntVar(&in.length, "len", 0, "length of the packet in bytes without its Ethernet header; it decides MTU checks")
	f.StringVar(&in.inner, "icmp-inner", "", "the packet an ICMP error speaks of: tcp 10.0.0.1:1000>10.0.0.2:80")
	f.StringVar(&in.proto, "proto", "", "tcp, udp, icmp or sctp, where neither --to nor MICROFLOW says it")
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
	if in.length < 0 || in.length > 65535 {
		return usagef("--len 1500", "no packet has %d bytes", in.length)
	}
	if _, ok := protoOf(in.proto); !ok {
		return usagef("--proto tcp, udp, icmp or sctp", "no protocol %q", in.proto)
	}
	if err := in.checkInner(); err != nil {
		return err
	}
	return in.checkBackend()
}

// checkBackend reads --lb-backend, and spells it as results do.
func (in *input) checkBackend() error {
	if in.backend == "" {
		return nil
	}
	if a, err := netip.ParseAddr(strings.Trim(in.backend, "[]")); err == nil {
		in.backend = a.String()
		return nil
	}
	ap, err := netip.ParseAddrPort(in.backend)
	if err != nil {
		return usagef("--lb-backend 10.0.0.5:8080, [fd00::5]:8080, or the address alone where the load balancer has no ports", "no backend is called %q", in.backend)
	}
	in.backend = ap.String()
	return nil
}

// protoOf reads --proto; none is 0.
func protoOf(name string) (uint8, bool) {
	switch name {
	case "":
		return 0, true
	case "tcp":
		return packet.ProtoTCP, true
	case "udp":
		return packet.ProtoUDP, true
	case "icmp":
		return packet.ProtoICMP, true
	case "sctp":
		return packet.ProtoSCTP, true
	}
	return 0, false
}

// read takes in what needs no database, so that a slip is said before anything is connected.
func (in *input) read(args []string, stdin io.Reader) error {
	ways := 0
	for _, s := range []string{in.ofFlow, in.hex, in.pcap} {
		if s != "" {
			ways++
		}
	}
	if len(args) > 0 {
		ways++
		in.text = args[len(args)-1]
	}
	if len(args) > 1 {
		in.datapath = args[0] // as ovn-trace is called
	}
	switch {
	case ways > 1:
		return usagef("give the packet once", "MICROFLOW, --of-flow, --packet and --pcap exclude each other")
	case ways == 0 && (in.from == "" || in.to == ""):
		return usagef("ovn-ct-trace trace --from PORT --to IP:PORT", "no packet is given: neither MICROFLOW nor --from and --to")
	}
	var err error
	if in.to != "" {
		if in.dest, err = microflow.ParseTarget(in.to); err != nil {
			return microflowUsage("--to", err)
		}
	}
	switch {
	case in.ofFlow != "":
		in.given, err = microflow.FromOpenFlow(in.ofFlow)
		in.ready = true
		err = microflowUsage("--of-flow", err)
	case in.hex != "":
		in.given, err = microflow.FromHex(in.hex)
		in.ready = true
		err = microflowUsage("--packet", err)
	case in.pcap != "":
		in.given, err = microflow.FromPcap(in.pcap)
		in.ready = true
		err = microflowUsage("--pcap", err)
	}
	if err != nil {
		return err
	}
	return in.judge()
}

// microflowUsage marks the place in what could not be read; nil stays nil.
func microflowUsage(what string, err error) error {
	if err == nil {
		return nil
	}
	ue := &usageError{msg: what + ": " + err.Error(), err: err}
	var se *microflow.SyntaxError
	if errors.As(err, &se) {
		ue.mark, ue.hint = se.Mark(), se.Hint
	}
	if strings.TrimSpace(ue.mark) == "^" {
		ue.mark = ""
	}
	return ue
}
