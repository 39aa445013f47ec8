package ovncttrace

import (
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/deployment"
)

// Options are the parts of a deployment and how they are reached. The zero value is a deployment
// whose databases listen on this machine's usual sockets, and whose only chassis is this machine.
// Error texts call an option by its flag on the command line, which is given in parentheses.
type Options struct {
	// SB and NB are the remotes of the Southbound and the Northbound database (--sb, --nb): one, or
	// several of a cluster separated by commas, each "unix:FILE", "tcp:HOST:PORT" or
	// "ssl:HOST:PORT". An empty one is OVN_SB_DB or OVN_NB_DB of the environment, then the socket in
	// OVN_RUNDIR, then the one in /var/run/ovn. Without a Northbound database a trace works, and
	// rules are named by logical flow only.
	SB, NB string

	// NBOf has the remotes of other zones' Northbound databases (OVN-IC), by the name of a chassis
	// of each zone (--nb-of).
	NBOf map[string]string

	// PrivateKey, Certificate and CACert are PEM files for ssl: remotes and tls: nodes (-p, -c, -C). A
	// CACert of "none" accepts any server of a database; nodes need an authority.
	PrivateKey, Certificate, CACert string

	// AnyMember asks any member of a clustered database, not only its leader (--no-leader-only).
	AnyMember bool

	// NodeCommand reaches a chassis (--node-cmd): a command that ends up running "ovn-ct-trace node
	// stdio" there, as root. {chassis}, {hostname} and {ip}, the first tunnel address, are replaced.
	// It is cut into words by a shell's quoting rules; no shell runs it. "tls:HOST:PORT" instead, such
	// as "tls:{ip}:7471", reaches "ovn-ct-trace node serve". Without it, only this machine and the
	// chassis of Nodes can be reached.
	NodeCommand string

	// Push sends the tool to the nodes, where nothing needs to be installed (--push). NodeCommand and
	// the commands of Nodes then only open a way there and run what is appended: "ssh
	// root@{hostname}". Nothing is left there, unless PushKeep leaves the tool for the next run
	// (--push-keep).
	Push, PushKeep bool

	// PushBinary are static programs to send, each FILE or ARCH=FILE, for machines of their kind
	// (--push-binary). Without one for a machine's kind it is sent the running program, which must
	// then be ovn-ct-trace itself. It implies Push.
	PushBinary []string

	// Kube is the user's kubectl or oc, with arguments (--kube): chassis are reached through the pods
	// that run OVN or Open vSwitch on their nodes, and the tool is sent there as by Push. NodeCommand
	// is not used then; Nodes has precedence. Pods are found in the namespaces of OVN-Kubernetes,
	// OpenShift and kube-ovn, by their labels, unless the others say where.
	Kube string

	// KubeContext is the context in kubectl's configuration (--kube-context).
	KubeContext string

	// KubeNamespace, KubeSelector (a label selector) and KubeContainer replace those of the known
	// deployments (--kube-namespace, --kube-selector, --kube-container).
	KubeNamespace, KubeSelector, KubeContainer string

	// Nodes has ways to single chassis, by name or host name (--node): "local" for this machine,
	// "exec:COMMAND", a command as NodeCommand has it, or "tls:HOST:PORT". They take precedence over
	// NodeCommand.
	Nodes map[string]string

	// OVSRunDir is Open vSwitch's run folder on this machine (--ovs-rundir): OVS_RUNDIR of the
	// environment when empty, then /var/run/openvswitch.
	OVSRunDir string

	// Timeout bounds Open, and each question (--timeout): a minute when 0. A negative one is
	// refused.
	Timeout time.Duration

	// MaxDump is the largest conntrack table of a userspace datapath, in connections, that may be
	// dumped for a packet (--max-dump): 50,000 when 0, any when negative. A dump holds up
	// ovs-vswitchd. The kernel's tables are never dumped.
	MaxDump int

	// Bundles are what was collected of a deployment, which then answers instead of a live one
	// (--bundle): what "ovn-ct-trace bundle" has written, the sosreport of each host, or a
	// must-gather, packed or as a folder. It is rebuilt by this machine's Open vSwitch in a private
	// folder, which Close removes. No other option than Timeout applies.
	Bundles []string
}

