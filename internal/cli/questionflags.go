package cli

import (
	"github.com/spf13/cobra"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/question"
)

// questionFlags are the flags and arguments by which a question is asked.
type questionFlags struct{ question.Question }

func (q *questionFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&q.From, "from", "", "logical port the packet enters at: name, UUID, MAC, IP, pod:NAMESPACE/NAME, server:NAME")
	f.StringVar(&q.To, "to", "", "where it is sent: PORT, or IP[:PORT][/PROTO]")
	f.StringVar(&q.Network, "network", "", "logical switch or router that --from and --to are on, where they are not unique")
	f.StringVar(&q.Chassis, "at", "", "chassis on which a packet from a provider network, or of a localport, enters")
	f.StringVar(&q.Flow, "of-flow", "", "the packet as an OpenFlow flow")
	f.StringVar(&q.Frame, "packet", "", "the packet as hex digits of an Ethernet frame")
	f.StringVar(&q.Capture, "pcap", "", "frame N of a capture file, FILE[:N]; the first is 1. session replays its connection")
	f.StringVar(&q.Backend, "lb-backend", "", "follow only this backend of a load balancer, IP:PORT")
	f.StringVar(&q.Expect, "expect", "", "expected verdict: delivered, dropped, rejected, ...")
	f.IntVar(&q.Length, "len", 0, "length of the packet in bytes without its Ethernet header; it decides MTU checks")
	f.StringVar(&q.ICMPInner, "icmp-inner", "", "the packet that an ICMP error quotes: tcp 10.0.0.1:1000>10.0.0.2:80")
	f.BoolVar(&q.AsNew, "as-new", false, "trace as if no live conntrack entry existed: what happens to a new connection")
	f.BoolVar(&q.AsLive, "as-live", false, "demand that the first conntrack look-up finds an entry; status 1 if it finds none")
	f.StringVar(&q.Proto, "proto", "", "tcp, udp, icmp or sctp, where neither --to nor MICROFLOW says it")
}

// addClose adds the flag of the commands that play a session.
func (q *questionFlags) addClose(cmd *cobra.Command) {
	cmd.Flags().StringVar(&q.Close, "close", "none", "how a TCP session ends: fin, rst or none")
}

// arguments sets MICROFLOW, and the datapath that may precede it, as with ovn-trace.
func (q *questionFlags) arguments(args []string) {
	if len(args) > 0 {
		q.Microflow = args[len(args)-1]
	}
	if len(args) > 1 {
		q.Datapath = args[0]
	}
}
