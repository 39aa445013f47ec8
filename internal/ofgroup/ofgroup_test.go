package ofgroup

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"reflect"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv/dummy"
)

// TestRead: a real bridge's groups, with actions of several lengths, and what is no select group.
func TestRead(t *testing.T) {
	o := dummy.Start(t)
	o.Vsctl("add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=dummy")
	for _, g := range []string{
		"group_id=1,type=select,selection_method=dp_hash,bucket=bucket_id:0,weight:100,actions=ct(commit,table=2,nat(dst=10.0.0.1:80)),bucket=bucket_id:4,weight:7,watch_port:3,actions=output:1",
		"group_id=2,type=select,bucket=weight:0,actions=drop",
		"group_id=3,type=select,selection_method=hash,fields(ip_dst),bucket=bucket_id:9,actions=set_field:1->reg0,output:2",
		"group_id=4,type=all,bucket=actions=output:1",
		"group_id=5,type=select,selection_method=dp_hash",
	} {
		o.Ofctl("-O", "OpenFlow15", "add-group", "br0", g)
	}
	for id, want := range map[uint32]*Group{
		1: {"dp_hash", []Bucket{{0, 100}, {4, 7}}}, 2: {"", []Bucket{{0, 0}}}, 3: {"hash", []Bucket{{9, 1}}}, 4: nil, 5: {"dp_hash", nil}, 6: nil,
	} {
		got, err := Read(t.Context(), o.RunDir, "br0", id)
		if (err == nil) != (want != nil) || !reflect.DeepEqual(got, want) {
			t.Errorf("group %d: %+v, %v; want %+v", id, got, err, want)
		}
	}
	// Many buckets: the reply has its length limit.
	many := "group_id=7,type=select,selection_method=dp_hash"
	for i := range 200 {
		many += fmt.Sprintf(",bucket=bucket_id:%d,weight:%d,actions=output:1", i, i+1)
	}
	o.Ofctl("-O", "OpenFlow15", "add-group", "br0", many)
	g, err := Read(t.Context(), o.RunDir, "br0", 7)
	if err != nil || len(g.Buckets) != 200 || g.Buckets[199] != (Bucket{199, 200}) {
		t.Errorf("%+v, %v", g, err)
	}
	for _, name := range []string{"", "no", "../br0", "br0/x"} {
		if _, err := Read(t.Context(), o.RunDir, name, 1); err == nil {
			t.Errorf("bridge %q is no error", name)
		}
	}
}

// captured is the reply of Open vSwitch 3.1.0 for group 1 of TestRead, without the message's and
// the multipart headers.
const captured = "00a001000000000100680000000000000040003000000000ffff00300000232000230001000000000000020000000000ffff00180000232000240000000200110a00000100500000000000080064000000280010000000040000001000000001000000000000000000000008000700000001000800000003ffff00280000154d000000010000000064705f686173680000000000000000000000000000000000"

// link is a connection whose other side has sent everything already.
type link struct {
	io.Reader
	sent bytes.Buffer
}

func (l *link) Write(b []byte) (int, error) { return l.sent.Write(b) }

func reply(id uint32, flags byte, entries []byte) []byte {
	return message(typeReply, id, append([]byte{0, groupDesc, 0, flags, 0, 0, 0, 0}, entries...))
}

// TestAsk: echo requests are answered, other messages left out, parts joined, and what ends early
// or never is an error.
func TestAsk(t *testing.T) {
	entry, err := hex.DecodeString(captured)
	if err != nil {
		t.Fatal(err)
	}
	hello, echo := message(typeHello, 1, nil), message(typeEcho, 9, []byte("ping"))
	other := bytes.Clone(entry)
	binary.BigEndian.PutUint32(other[4:], 5)
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	for name, c := range map[string]struct {
		in   []byte
		good bool
	}{
		"plain":         {join(hello, reply(2, 0, entry)), true},
		"echo":          {join(hello, echo, reply(2, 0, entry)), true},
		"parts":         {join(hello, reply(2, flagMore, entry), reply(2, 0, other)), true},
		"other reply":   {join(hello, reply(3, 0, other), reply(2, 0, entry)), true},
		"no such group": {join(hello, reply(2, 0, other)), false},
		"refused":       {join(hello, message(typeError, 2, []byte{0, 1, 0, 2})), false},
		"other version": {join(message(typeError, 1, []byte{0, 0, 0, 0})), false},
		"cut":           {join(hello, reply(2, 0, entry)[:40]), false},
		"short length":  {[]byte{6, 0, 0, 4, 0, 0, 0, 0}, false},
		"endless":       {bytes.Repeat(echo, 2*maxMessages), false},
	} {
		l := &link{Reader: bytes.NewReader(c.in)}
		g, err := ask(l, 1)
		if (err == nil) != c.good || c.good && len(g.Buckets) != 2 {
			t.Errorf("%s: %+v, %v", name, g, err)
		}
		if name == "echo" && !bytes.Contains(l.sent.Bytes(), message(typeEchoed, 9, []byte("ping"))) {
			t.Errorf("the echo was not answered: %x", l.sent.Bytes())
		}
	}
	for n := range entry { // whatever is cut off
		if g, err := decode(entry[:n], 1); n > 0 && (err == nil || g != nil) {
			t.Errorf("%d bytes: %+v, %v", n, g, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	entry, err := hex.DecodeString(captured)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(entry, uint32(1))
	f.Fuzz(func(t *testing.T, body []byte, group uint32) {
		g, err := decode(body, group)
		if g != nil && (err != nil || len(g.Buckets) > len(body)/bucketLen) {
			t.Errorf("%d buckets of %d bytes, %v", len(g.Buckets), len(body), err)
		}
	})
}
