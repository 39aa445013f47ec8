package node

import (
	"errors"
	"io"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ctdpif"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ctlist"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
)

// keptDump is a kernel's table as dpctl/dump-conntrack -m prints it.
const keptDump = `tcp,orig=(src=10.0.0.3,dst=30.0.0.10,sport=4000,dport=80),reply=(src=20.0.0.4,dst=10.0.0.3,sport=8080,dport=4000),id=1,zone=7,status=SEEN_REPLY|ASSURED|CONFIRMED|DST_NAT|DST_NAT_DONE,mark=2,labels=0x1,protoinfo=(state_orig=CLOSING,state_reply=CLOSING,flags_orig=WINDOW_SCALE|SACK_PERM,flags_reply=WINDOW_SCALE|SACK_PERM)
udp,orig=(src=10.0.0.3,dst=10.0.0.4,sport=53,dport=54),reply=(src=10.0.0.4,dst=10.0.0.3,sport=54,dport=53),id=2,zone=8,status=CONFIRMED
`

// keptList is what conntrack -L shows of it, with an entry more.
const keptList = `ipv4     2 tcp      6 97 CLOSE src=10.0.0.3 dst=30.0.0.10 sport=4000 dport=80 src=20.0.0.4 dst=10.0.0.3 sport=8080 dport=4000 [ASSURED] mark=2 zone=7 use=1
ipv4     2 udp      17 47 src=10.0.0.3 dst=10.0.0.4 sport=53 dport=54 [UNREPLIED] src=10.0.0.4 dst=10.0.0.3 sport=54 dport=53 mark=0 zone=8 use=1
ipv4     2 udp      17 29 src=10.0.0.5 dst=10.0.0.6 sport=1 dport=2 [UNREPLIED] src=10.0.0.6 dst=10.0.0.5 sport=2 dport=1 mark=0 zone=8 use=1
conntrack v1.4.7 (conntrack-tools): 3 flow entries have been shown.
`

func keptTuple(proto uint8, src, dst string) ctstate.Tuple {
	return ctstate.Tuple{Proto: proto, Src: netip.MustParseAddrPort(src), Dst: netip.MustParseAddrPort(dst)}
}

func keptTable(t *testing.T, dump, list, lacks string) ctstate.Table {
	t.Helper()
	k := &Kept{Dump: &ctdpif.Recorded{Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(dump)), nil }}, Lacks: lacks}
	if list != "" {
		l, err := ctlist.Read(strings.NewReader(list))
		if err != nil {
			t.Fatal(err)
		}
		k.Listed = l
	}
	r := &Replica{Of: "hv1", Kernel: "6.1.0-13-amd64", Table: func(string) *Kept { return k }}
	table, _ := r.kernel(&Info{}, "system@ovs-system")
	return table
}

// A kept table answers as far as it is whole: an entry of the dump counts, with the timeout and the
// state of the list; a miss counts if one of the two is whole; an entry of the list alone is
// unknown.
func TestKeptKernel(t *testing.T) {
	conn := keptTuple(6, "20.0.0.4:8080", "10.0.0.3:4000")
	alone, none := keptTuple(17, "10.0.0.5:1", "10.0.0.6:2"), keptTuple(17, "10.0.0.5:9", "10.0.0.6:9")
	cut := strings.Replace(keptList, "3 flow", "9 flow", 1)
	for _, c := range []struct {
		name, list, lacks string
		alone, none       string // "none", "unknown"
	}{
		{"whole", "", "", "none", "none"},
		{"whole and listed", keptList, "", "unknown", "none"},
		{"cut", "", "it is cut", "unknown", "unknown"},
		{"cut, listed", keptList, "it is cut", "unknown", "none"},
		{"cut, listed and cut", cut, "it is cut", "unknown", "unknown"},
	} {
		table := keptTable(t, keptDump, c.list, c.lacks)
		e, err := table.Lookup(t.Context(), 7, conn)
		if err != nil || e.Orig != keptTuple(6, "10.0.0.3:4000", "30.0.0.10:80") || e.TCP == nil || e.TCP.State != ctstate.TCPClose ||
			e.Source != ctstate.FromKernel || e.Label.Lo != 1 || e.Mark != 2 || e.HasTimeout != (c.list != "") || c.list != "" && e.Timeout != 97 {
			t.Errorf("%s: %+v, %v", c.name, e, err)
		}
		for what, x := range map[string]struct {
			t    ctstate.Tuple
			want string
		}{"listed alone": {alone, c.alone}, "not there": {none, c.none}} {
			_, err := table.Lookup(t.Context(), 8, x.t)
			got := "unknown"
			if errors.Is(err, ctstate.ErrNotFound) {
				got = "none"
			}
			var nc *NotCollectedError
			if got != x.want || got == "unknown" && !errors.As(err, &nc) {
				t.Errorf("%s, %s: %s (%v), want %s", c.name, what, got, err, x.want)
			}
		}
	}
}

