package explain

// Kind classifies why a packet ended at a table hit. Its text is Reason.Text; a program decides by
// the kind.
type Kind uint8

// The kinds of reason. The comment of a kind says which fields of Subject it sets, besides
// Datapath.
const (
	KindOther           Kind = iota // none of the others
	KindACLDrop                     // an ACL drops it: NB, where it is known
	KindACLReject                   // an ACL rejects it: NB, where it is known
	KindNoACL                       // no ACL allows it, and the default is to drop
	KindUntracked                   // an answer that conntrack cannot know here
	KindInvalid                     // ct.inv, or ct_mark.blocked
	KindPortDisabled                // Port is administratively down
	KindPortSecurity                // an address that Port does not allow
	KindNobody                      // no port of the switch has the Ethernet destination
	KindNotForRouter                // no port of the router takes the Ethernet destination
	KindNoRoute                     // no route leads to the destination
	KindRouteDrop                   // a route discards it: NB
	KindPolicyDrop                  // a routing policy drops it: NB
	KindUnresolved                  // the next hop's MAC address is unknown
	KindRouterPortDown              // router port Port takes nothing, or does not send: NB, where it is disabled
	KindNoBackend                   // the load balancer has no backend for the VIP: NB
	KindAffinity                    // the load balancer records the client, and drops the packet: NB
	KindElsewhere                   // handled only on the chassis where Port resides: Chassis, if any
	KindLBElsewhere                 // the same, of a load balancer
	KindUnbound                     // no chassis has Port
	KindNoInterface                 // Chassis has Port, and no interface for it
	KindChassisGone                 // the chassis of Port is not in the Southbound database
	KindNoTunnel                    // no tunnel to Chassis, which has Port
	KindNoBridgeMapping             // the chassis has no bridge for Network, which Port is on
	KindNoPatchPort                 // the chassis has no patch port to the bridge of Network
	KindSamePort                    // it would leave by Port, by which it came
	KindOutlived                    // by a flow whose logical flow is gone
	KindNotInstalled                // the logical flows of the stage are not installed
)

// Subject is what a reason is about, by name. A field is empty where the kind does not set it.
type Subject struct {
	Datapath string // switch or router
	Port     string // logical port
	Chassis  string // another one than that where the packet ended, except for KindNoInterface
	Network  string // provider network
}

// reading is why a packet ended: in words, and as data.
type reading struct {
	kind    Kind
	text    string
	subject Subject
}
