package report

import (
	"fmt"
	"net"
	"strconv"
)

// Text returns the tuple for people: "10.0.0.3:46982 > 30.0.0.10:80", and for ICMP
// "10.0.0.3 > 8.8.8.8 id 5".
func (t Tuple) Text() string {
	text := t.Source() + " > " + t.Destination()
	if t.ICMPID != nil {
		text += fmt.Sprintf(" id %d", *t.ICMPID)
	}
	return text
}

// Source returns the source address, with the port if the protocol has ports.
func (t Tuple) Source() string { return end(t.Src, t.Sport) }

// Destination returns the destination address, with the port if the protocol has ports.
func (t Tuple) Destination() string { return end(t.Dst, t.Dport) }

// Inverse returns the tuple with source and destination exchanged. The ICMP type stays.
func (t Tuple) Inverse() Tuple {
	t.Src, t.Dst, t.Sport, t.Dport = t.Dst, t.Src, t.Dport, t.Sport
	return t
}

func end(addr string, port *uint16) string {
	if port == nil {
		return addr
	}
	return net.JoinHostPort(addr, strconv.Itoa(int(*port)))
}