// A line that cannot be read makes the misses of its zone unknown, and of all zones if it has none.
func TestKeptUnreadable(t *testing.T) {
	none := keptTuple(17, "10.0.0.5:9", "10.0.0.6:9")
	for dump, want := range map[string]map[uint16]bool{
		keptDump + "garbage\n":                                     {8: true, 9: true},
		keptDump + "udp,orig=(src=1.1.1.1,dst=x),id=3,zone=9\n":    {8: false, 9: true},
		keptDump + "udp,orig=(src=1.1.1.1,dst=2.2.2.2),id=3,zone=": {8: false, 9: false},
	} {
		for zone, unknown := range want {
			_, err := keptTable(t, dump, "", "").Lookup(t.Context(), zone, none)
			if errors.Is(err, ctstate.ErrNotFound) == unknown {
				t.Errorf("%q: zone %d: %v", dump[len(keptDump):], zone, err)
			}
			_, err = keptTable(t, dump, "", "").(ctstate.SourceBinder).BySource(t.Context(), zone, 17, none.Src)
			if (err != nil) != unknown {
				t.Errorf("%q: zone %d, by source: %v", dump[len(keptDump):], zone, err)
			}
		}
	}
}

// What a helper expects is unknown in a zone with one, whichever of the two dumps shows it.
func TestKeptHelpers(t *testing.T) {
	const helper = " helper=ftp use=1\nipv4     2 udp"
	other := keptTuple(6, "10.0.0.5:20", "10.0.0.6:2")
	for list, want := range map[string]map[uint16]bool{
		keptList: {7: false, 8: false},
		strings.Replace(keptList, " use=1\nipv4     2 udp", helper, 1): {7: true, 8: false},
	} {
		for zone, unknown := range want {
			for _, lacks := range []string{"", "it is cut"} {
				_, err := keptTable(t, keptDump, list, lacks).(ctstate.Expecter).Expectation(t.Context(), zone, other)
				if errors.Is(err, errKeptExpectations) != unknown || errors.Is(err, ctstate.ErrNotFound) == unknown {
					t.Errorf("helper %v, zone %d, %q: %v", list != keptList, zone, lacks, err)
				}
			}
		}
	}
}

