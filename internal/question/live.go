package question

import (
	"errors"
	"fmt"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/driver"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/failure"
)

// NotLiveError is the error of a question with AsLive whose packet's first conntrack look-up found
// no entry.
type NotLiveError struct {
	Zone  driver.Zone   // where it was looked up; the zero Zone where no look-up was made
	Tuple ctstate.Tuple // that was looked up
	Err   error         // why the table could not be read; nil for a table without the entry
}

func (e *NotLiveError) Error() string {
	switch {
	case e.Zone.Chassis == "":
		return "no live entry: the packet is not looked up in conntrack"
	case e.Err != nil:
		return fmt.Sprintf("whether zone %s has an entry of %v is unknown: %v", e.Zone, e.Tuple, e.Err)
	}
	return fmt.Sprintf("no live entry: zone %s has none of %v", e.Zone, e.Tuple)
}

// Unwrap returns Err.
func (e *NotLiveError) Unwrap() error { return e.Err }

// Failure classifies a missing entry as a determined answer, and a table that could not be read as
// undetermined.
func (e *NotLiveError) Failure() (failure.Kind, string) {
	if e.Err != nil {
		return failure.Undetermined, ""
	}
	return failure.NotAsAsked, "give the connection's source port: ovn-ct-trace conn lists those that live"
}

// live returns a *NotLiveError unless a packet's first conntrack look-up found an entry.
func live(t *driver.Trace) error {
	for _, h := range t.Hops {
		for _, s := range h.Segments {
			for _, c := range s.CT {
				if c.Err == "" && !c.Result.Looked {
					continue // the packet carried its entry
				}
				e := &NotLiveError{Zone: driver.Zone{Chassis: h.Chassis, ID: c.Zone, Name: h.Zones[c.Zone]}, Tuple: c.Tuple}
				switch {
				case c.Err != "":
					e.Err = errors.New(c.Err)
				case c.Result.Found != ctstate.FromNone:
					return nil
				}
				return e
			}
		}
	}
	return &NotLiveError{}
}
