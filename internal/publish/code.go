package publish

import (
	"strconv"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/driver"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/explain"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// codes are the public names of the kinds of reason. A kind without one has no code.
var codes = map[explain.Kind]report.Code{
	explain.KindACLDrop:         report.CodeACLDrop,
	explain.KindACLReject:       report.CodeACLReject,
	explain.KindNoACL:           report.CodeNoACLAllows,
	explain.KindUntracked:       report.CodeUntrackedHere,
	explain.KindInvalid:         report.CodeInvalidState,
	explain.KindPortDisabled:    report.CodePortDisabled,
	explain.KindRouterPortDown:  report.CodePortDisabled,
	explain.KindPortSecurity:    report.CodePortSecurity,
	explain.KindNoRoute:         report.CodeNoRoute,
	explain.KindRouteDrop:       report.CodeBlackholeRoute,
	explain.KindPolicyDrop:      report.CodePolicyDrop,
	explain.KindUnresolved:      report.CodeNextHopUnresolved,
	explain.KindNoBackend:       report.CodeLBNoBackend,
	explain.KindAffinity:        report.CodeLBAffinityFirst,
	explain.KindLBElsewhere:     report.CodeLBHandledElsewhere,
	explain.KindUnbound:         report.CodePortNotBound,
	explain.KindNoInterface:     report.CodeInterfaceMissing,
	explain.KindChassisGone:     report.CodeChassisGone,
	explain.KindNoTunnel:        report.CodeNoTunnel,
	explain.KindNoBridgeMapping: report.CodeNoBridgeMapping,
	explain.KindNoPatchPort:     report.CodeNoBridgeMapping,
	explain.KindOutlived:        report.CodeFlowOutlived,
	explain.KindNotInstalled:    report.CodeFlowNotInstalled,
}

// faultCodes are the public names of what is missing between chassis.
var faultCodes = map[driver.FaultKind]report.Code{
	driver.FaultNoTunnel:        report.CodeNoTunnel,
	driver.FaultNoBridgeMapping: report.CodeNoBridgeMapping,
}

// place is what a reason is about, by name; empty names are left out.
type place map[string]string

func (p place) set(key, name string) {
	if name != "" {
		p[key] = name
	}
}

// classify returns the code of a branch's cause, and what it is about; both are empty where the
// cause is none of the closed list. r is the reason that the tables give.
func classify(b *driver.Branch, r explain.Reason) (report.Code, map[string]string) {
	c, at := b.Cause, place{}
	at.set("datapath", r.Subject.Datapath)
	at.set("port", r.Subject.Port)
	at.set("chassis", r.Subject.Chassis)
	at.set("network", r.Subject.Network)
	code := codes[r.Kind]
	switch {
	case c.Fault.Kind != driver.FaultNone:
		code = faultCodes[c.Fault.Kind]
		at.set("chassis", c.Fault.Chassis)
		at.set("network", c.Fault.Network)
	case c.MTU != 0:
		code = report.CodeMTUExceeded
		at.set("mtu", strconv.FormatUint(uint64(c.MTU), 10))
	case c.Awaits.IsValid():
		code = awaiting(c.Outlook)
		at.set("address", c.Awaits.String())
		if c.Outlook.Kind == driver.OutlookOVN {
			at.set("answered", "ovn")
		}
		if c.Outlook.Kind == driver.OutlookPort || c.Outlook.Kind == driver.OutlookVirtual {
			at.set("port", c.Outlook.Ports[0])
		}
	case code == report.CodeNextHopUnresolved:
		at.set("address", b.Packet.Dst.String())
	case b.Verdict == engine.Dropped && c.Elsewhere != nil && (code == "" || code == report.CodeNoACLAllows || code == report.CodeACLDrop || code == report.CodeInvalidState):
		code = elsewhere(c.Elsewhere)
		at.set("zone", c.Elsewhere.Missed.String())
	}
	if code == "" || len(at) == 0 {
		return code, nil
	}
	return code, at
}

// awaiting returns the code of a packet that waits for an address, by who can answer.
func awaiting(o driver.Outlook) report.Code {
	switch o.Kind {
	case driver.OutlookOwn:
		return report.CodeRouteViaSelf
	case driver.OutlookDropped:
		return report.CodeARPUnanswerable
	}
	return report.CodeNextHopUnresolved
}

// elsewhere returns the code of a packet whose connection has its entry in another zone, by whether
// that is on another chassis.
func elsewhere(e *driver.Elsewhere) report.Code {
	for _, k := range e.Known {
		if k.Chassis == e.Missed.Chassis {
			return report.CodeKnownElsewhere
		}
	}
	return report.CodeAsymmetricReply
}
