package report

// Code names a kind of finding. The list is closed; docs/codes.md describes each.
type Code string

// Codes about rules that decide a packet's fate.
const (
	CodeACLDrop      Code = "acl-drop"      // an ACL drops the packet
	CodeACLReject    Code = "acl-reject"    // an ACL rejects the packet
	CodeNoACLAllows  Code = "no-acl-allows" // no ACL allows the packet, and the default is to drop
	CodeReplyDropped Code = "reply-dropped" // the request arrives, and the answer does not
	CodePortSecurity Code = "port-security" // an address that is not among the port's
)

// Codes about ports, chassis and the ways between them.
const (
	CodePortNotBound             Code = "port-not-bound"             // no chassis has the port
	CodePortDisabled             Code = "port-disabled"              // the port is administratively down
	CodeChassisGone              Code = "chassis-gone"               // the chassis of the port is no longer in the Southbound database
	CodeNoTunnel                 Code = "no-tunnel"                  // no tunnel leads to the chassis of the port
	CodeNoBridgeMapping          Code = "no-bridge-mapping"          // the chassis has no bridge for the provider network
	CodeInterfaceMissing         Code = "interface-missing"          // no interface of the chassis belongs to the port
	CodeRequestedChassisMismatch Code = "requested-chassis-mismatch" // the port is bound elsewhere than requested
)

// Codes about routing and neighbours.
const (
	CodeNoRoute             Code = "no-route"              // no route of the router leads to the address
	CodeBlackholeRoute      Code = "blackhole-route"       // a route discards the packet
	CodePolicyDrop          Code = "policy-drop"           // a routing policy drops the packet
	CodePolicyReroute       Code = "policy-reroute"        // a routing policy sends the packet another way
	CodeRouteViaSelf        Code = "route-via-self"        // the next hop is an address of the router itself
	CodeNextHopUnresolved   Code = "next-hop-unresolved"   // nobody has answered for the next hop's MAC address
	CodeStaleMACBinding     Code = "stale-mac-binding"     // the learned MAC address is no longer its owner's
	CodeStaleFDB            Code = "stale-fdb"             // the learned port of a MAC address is no longer its owner's
	CodeAddressClaimedTwice Code = "address-claimed-twice" // two ports have one address
	CodeARPUnanswerable     Code = "arp-unanswerable"      // OVN itself drops the request for an address
	CodeAnsweredByOVN       Code = "answered-by-ovn"       // OVN answered an announcement, and nobody else received it
	CodeMTUExceeded         Code = "mtu-exceeded"          // the packet is larger than the way allows
)

// Codes about load balancers.
const (
	CodeVIPOtherPort         Code = "vip-other-port"          // the address is a VIP, on another port or protocol
	CodeLBNoBackend          Code = "lb-no-backend"           // the VIP has no backend
	CodeLBBackendDown        Code = "lb-backend-down"         // the health check says that backends are down
	CodeLBUnansweredVIP      Code = "lb-unanswered-vip"       // nobody answers ARP for the VIP
	CodeLBHairpinSNATMissing Code = "lb-hairpin-snat-missing" // a backend's connection to its own VIP comes back with an address that it cannot answer
	CodeLBNotOnRouter        Code = "lb-not-on-router"        // the packet passes no switch or router that has the load balancer
	CodeLBAffinityFirst      Code = "lb-affinity-first"       // session affinity records the backend, and the packet is lost
	CodeLBHandledElsewhere   Code = "lb-handled-elsewhere"    // the VIP is handled only on the chassis of a gateway
	CodeLBForceSNATIgnored   Code = "lb-force-snat-ignored"   // this kind of router ignores lb_force_snat_ip
	CodeLBTwoGateways        Code = "lb-two-gateways"         // a load balancer on a router with two gateway ports
	CodeStaleLBBackend       Code = "stale-lb-backend"        // an entry pins a backend that the VIP no longer has
	CodeSNATHitsVIP          Code = "snat-hits-vip"           // a port of source NAT belongs to a VIP on the same address
)

