package connection

import (
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
)

// StateOf returns the state of an entry in one word: the TCP or SCTP state, for the userspace
// datapath, which has one for each end, that of userState; else REPLIED or UNREPLIED; empty where
// that is unknown.
func StateOf(e *ctstate.Entry) string {
	answered, known := Answered(e)
	switch {
	case e.TCP != nil:
		return e.TCP.State.String()
	case e.UserTCP != nil:
		return userState(e.UserTCP.Orig, e.UserTCP.Reply).String()
	case e.SCTP != nil:
		return e.SCTP.State.String()
	case answered:
		return "REPLIED"
	case known:
		return "UNREPLIED"
	}
	return ""
}

// userState is the state of a connection whose ends are in these states. While it is being opened
// that of the end that is behind counts (of an end that has sent nothing, the other's); later that
// of the end that is ahead.
func userState(a, b ctstate.UserTCPState) ctstate.UserTCPState {
	behind, ahead := min(a, b), max(a, b)
	if behind < ctstate.UserTCPEstablished && behind > ctstate.UserTCPListen {
		return behind
	}
	return ahead
}

// Answered reports whether a packet of the reply has been seen; known is false where the table does
// not say: the userspace datapath's, for protocols without states.
func Answered(e *ctstate.Entry) (answered, known bool) {
	switch {
	case e.Status&ctstate.SeenReply != 0:
		return true, true
	case e.UserTCP != nil:
		return e.UserTCP.Reply > ctstate.UserTCPListen, true
	case e.Source == ctstate.FromUserspace:
		return false, false
	}
	return false, true
}

// States returns the different states of a connection's legs, in path order.
func (c *Connection) States() (out []string) {
	for i := range c.Legs {
		if s := StateOf(&c.Legs[i].Entry); !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// AllStates lists the states that StateOf returns, without the empty one.
func AllStates() []string {
	out := []string{"REPLIED", "UNREPLIED"}
	add := func(s string) {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	for s := ctstate.TCPState(0); s <= ctstate.TCPSynSent2; s++ {
		add(s.String())
	}
	for s := ctstate.UserTCPClosed; s <= ctstate.UserTCPTimeWait; s++ {
		add(s.String())
	}
	for s := ctstate.SCTPState(0); s <= ctstate.SCTPHeartbeatSent; s++ {
		add(s.String())
	}
	return out
}