// internal returns the options as package deployment has them.
func (o Options) internal() deployment.Options {
	return deployment.Options{
		SB: o.SB, NB: o.NB, NBOf: o.NBOf, PrivateKey: o.PrivateKey, Certificate: o.Certificate, CACert: o.CACert,
		AnyMember: o.AnyMember, NodeCommand: o.NodeCommand, Push: o.Push, PushKeep: o.PushKeep, PushBinary: o.PushBinary,
		Kube: o.Kube, KubeContext: o.KubeContext, KubeNamespace: o.KubeNamespace, KubeSelector: o.KubeSelector,
		KubeContainer: o.KubeContainer, Nodes: o.Nodes, OVSRunDir: o.OVSRunDir, Timeout: o.Timeout, MaxDump: o.MaxDump,
		Bundles: o.Bundles,
	}
}

// Question is a packet, where it enters, and how it should end. From and To are enough. Fields that
// are not given are filled in as the guest behind the port would send them: addresses of the port,
// the next hop, TTL 64, a source port, SYN.
//
// The packet is described by at most one of Microflow, Flow, Frame and Capture. Error texts call a
// field by its flag on the command line, which is given in parentheses.
type Question struct {
	// From is the logical port at which the packet enters (--from): its name, UUID, MAC or IP
	// address, "pod:NAMESPACE/NAME" or "server:NAME". It may be empty where Microflow or Flow names
	// the port.
	From string

	// To is where the packet is sent, and where it should arrive (--to): a port, as From has it, or
	// an address; then ":PORT", which means tcp, and "/tcp", "/udp", "/sctp" or "/icmp". With
	// neither port nor protocol the packet is an echo request. It may be empty where the packet has
	// a destination.
	To string

	// Network is the logical switch or router that From and To are on (--network), where their names
	// are not unique.
	Network string

	// Chassis is where a packet from a provider network enters (--at); found when empty. A localport,
	// which is on every chassis, needs one.
	Chassis string

	// Microflow is an OVN expression, as ovn-trace takes it.
	Microflow string

	// Datapath is the switch or router of the port: ovn-trace's first argument. It is optional, and
	// checked where given.
	Datapath string

	// Flow is an OpenFlow flow (--of-flow).
	Flow string

	// Frame is an Ethernet frame as hex digits (--packet). Nothing is filled in. A frame of a tunnel
	// between chassis, here and in Capture, is the packet inside.
	Frame string

	// Capture is "FILE" or "FILE:N", frame N of a pcap or pcapng file (--pcap); the first is 1. Only
	// Ethernet addresses that the frame does not have are filled in. Session replays the frame's
	// connection, as far as the file has it, and compares what was received with the prediction.
	Capture string

	// Proto is "tcp", "udp", "icmp" or "sctp" (--proto), where nothing else names it.
	Proto string

	// Length is the packet's in bytes, without its Ethernet header, 1 to 65535 (--len). It decides
	// MTU checks. 0 is a small packet.
	Length int

	// ICMPInner is the packet that an ICMP error quotes (--icmp-inner), such as
	// "tcp 10.0.0.1:1000>10.0.0.2:80".
	ICMPInner string

	// Backend follows only this backend of a load balancer (--lb-backend): "IP:PORT", or "IP".
	Backend string

	// Close is how a TCP session ends (--close): "fin", "rst" or "none", which is also "". Trace
	// ignores it.
	Close string

	// Expect is the verdict that Report.Expectation is measured against (--expect): "delivered",
	// "host", "external", "controller", "rejected", "dropped" or "unknown". When empty, a packet
	// should be delivered at To, and a session established.
	Expect string

	// AsNew follows the packet as if no live conntrack entry existed (--as-new): what happens to a
	// new connection.
	AsNew bool

	// AsLive demands that the packet's first conntrack look-up finds an entry (--as-live). Without
	// one there is no answer, but a NotAsAsked error.
	AsLive bool
}