// Nothing can be sent, changed or watched on a rebuilt machine, and the journal and the databases
// of this machine are not taken for its own.
func TestReplicaOnlyAnswers(t *testing.T) {
	s := NewService(Options{Replica: &Replica{Of: "hv1"}})
	_, commit := s.Commit(t.Context(), CommitRequest{})
	_, capture := s.Capture(t.Context(), CaptureRequest{})
	_, watch := s.Watch(t.Context(), WatchRequest{}, nil)
	_, clean := s.Clean(t.Context(), false)
	_, list := s.Clean(t.Context(), true)
	_, database := s.Database(t.Context(), ovn.Southbound)
	_, rows := s.Rows(t.Context(), RowsRequest{Database: ovn.Southbound}, nil)
	for what, err := range map[string]error{
		"commit": commit, "capture": capture, "watch": watch, "inject": s.Inject(t.Context(), InjectRequest{}),
		"clean": clean, "list": list, "database": database, "rows": rows,
	} {
		if !errors.Is(err, errReplica) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// Look-ups in a bridge that the machine does not have are not shown, and what decided an end stays
// what it was.
func TestReplicaHidesInvented(t *testing.T) {
	res := &engine.Result{
		Segments: []*engine.Segment{
			{Tables: []engine.TableHit{{Bridge: "br-int", Table: 1}, {Bridge: "invented", Table: 0}, {Bridge: "br-int", Table: 2}}},
			{ID: 1, Tables: []engine.TableHit{{Bridge: "br-int", Table: 3}}},
		},
		Outcomes: []*engine.Outcome{{Leaves: []engine.Leaf{{Hit: 3}, {Hit: 0}, {Segment: 1, Hit: 1}}}},
	}
	(&Replica{Invented: "invented"}).hide(res)
	var tables []int
	for _, s := range res.Segments {
		for _, h := range s.Tables {
			tables = append(tables, h.Table)
		}
	}
	l := res.Outcomes[0].Leaves
	if !slices.Equal(tables, []int{1, 2, 3}) || l[0].Hit != 2 || l[1].Hit != 0 || l[2].Hit != 1 {
		t.Errorf("tables %v, ends %+v", tables, l)
	}
}

// How full the tables of an archive's machine are is known as far as it has the limits; a default
// is none.
func TestReplicaHealth(t *testing.T) {
	info := &Info{Bridge: "br-int", Datapath: "netdev", Zones: map[uint16]string{7: "sw0-p1"}}
	kept := &Kept{Held: []ctstate.Entry{{}, {}}}
	r := &Replica{Of: "hv1", Table: func(string) *Kept { return kept }}
	h, err := r.health(info)
	if err != nil || h.Conntrack.Count != 2 || h.Conntrack.Max != 0 || len(h.Conntrack.Limits) != 0 {
		t.Fatalf("%+v, %v", h, err)
	}
	if want := []string{"limits of zones: not collected", "the maximum number of connections: not collected"}; !slices.Equal(h.Unknown, want) {
		t.Errorf("unknown: %q", h.Unknown)
	}
	kept.Answers = map[string]string{"dpctl/ct-get-maxconns": "3\n", "dpctl/ct-get-limits": "default limit=0\nzone=7,limit=1,count=1\nzone=9,limit=1,count=1\n"}
	h, err = r.health(info)
	if err != nil || h.Conntrack.Max != 3 || len(h.Unknown) > 0 || len(h.Conntrack.Limits) != 1 || h.Conntrack.Limits[7] != (ctstate.ZoneLimit{Limit: 1, Count: 1}) {
		t.Errorf("own bundle: %+v, %v", h, err)
	}
	// Under a default limit each zone must have been counted; before 3.5 all count together, which any
	// zone without a limit of its own says.
	info.Zones = map[uint16]string{7: "sw0-p1", 8: "sw0-p2"}
	own := ctstate.ZoneLimit{Limit: 1, Count: 1}
	for _, c := range []struct {
		version  string
		limits   map[uint16]ctstate.ZoneLimit
		want     ctstate.ZoneLimit // of zone 8
		together *ctstate.ZoneLimit
		unknown  bool
	}{
		{"3.5.0", map[uint16]ctstate.ZoneLimit{7: own, 8: {Limit: 9, Count: 2}}, ctstate.ZoneLimit{Limit: 9, Count: 2}, nil, false},
		{"3.5.0", map[uint16]ctstate.ZoneLimit{7: own}, ctstate.ZoneLimit{}, nil, true},
		{"3.1.0", map[uint16]ctstate.ZoneLimit{7: own, 8: {Limit: 9, Count: 5}}, ctstate.ZoneLimit{}, &ctstate.ZoneLimit{Limit: 9, Count: 5}, false},
		{"3.1.0", map[uint16]ctstate.ZoneLimit{7: own}, ctstate.ZoneLimit{}, nil, true},
	} {
		info.OVSVersion, kept.Limits = c.version, c.limits
		kept.Answers = map[string]string{"dpctl/ct-get-maxconns": "3\n", "dpctl/ct-get-limits": "default limit=9\nzone=7,limit=1,count=1\n"}
		h, err := r.health(info)
		if err != nil || h.Conntrack.Limits[7] != own || h.Conntrack.Limits[8] != c.want || !reflect.DeepEqual(h.Conntrack.Together, c.together) || (len(h.Unknown) > 0) != c.unknown {
			t.Errorf("%s, %v: %+v, %v", c.version, c.limits, h, err)
		}
	}
	kept.Answers, r.Live = nil, info
	if h, err = r.health(info); err != nil || len(h.Unknown) > 0 {
		t.Errorf("a copy of a live one: %+v, %v", h, err)
	}
}
