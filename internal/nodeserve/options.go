// Package nodeserve serves a node of package node over TLS to clients with certificates. It decides
// who is served, what a client may ask, and how much at once.
package nodeserve

import (
	"context"
	"log/slog"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
)

// Options say who is served and how much.
type Options struct {
	Files Files
	// Allow has the names of clients: a certificate must have one of them, as its common name or in
	// its subjectAltName (DNS name, URI, e-mail address). Letters' case does not matter.
	Allow []string
	// AllowCommit lets clients change conntrack entries, AllowCapture record and send frames.
	AllowCommit, AllowCapture bool
	Limits                    Limits
	// New returns the node of one connection; it is closed with the connection.
	New func() node.Node
	// Ready returns why the node cannot answer now; nil if it can.
	Ready func(ctx context.Context) error
	Log   *slog.Logger
}

// Limits bound what clients can occupy. A client is one name of Allow, with all of its connections.
type Limits struct {
	Connections   int           // of all clients
	PerClient     int           // connections of one client
	Requests      int           // requests of one client that are not answered yet; more wait
	Rate          float64       // requests a second of one client; more wait
	Burst         int           // requests of one client that may come at once in spite of Rate
	RequestBytes  int           // length of one request
	Streams       int           // long answers (lists, watches) at once on one connection
	Handshakes    int           // connections whose client is not known yet
	PerAddress    int           // the same, from one address
	HandshakeTime time.Duration // until the client is known
	RequestTime   time.Duration // from a request's first byte until it has come whole
	AnswerTime    time.Duration // until a client has read an answer
	CallTime      time.Duration // for one call
	IdleTime      time.Duration // of a connection without a request
	DrainTime     time.Duration // at the end, for requests that have begun
	CloseTime     time.Duration // to remove what a connection has committed
}

// DefaultLimits are the limits unless the user says otherwise.
var DefaultLimits = Limits{
	Connections: 64, PerClient: 8, Requests: 16, Rate: 200, Burst: 400, RequestBytes: 8 << 20, Streams: 16,
	Handshakes: 64, PerAddress: 16, HandshakeTime: 10 * time.Second, RequestTime: 30 * time.Second,
	AnswerTime: 30 * time.Second, CallTime: 2 * time.Minute, IdleTime: 5 * time.Minute,
	DrainTime: 20 * time.Second, CloseTime: 8 * time.Second,
}
