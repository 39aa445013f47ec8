package oftrace

import "strings"

// ReplyKind is the reason for which ovs-vswitchd refused a request.
type ReplyKind uint8

// The kinds of refusal. ReplyOther is the zero value: a text of an unknown kind.
const (
	ReplyOther         ReplyKind = iota
	ReplySyntax                  // the flow or the actions could not be read
	ReplyUnknownBridge           // no such bridge
	ReplyNoDatapath              // no such datapath, or no port of it is the in_port
	ReplyUsage                   // wrong number of arguments, unknown option
	ReplyNoCommand               // this daemon has no such command
)

// ReplyError is a reply that refuses the request.
type ReplyError struct {
	Kind ReplyKind
	Text string
}

// Error returns the first line of the reply.
func (e *ReplyError) Error() string {
	line, _, _ := strings.Cut(strings.TrimSpace(e.Text), "\n")
	return "ofproto/trace: " + line
}

// Classify returns the kind of an error reply by the texts of parse_flow_and_packet
// (ofproto/ofproto-dpif-trace.c) and lib/unixctl.c. Those of 3.1.0 in the corpus are tested; the
// others are from the source, or assumed. An unknown text is ReplyOther.
func Classify(text string) ReplyKind {
	has := func(parts ...string) bool {
		for _, p := range parts {
			if strings.Contains(text, p) {
				return true
			}
		}
		return false
	}
	switch {
	case has("unknown bridge", "Unknown bridge"):
		return ReplyUnknownBridge
	case has("is not a valid command"):
		return ReplyNoCommand
	case has("command requires at least", "command takes at most", "unknown option", "too many arguments",
		"Missing argument for option", "Must specify"):
		return ReplyUsage
	case has("Cannot find the datapath", "Cannot find datapath", "no OpenFlow port", "Invalid datapath flow"):
		return ReplyNoDatapath
	case has("Syntax error", "Bad openflow flow syntax", "Bad actions", "syntax error", "or the bridge name was omitted",
		"Failed to parse", "unknown action", "invalid in_port", "parse error", "Trailing garbage",
		"unknown connection tracking state flag"):
		return ReplySyntax
	}
	return ReplyOther
}
