package ctstate

import (
	"encoding/json"
	"reflect"
	"regexp"
	"testing"
)

// Values sent between nodes are read back unchanged, under keys of one style.
func TestResultJSON(t *testing.T) {
	inner, master := tup(t, query), tup(t, client)
	e := conn(t, TCPEstablished, SeenReply)
	e.TCP.Last = TCPLast{Known: true, Index: TCPFinSet, Dir: DirReply, ChallengeAck: true, SimOpen: true}
	e.Mark, e.Label = 5, Label{Hi: 1, Lo: 2}
	e.Counters = &Counters{Orig: Traffic{Packets: 1, Bytes: 2}, Reply: Traffic{Packets: 3, Bytes: 4}}
	e.Master, e.SCTP, e.Unknown = &master, &SCTPInfo{State: SCTPShutdownAckSent, VTagOrig: 1, VTagRepl: 2}, UnknownNAT
	u := uconn(t, UserTCPFinWait2, UserTCPTimeWait)
	want := Result{
		Conn: Conn{Attached: true, Zone: 7, Entry: e, Info: CTRelatedReply, State: Trk | Rel | Rpl, Mark: 1, Label: Label{Hi: 2, Lo: 3},
			KeyZone: 8, OrigTuple: &inner, TimeoutPolicy: "p"},
		Packet: Packet{IP: true, Tuple: tup(t, client), TCPFlags: tcpACK, Frag: FragFirst, HasID: true, Inner: &inner, Redirect: true,
			HopLimit: 255, Length: 60, InWindow: true},
		Looked: true, Found: FromKernel, Hit: &e, Dir: DirReply, NATed: true, Committed: &u, Updated: &u, Deleted: &u,
		Dropped: true, Left: true, Absorbed: true, Awaits: true, Certainty: Assumed,
		Ranges: []Range{{Kind: RangeNATPort, Min: 1, Max: 2}, {Kind: RangeNATAddress, MinAddr: addr("10.0.0.1"), MaxAddr: addr("10.0.0.2")}},
		Why:    []string{"because"},
		Alternatives: []Alternative{{Picks: []Pick{{Kind: QuestionReopen, Chosen: "a", Why: "b"}},
			Result: Result{Certainty: Undetermined, Conn: Conn{Info: CTNew}}}},
	}
	b, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got Result
	if err := json.Unmarshal(b, &got); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("read back %+v, %v", got, err)
	}
	for _, m := range regexp.MustCompile(`"(\w*[A-Z]\w*)":`).FindAllSubmatch(b, -1) {
		t.Errorf("key %s is not snake_case", m[1])
	}
	// Every field was given a value above, so that none was compared as zero.
	allSet(t, "Result", reflect.ValueOf(want), map[string]bool{
		"Result.Conn.Entry.UserTCP": true, "Result.Conn.Entry.Helper": true, "Result.Conn.Entry.Created": true,
		"Result.Conn.Entry.NATSrc": true, "Result.Conn.Entry.NATDst": true,
	})
}

// allSet fails for fields that are zero, except for those that may be.
func allSet(t *testing.T, at string, v reflect.Value, may map[string]bool) {
	t.Helper()
	if v.Kind() != reflect.Struct || v.NumField() > 0 && !v.Type().Field(0).IsExported() {
		if v.IsZero() && !may[at] {
			t.Errorf("%s is zero", at)
		}
		return
	}
	for i := range v.NumField() {
		if at+"."+v.Type().Field(i).Name == "Result.Alternatives" {
			continue
		}
		if name := at + "." + v.Type().Field(i).Name; v.Type().Field(i).Type != reflect.TypeFor[Tuple]() {
			allSet(t, name, v.Field(i), may)
		}
	}
}

// A number without a name is written as the number, and an unknown name is refused.
func TestNamesOnTheWire(t *testing.T) {
	for _, v := range []any{new(TCPState), new(UserTCPState), new(SCTPState), new(TCPBitSet), new(Direction), new(CTInfo),
		new(Certainty), new(Source)} {
		for n := range 256 {
			p := reflect.ValueOf(v).Elem()
			p.SetUint(uint64(n))
			b, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			p.SetUint(77)
			if err := json.Unmarshal(b, v); err != nil || p.Uint() != uint64(n) {
				t.Errorf("%T %d is %s, read back as %d, %v", v, n, b, p.Uint(), err)
			}
		}
		for _, bad := range []string{`"no such name"`, `"256"`, `""`} {
			if err := json.Unmarshal([]byte(bad), v); err == nil {
				t.Errorf("%T: %s was read", v, bad)
			}
		}
	}
}
