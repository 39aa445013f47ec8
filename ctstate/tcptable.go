package ctstate

// TCP flags as in the header (Packet.TCPFlags).
const (
	tcpFIN = 0x01
	tcpSYN = 0x02
	tcpRST = 0x04
	tcpPSH = 0x08
	tcpACK = 0x10
	tcpURG = 0x20
)

// tcpFlagsValid is tcp_valid_flags, as tcp_error uses it: PSH, ECE and CWR are always allowed.
func tcpFlagsValid(flags uint16) bool {
	switch flags & (tcpFIN | tcpSYN | tcpRST | tcpACK | tcpURG) {
	case tcpSYN, tcpSYN | tcpURG, tcpSYN | tcpACK, tcpRST, tcpRST | tcpACK,
		tcpFIN | tcpACK, tcpFIN | tcpACK | tcpURG, tcpACK, tcpACK | tcpURG:
		return true
	}
	return false
}

// tcpIndex is get_conntrack_index.
func tcpIndex(flags uint16) TCPBitSet {
	switch {
	case flags&tcpRST != 0:
		return TCPRstSet
	case flags&(tcpSYN|tcpACK) == tcpSYN|tcpACK:
		return TCPSynAckSet
	case flags&tcpSYN != 0:
		return TCPSynSet
	case flags&tcpFIN != 0:
		return TCPFinSet
	case flags&tcpACK != 0:
		return TCPAckSet
	}
	return TCPNoneSet
}

// The entries of the transition table that are not states.
const (
	tcpIV TCPState = 0xff // invalid
	tcpIG TCPState = 0xfe // ignored: accepted without a change
)

// The table is written with the kernel's two-letter names.
const (
	sSS = TCPSynSent
	sSR = TCPSynRecv
	sES = TCPEstablished
	sFW = TCPFinWait
	sCW = TCPCloseWait
	sLA = TCPLastAck
	sTW = TCPTimeWait
	sCL = TCPClose
	sS2 = TCPSynSent2
	sIV = tcpIV
	sIG = tcpIG
)

// tcpTable is tcp_conntracks[dir][index][state]; columns NO SS SR ES FW CW LA TW CL S2.
var tcpTable = [2][6][10]TCPState{
	DirOriginal: {
		TCPSynSet:    {sSS, sSS, sIG, sIG, sIG, sIG, sIG, sSS, sSS, sS2},
		TCPSynAckSet: {sIV, sIV, sSR, sIV, sIV, sIV, sIV, sIV, sIV, sSR},
		TCPFinSet:    {sIV, sIV, sFW, sFW, sLA, sLA, sLA, sTW, sCL, sIV},
		TCPAckSet:    {sES, sIV, sES, sES, sCW, sCW, sTW, sTW, sCL, sIV},
		TCPRstSet:    {sIV, sCL, sCL, sCL, sCL, sCL, sCL, sCL, sCL, sCL},
		TCPNoneSet:   {sIV, sIV, sIV, sIV, sIV, sIV, sIV, sIV, sIV, sIV},
	},
	DirReply: {
		TCPSynSet:    {sIV, sS2, sIV, sIV, sIV, sIV, sIV, sSS, sIV, sS2},
		TCPSynAckSet: {sIV, sSR, sIG, sIG, sIG, sIG, sIG, sIG, sIG, sSR},
		TCPFinSet:    {sIV, sIV, sFW, sFW, sLA, sLA, sLA, sTW, sCL, sIV},
		TCPAckSet:    {sIV, sIG, sSR, sES, sCW, sCW, sTW, sTW, sCL, sIG},
		TCPRstSet:    {sIV, sCL, sCL, sCL, sCL, sCL, sCL, sCL, sCL, sCL},
		TCPNoneSet:   {sIV, sIV, sIV, sIV, sIV, sIV, sIV, sIV, sIV, sIV},
	},
}
