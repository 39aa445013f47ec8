package ctdpif

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv"
)

// serve answers each connection with what reply writes, write by write.
func serve(t testing.TB, reply func(w io.Writer)) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ctl") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "s")
	testenv.Unix(t, path, func(c net.Conn) {
		c.Read(make([]byte, 4096))
		reply(c)
	})
	return path
}

func TestStream(t *testing.T) {
	for _, c := range []struct {
		name, reply, want string
		wantErr           error
	}{
		{"plain", `{"id":0,"result":"abc\n","error":null}`, "abc\n", nil},
		{"error first", `{"error":null,"id":0,"result":"abc"}`, "abc", nil},
		{"empty", `{"id":0,"result":"","error":null}`, "", nil},
		{"spaces", " { \"result\" : \"a\" , \"error\" : null }\n", "a", nil},
		{"escapes", `{"result":"\"\\\/\b\f\n\r\t\u0041\u00e9\ud83d\ude00","error":null}`, "\"\\/\b\f\n\r\tAé😀", nil},
		{"cut in the text", `{"id":0,"result":"abc`, "abc", io.ErrUnexpectedEOF},
		{"cut behind the text", `{"id":0,"result":"abc"`, "abc", io.ErrUnexpectedEOF},
		{"cut in an escape", `{"id":0,"result":"abc\u00`, "abc", io.ErrUnexpectedEOF},
		{"nothing", ``, "", io.ErrUnexpectedEOF},
		{"not JSON", `hello`, "", errReply},
		{"error after the text", `{"result":"abc","error":"no"}`, "abc", &DaemonError{}},
		{"refused", `{"id":0,"result":null,"error":"\"x\" is not a valid command\nbye"}`, "", &DaemonError{}},
	} {
		for _, piece := range []int{1, 7, 1 << 20} {
			path := serve(t, func(w io.Writer) {
				for s := c.reply; s != ""; {
					n := min(piece, len(s))
					w.Write([]byte(s[:n]))
					s = s[n:]
				}
			})
			got := ""
			r, err := Socket{Path: path}.Stream(t.Context(), "x")
			if err == nil {
				var b []byte
				b, err = io.ReadAll(r)
				got = string(b)
				r.Close()
			}
			var de *DaemonError
			_, wantDaemon := c.wantErr.(*DaemonError)
			ok := errors.Is(err, c.wantErr) || wantDaemon && errors.As(err, &de)
			if got != c.want || !ok {
				t.Errorf("%s, %d bytes a piece: %q %v, want %q %v", c.name, piece, got, err, c.want, c.wantErr)
			}
		}
	}
}

func TestStreamCancel(t *testing.T) {
	stop := make(chan struct{})
	defer close(stop)
	path := serve(t, func(w io.Writer) {
		w.Write([]byte(`{"result":"abc`))
		<-stop
	})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	r, err := Socket{Path: path}.Stream(ctx, "x")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if b, err := io.ReadAll(r); string(b) != "abc" || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%q %v", b, err)
	}
}

// TestStopEarly checks that a dump ends at once when no further line is read, though more of it is
// waited for.
func TestStopEarly(t *testing.T) {
	stop, left := make(chan struct{}), make(chan struct{})
	defer close(stop)
	path := serve(t, func(w io.Writer) {
		w.Write([]byte(`{"id":0,"result":"` + strings.Repeat("tcp,"+o4+","+r4+`\n`, 2*aheadSize/100)))
		<-stop
	})
	go func() {
		defer close(left)
		for range New(Socket{Path: path}, "").All(t.Context(), nil) {
			return
		}
	}()
	select {
	case <-left:
	case <-time.After(20 * time.Second):
		t.Fatal("it still reads")
	}
}

// TestCutShort checks that a text that ends early is an error, never "not found".
func TestCutShort(t *testing.T) {
	path := serve(t, func(w io.Writer) { w.Write([]byte(`{"id":0,"result":"tcp,` + o4 + "," + r4 + `\n`)) })
	_, err := New(Socket{Path: path}, "").Lookup(t.Context(), 0, tup(17, "10.0.0.1:9", "10.0.0.2:9"))
	if !errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, ctstate.ErrNotFound) {
		t.Errorf("%v", err)
	}
}

// manyLines writes a reply of n connections.
func manyLines(w io.Writer, n int) {
	io.WriteString(w, `{"id":0,"result":"`)
	var b []byte
	for i := range n {
		b = fmt.Appendf(b, `tcp,orig=(src=10.%d.%d.%d,dst=30.0.0.1,sport=%d,dport=80),reply=(src=30.0.0.1,dst=10.%d.%d.%d,sport=80,dport=%d),id=0,zone=7,status=0,timeout=86399,mark=2,protoinfo=(state_orig=ESTABLISHED,state_reply=ESTABLISHED,wscale_orig=7,wscale_reply=7,flags_orig=WINDOW_SCALE|SACK_PERM|MAXACK_SET,flags_reply=WINDOW_SCALE|SACK_PERM|MAXACK_SET)\n`,
			i>>16&255, i>>8&255, i&255, 1000+i%60000, i>>16&255, i>>8&255, i&255, 1000+i%60000)
		if len(b) > 1<<16 || i == n-1 {
			if _, err := w.Write(b); err != nil {
				return
			}
			b = b[:0]
		}
	}
	io.WriteString(w, `","error":null}`)
}

// TestFlatMemory reads a table that is much larger than the allowed memory.
func TestFlatMemory(t *testing.T) {
	const n = 70_000 // 25 MB of text
	path := serve(t, func(w io.Writer) { manyLines(w, n) })
	tbl := New(Socket{Path: path}, "")
	zone := uint16(7)
	var before, during runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var peak uint64
	count := 0
	for e, err := range tbl.All(t.Context(), &zone) {
		if err != nil {
			t.Fatal(err)
		}
		if count++; count%10_000 == 0 {
			runtime.GC()
			runtime.ReadMemStats(&during)
			peak = max(peak, during.HeapAlloc)
		}
		_ = e
	}
	if count != n {
		t.Fatalf("%d of %d", count, n)
	}
	if grown := int64(peak) - int64(before.HeapAlloc); grown > 4<<20 {
		t.Errorf("%d bytes are held while reading", grown)
	}
	before = runtime.MemStats{}
	runtime.GC()
	runtime.ReadMemStats(&before)
	if e, err := tbl.Lookup(t.Context(), 7, tup(6, "30.0.0.1:80", "10.1.0.0:6536")); err != nil || e.Orig.Src != ap("10.1.0.0:6536") {
		t.Errorf("%v %v", e.Orig, err)
	}
	runtime.GC()
	runtime.ReadMemStats(&during)
	if grown := int64(during.HeapAlloc) - int64(before.HeapAlloc); grown > 1<<20 {
		t.Errorf("%d bytes of the heap hold the zone", grown)
	}
	z := tbl.zones[7]
	if held := z.Bytes(); z.Len() != n || held > 50*n {
		t.Errorf("%d bytes for %d connections", held, z.Len())
	}
}
