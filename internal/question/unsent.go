package question

import (
	"errors"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/diagnose"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/driver"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// Unsent returns why a question's packet cannot be sent, without the packet, where its error says
// that: a port that is bound nowhere, or a next hop that the guest does not find. ok is false for
// any other error.
func Unsent(err error) (ref diagnose.Refusal, ok bool) {
	ref.Text = err.Error()
	var unbound *driver.UnboundError
	var bare *driver.NoInterfaceError
	var gone *driver.ChassisGoneError
	var behind *NoBindingError
	var hop *noHopError
	switch {
	case errors.As(err, &unbound):
		ref.Code, ref.Port = report.CodePortNotBound, unbound.Port
	case errors.As(err, &bare):
		ref.Code, ref.Port, ref.Chassis = report.CodeInterfaceMissing, bare.Port, bare.Chassis
	case errors.As(err, &gone):
		ref.Code, ref.Port = report.CodeChassisGone, gone.Port
	case errors.As(err, &behind):
		ref.Code, ref.Port = report.CodeNorthdBehind, behind.Port
	case errors.As(err, &hop):
		ref.Code, ref.Port, ref.Text = report.CodeNoRoute, hop.err.Port, hop.err.Why
		if hop.err.OnLink {
			ref.Code = report.CodeNextHopUnresolved
		}
	default:
		return diagnose.Refusal{}, false
	}
	return ref, true
}
