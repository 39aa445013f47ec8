package ctstate

import (
	"context"
	"strings"
	"testing"
)

var bg = context.Background()

// The transition tables in the order of the kernel's comments; the code's table has another order.
const tcpOriginalRows = `
syn    SS SS IG IG IG IG IG SS* SS* S2
synack IV IV SR IV IV IV IV IV IV SR
fin    IV IV FW FW LA LA LA TW CL IV
ack    ES IV ES ES CW CW TW TW CL IV
rst    IV CL CL CL CL CL CL CL CL CL
none   IV IV IV IV IV IV IV IV IV IV`

const tcpReplyRows = `
syn    IV S2 IV IV IV IV IV SS* IV S2
synack IV SR IG IG IG IG IG IG IG SR
fin    IV IV FW FW LA LA LA TW CL IV
ack    IV IG SR ES CW CW TW TW CL IG
rst    IV CL CL CL CL CL CL CL CL CL
none   IV IV IV IV IV IV IV IV IV IV`

var shortTCP = map[string]TCPState{"NO": TCPNone, "SS": TCPSynSent, "SR": TCPSynRecv, "ES": TCPEstablished, "FW": TCPFinWait,
	"CW": TCPCloseWait, "LA": TCPLastAck, "TW": TCPTimeWait, "CL": TCPClose, "S2": TCPSynSent2}

var indexFlags = map[string]uint16{"syn": tcpSYN, "synack": tcpSYN | tcpACK, "fin": tcpFIN | tcpACK, "ack": tcpACK, "rst": tcpRST}

const client, server = "tcp 10.0.0.1:1000>10.0.0.2:80", "tcp 10.0.0.2:80>10.0.0.1:1000"

// conn returns an answered connection in a TCP state, in zone 7.
func conn(t testing.TB, s TCPState, status Status) Entry {
	return Entry{Zone: 7, ID: 9, Orig: tup(t, client), Reply: tup(t, server), Status: Confirmed | status, Timeout: 99, HasTimeout: true,
		TCP: &TCPInfo{State: s}, Source: FromKernel}
}