// Codes about entries and NAT.
const (
	CodeStaleNAT        Code = "stale-nat"        // an entry translates as no rule does any more
	CodePolicyOutlived  Code = "policy-outlived"  // an entry passes what today's rules would not
	CodeSNATPortClash   Code = "snat-port-clash"  // the wanted port of a NAT address is taken
	CodeSNATExhausted   Code = "snat-exhausted"   // the ports of a NAT address are used up
	CodeNATConflict     Code = "nat-conflict"     // two rules translate one address
	CodeKnownElsewhere  Code = "known-elsewhere"  // another zone or chassis has the connection's entry
	CodeUntrackedHere   Code = "untracked-here"   // nothing is tracked at this port or switch
	CodeAsymmetricReply Code = "asymmetric-reply" // the answer reaches a chassis or zone without the entry
	CodeGatewayMoved    Code = "gateway-moved"    // entries are left on the chassis that was the gateway
	CodeEntryVanished   Code = "entry-vanished"   // an entry is gone while its other half lives
	CodeOrphanHalf      Code = "orphan-half"      // only half of a connection has an entry
	CodeZoneMoved       Code = "zone-moved"       // the id of a zone changed under live entries
	CodeZoneClash       Code = "zone-clash"       // one zone id has two owners
	CodeInvalidState    Code = "invalid-state"    // conntrack finds the packet invalid, or zones contradict each other about the state
	CodeOutOfWindow     Code = "out-of-window"    // packets are invalid because they are out of the TCP window
	CodeHalfOpen        Code = "half-open"        // nobody answers the connection
	CodeBlockedMark     Code = "blocked-mark"     // a rule has blocked a live connection
	CodeOffloaded       Code = "offloaded"        // hardware has the connection, and the entry's state may be old
)

// Codes about limits, and about the configuration's way to the chassis.
const (
	CodeZoneLimit        Code = "zone-limit"         // a zone is at its limit of entries
	CodeTableFull        Code = "table-full"         // conntrack is full
	CodeUnrepliedStorm   Code = "unreplied-storm"    // most entries of a zone have seen no answer
	CodeRecircLimit      Code = "recirc-limit"       // the datapath's limit of recirculations or deferred actions
	CodeMeterDrop        Code = "meter-drop"         // a meter drops packets
	CodeUpcallsLost      Code = "upcalls-lost"       // packets are dropped before ovs-vswitchd sees them
	CodeFlowNotInstalled Code = "flow-not-installed" // a logical flow is not in the chassis' tables
	CodeFlowOutlived     Code = "flow-outlived"      // a flow's logical flow is gone
	CodeStaleController  Code = "stale-controller"   // ovn-controller has not confirmed the configuration
	CodeNorthdBehind     Code = "northd-behind"      // ovn-northd has not processed the configuration
	CodeFreshnessUnknown Code = "freshness-unknown"  // whether the chassis is up to date is unknown
	CodeZonesDiffer      Code = "zones-differ"       // br-int and ovn-controller number zones differently
	CodeClockSkew        Code = "clock-skew"         // clocks differ
	CodeVersionSkew      Code = "version-skew"       // versions of the tool differ
)

// Codes about what was asked, and could or could not be reached.
const (
	CodeNorthbound            Code = "northbound"             // the Northbound database was reached
	CodeSouthbound            Code = "southbound"             // the Southbound database was reached
	CodeChassis               Code = "chassis"                // a chassis was reached
	CodeChassisElsewhere      Code = "chassis-elsewhere"      // a chassis of another zone, or a VTEP gateway
	CodeNorthboundUnreachable Code = "northbound-unreachable" // the Northbound database was not reached
	CodeSouthboundUnreachable Code = "southbound-unreachable" // the Southbound database was not reached
	CodeChassisUnreachable    Code = "chassis-unreachable"    // a chassis was not reached
	CodeConntrackUnreadable   Code = "conntrack-unreadable"   // a chassis' connections could not be read
	CodeConntrackCut          Code = "conntrack-cut"          // a chassis has more connections than were to be read
	CodeCountersUnreadable    Code = "counters-unreadable"    // a chassis' counters could not be read
	CodeNotCollected          Code = "not-collected"          // an archive lacks something of a chassis
	CodeUnknown               Code = "unknown"                // the cause could not be determined
)
