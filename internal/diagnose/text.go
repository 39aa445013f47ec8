package diagnose

import (
	"net"
	"strconv"

	"github.com/kballard/go-shellquote"

	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// command returns a command line with its words quoted for a shell.
func command(argv ...string) string { return shellquote.Join(argv...) }

// describe returns a packet's protocol and addresses.
func describe(h report.Header) string {
	if h.IPSrc == "" {
		switch {
		case h.ARPTPA != "":
			return "arp for " + h.ARPTPA
		case h.EthType != "":
			return h.EthSrc + " > " + h.EthDst + " type " + h.EthType
		}
		return h.EthSrc + " > " + h.EthDst
	}
	return h.IPProto + " " + endpoint(h.IPSrc, h.L4Src) + " > " + endpoint(h.IPDst, h.L4Dst)
}

// endpoint returns an address with its port, if there is one.
func endpoint(addr string, port *int) string {
	if port == nil {
		return addr
	}
	return net.JoinHostPort(addr, strconv.Itoa(*port))
}