func tcpDo(t *testing.T, k Tracker, tbl Table, tuple string, flags uint16, a Action) Result {
	t.Helper()
	a.Zone = 7
	_, user := k.(*Userspace)
	r, err := k.Do(bg, tbl, Conn{}, Packet{IP: true, Tuple: tup(t, tuple), TCPFlags: flags, InWindow: user}, a)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestTCPTransitions(t *testing.T) {
	for dir, rows := range []string{tcpOriginalRows, tcpReplyRows} {
		for _, row := range strings.Split(strings.TrimSpace(rows), "\n") {
			cells := strings.Fields(row)
			if cells[0] == "none" {
				continue // no legal combination of flags has this index
			}
			for old, cell := range cells[1:] {
				checkTransition(t, dir == 1, cells[0], TCPState(old), cell)
			}
		}
	}
}

func checkTransition(t *testing.T, reply bool, index string, old TCPState, cell string) {
	t.Helper()
	tuple, want := client, Est|Trk
	if reply {
		tuple, want = server, Est|Rpl|Trk
	}
	r := tcpDo(t, NewKernel(Release{}), NewMemTable(conn(t, old, SeenReply)), tuple, indexFlags[index], Action{})
	name := index + " in " + old.String() + " reply=" + map[bool]string{true: "yes", false: "no"}[reply]
	if cell == "IV" {
		if r.Conn.State != Inv|Trk || r.Hit != nil || r.Updated != nil {
			t.Errorf("%s: %v, want invalid", name, r.Conn.State)
		}
		return
	}
	if r.Conn.State != want {
		t.Errorf("%s: %v, want %v", name, r.Conn.State, want)
		return
	}
	state := old
	if r.Updated != nil {
		state = r.Updated.TCP.State
	}
	next := old
	if s, ok := shortTCP[cell]; ok {
		next = s
	}
	if state != next {
		t.Errorf("%s: left in %v, want %v", name, state, next)
	}
	// An ignored packet does not refresh the timeout.
	ignored := cell == "IG"
	if r.Updated == nil && cell != "SS*" || r.Updated != nil && (r.Updated.Timeout == 99) != (ignored || cell == "SS*") {
		t.Errorf("%s: updated %+v", name, r.Updated)
	}
}

func TestTCPFlagSanity(t *testing.T) {
	legal := map[uint16]bool{tcpSYN: true, tcpSYN | tcpURG: true, tcpSYN | tcpACK: true, tcpRST: true, tcpRST | tcpACK: true,
		tcpFIN | tcpACK: true, tcpFIN | tcpACK | tcpURG: true, tcpACK: true, tcpACK | tcpURG: true}
	for f := range uint16(0x100) {
		if got, want := tcpFlagsValid(f), legal[f&(tcpFIN|tcpSYN|tcpRST|tcpACK|tcpURG)]; got != want {
			t.Errorf("flags %#x valid: %v, want %v", f, got, want)
		}
	}
}

func TestTCPFirstPacket(t *testing.T) {
	for _, c := range []struct {
		flags uint16
		loose int
		state State
		tcp   TCPState
		bits  uint8
	}{
		{tcpSYN, 1, New | Trk, TCPSynSent, 0},
		{tcpSYN, 0, New | Trk, TCPSynSent, 0},
		{tcpACK, 1, New | Trk, TCPEstablished, TCPFlagSackPerm | TCPFlagBeLiberal},
		{tcpACK | tcpPSH, 3, New | Trk, TCPEstablished, TCPFlagSackPerm | TCPFlagBeLiberal},
		{tcpACK, 0, Inv | Trk, 0, 0},
		{tcpSYN | tcpACK, 1, Inv | Trk, 0, 0},
		{tcpFIN | tcpACK, 1, Inv | Trk, 0, 0},
		{tcpRST, 1, Inv | Trk, 0, 0},
		{0, 1, Inv | Trk, 0, 0},
		{tcpFIN, 1, Inv | Trk, 0, 0},
	} {
		k := NewKernel(Release{})
		k.Sysctl.TCPLoose = c.loose
		r := tcpDo(t, k, NewMemTable(), client, c.flags, Action{Commit: true})
		if r.Conn.State != c.state {
			t.Errorf("flags %#x loose %d: %v, want %v", c.flags, c.loose, r.Conn.State, c.state)
			continue
		}
		if c.state&Inv != 0 {
			if r.Committed != nil || r.Conn.Attached {
				t.Errorf("flags %#x: an invalid packet left an entry", c.flags)
			}
			continue
		}
		if e := r.Committed; e == nil || e.TCP.State != c.tcp || e.TCP.FlagsOrig != c.bits || e.Status != Confirmed {
			t.Errorf("flags %#x: committed %+v", c.flags, e)
		}
	}
}

func TestTCPSpecialCases(t *testing.T) {
	closed := func(s TCPState, flags uint8, last TCPLast) Entry {
		e := conn(t, s, SeenReply|Assured)
		e.TCP.FlagsOrig, e.TCP.Last = flags, last
		return e
	}
	rst := func(d Direction) TCPLast { return TCPLast{Known: true, Index: TCPRstSet, Dir: d} }
	for _, c := range []struct {
		name    string
		e       Entry
		tuple   string
		flags   uint16
		state   State
		deleted bool
		left    TCPState
		cert    Certainty
	}{
		{"SYN after FINs", closed(TCPTimeWait, TCPFlagCloseInit, TCPLast{}), client, tcpSYN, New | Trk, true, TCPSynSent, Exact},
		{"SYN after own reset", closed(TCPClose, 0, rst(DirOriginal)), client, tcpSYN, New | Trk, true, TCPSynSent, Exact},
		{"SYN after the server's reset", closed(TCPClose, 0, rst(DirReply)), client, tcpSYN, Est | Trk, false, TCPClose, Exact},
		{"SYN after an unknown reset", closed(TCPClose, 0, TCPLast{}), client, tcpSYN, Est | Trk, false, TCPClose, Undetermined},
		{"server's SYN on TIME_WAIT", closed(TCPTimeWait, TCPFlagCloseInit, TCPLast{}), server, tcpSYN, New | Trk, true, TCPSynSent, Exact},
		{"refused", conn(t, TCPSynSent, 0), server, tcpRST | tcpACK, Est | Rpl | Trk, true, TCPClose, Exact},
		{"client gives up", conn(t, TCPSynSent, 0), client, tcpRST, New | Trk, true, TCPClose, Exact},
		{"reset of an answered one", conn(t, TCPSynRecv, SeenReply), client, tcpRST, Est | Trk, false, TCPClose, Exact},
		{"challenge ACK", closed(TCPLastAck, 0, TCPLast{Known: true, Index: TCPSynSet, ChallengeAck: true}), server, tcpACK, Est | Rpl | Trk, false, TCPLastAck, Exact},
		{"ACK of the last FIN", closed(TCPLastAck, 0, TCPLast{}), server, tcpACK, Est | Rpl | Trk, false, TCPTimeWait, Assumed},
		{"simultaneous open", conn(t, TCPSynSent, 0), server, tcpSYN, Est | Rpl | Trk, false, TCPSynSent2, Exact},
		{"its end", closed(TCPSynRecv, 0, TCPLast{Known: true, SimOpen: true}), server, tcpACK, Est | Rpl | Trk, false, TCPEstablished, Exact},
		{"SYN-ACK for an ignored SYN", closed(TCPEstablished, 0, TCPLast{Known: true, Index: TCPSynSet}), server, tcpSYN | tcpACK, Est | Rpl | Trk, false, TCPSynRecv, Assumed},
		{"SYN retransmitted", conn(t, TCPSynSent, 0), client, tcpSYN, New | Trk, false, TCPSynSent, Exact},
		{"ACK before the SYN-ACK", conn(t, TCPSynSent, 0), client, tcpACK, Inv | Trk, false, TCPSynSent, Exact},
		{"ACK of a picked up one", conn(t, TCPEstablished, 0), client, tcpACK, New | Trk, false, TCPEstablished, Assumed},
		{"SYN on a live one", conn(t, TCPEstablished, SeenReply), client, tcpSYN, Est | Trk, false, TCPEstablished, Exact},
		{"answer to a stateless entry", conn(t, TCPNone, 0), server, tcpSYN | tcpACK, Inv | Trk, false, TCPNone, Exact},
	} {
		r := tcpDo(t, NewKernel(Release{}), NewMemTable(c.e), c.tuple, c.flags, Action{})
		if r.Conn.State != c.state || (r.Deleted != nil) != c.deleted || r.Certainty != c.cert {
			t.Errorf("%s: %v deleted %v certainty %v, want %v %v %v (%q)", c.name, r.Conn.State, r.Deleted != nil, r.Certainty,
				c.state, c.deleted, c.cert, r.Why)
		}
		if c.state&Inv == 0 && r.Conn.Entry.TCP.State != c.left {
			t.Errorf("%s: left in %v, want %v", c.name, r.Conn.Entry.TCP.State, c.left)
		}
	}
}

func TestTCPTimeouts(t *testing.T) {
	for _, c := range []struct {
		old    TCPState
		status Status
		tuple  string
		flags  uint16
		want   uint32
		set    Status
	}{
		{TCPSynSent, 0, server, tcpSYN | tcpACK, 60, SeenReply},
		{TCPSynRecv, SeenReply, client, tcpACK, 432000, SeenReply | Assured},
		{TCPEstablished, 0, client, tcpACK, 300, 0},
		{TCPEstablished, 0, server, tcpACK, 300, SeenReply}, // SEEN_REPLY is set after the timeout is chosen
		{TCPEstablished, SeenReply, server, tcpACK, 432000, SeenReply | Assured},
		{TCPEstablished, SeenReply | Assured, client, tcpFIN | tcpACK, 120, SeenReply | Assured},
		{TCPFinWait, SeenReply | Assured, server, tcpACK, 60, SeenReply | Assured},
		{TCPCloseWait, SeenReply | Assured, server, tcpFIN | tcpACK, 30, SeenReply | Assured},
		{TCPLastAck, SeenReply | Assured, client, tcpACK, 120, SeenReply | Assured},
		{TCPEstablished, SeenReply | Assured, server, tcpRST, 10, SeenReply | Assured},
		{TCPSynSent, 0, client, tcpSYN, 99, 0},
	} {
		r := tcpDo(t, NewKernel(Release{}), NewMemTable(conn(t, c.old, c.status)), c.tuple, c.flags, Action{})
		if e := r.Conn.Entry; e.Timeout != c.want || e.Status != Confirmed|c.set {
			t.Errorf("%v flags %#x: timeout %d status %v, want %d %v", c.old, c.flags, e.Timeout, e.Status, c.want, Confirmed|c.set)
		}
	}
	r := tcpDo(t, NewKernel(Release{}), NewMemTable(conn(t, TCPEstablished, SeenReply)), client, tcpFIN|tcpACK, Action{})
	if r.Updated == nil || r.Updated.TCP.FlagsOrig&TCPFlagCloseInit == 0 || r.Hit.TCP.FlagsOrig != 0 {
		t.Errorf("FIN: updated %+v, hit %+v", r.Updated.TCP, r.Hit.TCP)
	}
}

func TestTCPLiberal(t *testing.T) {
	for rel, want := range map[Release]uint8{{5, 4, 0}: 0, {5, 11, 0}: TCPFlagBeLiberal, {}: TCPFlagBeLiberal} {
		r := tcpDo(t, NewKernel(rel), NewMemTable(conn(t, TCPSynRecv, SeenReply)), client, tcpACK, Action{})
		if got := r.Updated.TCP.FlagsReply & TCPFlagBeLiberal; got != want {
			t.Errorf("release %v: BE_LIBERAL %#x, want %#x", rel, got, want)
		}
	}
	// A connection that begins again keeps the liberal flag of the answering side
	// (nf_ct_tcp_state_reset).
	e := conn(t, TCPEstablished, SeenReply|Assured)
	e.TCP.FlagsOrig, e.TCP.FlagsReply = TCPFlagBeLiberal|TCPFlagMaxAckSet, TCPFlagBeLiberal|TCPFlagCloseInit
	e.TCP.Last = TCPLast{Known: true, Index: TCPSynSet}
	r := tcpDo(t, NewKernel(Release{}), NewMemTable(e), server, tcpSYN|tcpACK, Action{})
	if got := r.Updated.TCP; got.State != TCPSynRecv || got.FlagsOrig != 0 || got.FlagsReply != TCPFlagBeLiberal|TCPFlagMaxAckSet {
		t.Errorf("begun again: %+v", got)
	}
}
