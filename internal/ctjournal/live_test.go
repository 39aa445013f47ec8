package ctjournal

import (
	"errors"
	"net"
	"testing"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ctnetlink"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/nodens"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/nodens/nstest"
)

// ctTable returns a new namespace and its table.
func ctTable(t testing.TB, labels bool) (nodens.NetNS, *ctnetlink.Table) {
	t.Helper()
	ns := nstest.New(t)
	nstest.Conntrack(t, ns, labels)
	tbl, err := ctnetlink.Open(t.Context(), ns)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tbl.Close() })
	return ns, tbl
}

func committer(t testing.TB, tbl *ctnetlink.Table, o Options) *Committer {
	t.Helper()
	c, err := NewFor(tbl, o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// natEntry returns the entry that the model commits for a SYN to a load balancer's address.
func natEntry() ctstate.Entry {
	return ctstate.Entry{
		Zone: 7, Orig: tup(6, "10.0.0.1:1000", "30.0.0.1:80"), Reply: tup(6, "42.0.0.1:8080", "10.0.0.1:1000"),
		Status: ctstate.Confirmed | ctstate.DstNAT | ctstate.SrcNATDone | ctstate.DstNATDone,
		Mark:   2, Label: ctstate.Label{Lo: 4, Hi: 1 << 63}, TCP: &ctstate.TCPInfo{State: 1},
	}
}

func TestLiveCommit(t *testing.T) {
	_, tbl := ctTable(t, true)
	dir := t.TempDir()
	c := committer(t, tbl, Options{Dir: dir})
	want := natEntry()
	got, err := c.Commit(t.Context(), want)
	if err != nil {
		t.Fatal(err)
	}
	if got.Status != want.Status || got.Reply != want.Reply || got.Mark != 2 || got.Label != want.Label ||
		got.TCP.State != 1 || got.TCP.FlagsOrig != 0x0a || got.TCP.FlagsReply != 0x0a || got.Timeout > 30 || got.Timeout < 25 {
		t.Errorf("got %+v %+v", got, got.TCP)
	}
	// The handshake continues with SYN-ACK and ACK.
	for _, step := range []struct {
		status ctstate.Status
		state  ctstate.TCPState
	}{{ctstate.SeenReply, 2}, {ctstate.SeenReply | ctstate.Assured, 3}} {
		want.Status |= step.status
		want.TCP = &ctstate.TCPInfo{State: step.state}
		got, err := c.Update(t.Context(), want)
		if err != nil || got.Status != want.Status || got.TCP.State != step.state || got.Timeout < 25 || got.Timeout > 30 {
			t.Errorf("%v: %+v %+v", err, got, got.TCP)
		}
	}
	want.Mark, want.Label = 0, ctstate.Label{Lo: 8}
	if got, err := c.Update(t.Context(), want); err != nil || got.Mark != 0 || got.Label != want.Label {
		t.Errorf("%+v %v", got, err)
	}
	if w := c.Warnings(); len(w) != 0 {
		t.Error(w)
	}
	if err := c.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := tbl.Lookup(t.Context(), 7, want.Orig); !errors.Is(err, ctstate.ErrNotFound) {
		t.Error(err)
	}
	if f := files(t, dir); len(f) != 0 {
		t.Error(f)
	}
}

// TestLiveNAT checks that the kernel creates entries of every kind of NAT as the model has them.
func TestLiveNAT(t *testing.T) {
	_, tbl := ctTable(t, false)
	c := committer(t, tbl, Options{Dir: t.TempDir()})
	const done = ctstate.Confirmed | ctstate.SrcNATDone | ctstate.DstNATDone
	echo := func(src, dst string, typ uint8, id uint16) ctstate.Tuple {
		return ctstate.Tuple{Proto: 1, Src: ap(src), Dst: ap(dst), ICMPType: typ, ICMPID: id}
	}
	for _, e := range []ctstate.Entry{
		{Orig: tup(17, "10.0.0.1:1", "10.0.0.2:2"), Reply: tup(17, "10.0.0.2:2", "10.0.0.1:1"), Status: ctstate.Confirmed},
		{Orig: tup(17, "10.0.0.1:2", "10.0.0.2:2"), Reply: tup(17, "10.0.0.2:2", "10.0.0.1:2"), Status: done},
		{Orig: tup(17, "10.0.0.1:3", "10.0.0.2:2"), Reply: tup(17, "10.0.0.2:2", "5.0.0.1:3"), Status: done | ctstate.SrcNAT},
		{Orig: tup(17, "10.0.0.1:4", "10.0.0.2:2"), Reply: tup(17, "10.0.0.2:2", "10.0.0.1:44"), Status: done | ctstate.SrcNAT},
		{Orig: tup(17, "10.0.0.1:5", "10.0.0.2:2"), Reply: tup(17, "10.0.0.3:22", "5.0.0.1:55"), Status: done | ctstate.SrcNAT | ctstate.DstNAT},
		{Orig: tup(17, "[fd00::1]:5", "[fd00::2]:2"), Reply: tup(17, "[fd00::3]:22", "[fd00::1]:5"), Status: done | ctstate.DstNAT},
		{Orig: echo("10.0.0.1:0", "10.0.0.2:0", 8, 7), Reply: echo("10.0.0.2:0", "5.0.0.1:0", 0, 8), Status: done | ctstate.SrcNAT},
		{Orig: tup(89, "10.0.0.1:0", "10.0.0.2:0"), Reply: tup(89, "10.0.0.2:0", "5.0.0.1:0"), Status: done | ctstate.SrcNAT},
	} {
		e.Zone = 9
		got, err := c.Commit(t.Context(), e)
		if err != nil {
			t.Errorf("%v: %v", e.Orig, err)
			continue
		}
		if got.Reply != e.Reply || got.Status != e.Status {
			t.Errorf("%v: reply %v, want %v; status 0x%x, want 0x%x", e.Orig, got.Reply, e.Reply, got.Status, e.Status)
		}
	}
	// If the port was predicted and is taken, the kernel must not choose another ...
	taken := ctstate.Entry{Zone: 9, Orig: tup(17, "10.0.9.1:3", "10.0.0.2:2"), Reply: tup(17, "10.0.0.2:2", "5.0.0.1:3"), Status: done | ctstate.SrcNAT}
	if _, err := c.Commit(t.Context(), taken); !errors.Is(err, ctnetlink.ErrExists) {
		t.Errorf("taken port: %v", err)
	}
	// ... but it must if the port was not predicted.
	got, err := c.CommitOpen(t.Context(), taken, []ctstate.Range{{Kind: ctstate.RangeNATPort, Min: 100, Max: 110}})
	if err != nil || got.Reply.Dst.Addr() != ap("5.0.0.1:0").Addr() || got.Reply.Dst.Port() < 100 || got.Reply.Dst.Port() > 110 {
		t.Errorf("%v %v", got.Reply, err)
	}
	if w := c.Warnings(); len(w) != 0 {
		t.Error(w)
	}
	if err := c.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for e, err := range tbl.All(t.Context(), ctnetlink.Filter{}) {
		t.Errorf("left: %+v %v", e, err)
	}
}

func TestLiveNoLabels(t *testing.T) {
	_, tbl := ctTable(t, false)
	c := committer(t, tbl, Options{Dir: t.TempDir()})
	e := natEntry()
	got, err := c.Commit(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	// The openvswitch module uses labels in every namespace.
	if w := c.Warnings(); got.Label != e.Label && len(w) != 1 || got.Label == e.Label && len(w) != 0 {
		t.Errorf("warnings: %q", w)
	}
	e.Status |= ctstate.SeenReply
	e.TCP = &ctstate.TCPInfo{State: 2}
	if got, err := c.Update(t.Context(), e); err != nil || got.Status&ctstate.SeenReply == 0 || got.TCP.State != 2 {
		t.Errorf("%+v %v", got, err)
	}
	if err := c.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestLiveNotOurs checks that entries of others stay unchanged.
func TestLiveNotOurs(t *testing.T) {
	ns, tbl := ctTable(t, false)
	nstest.Run(t, ns, "", "conntrack", "-I", "-p", "tcp", "-s", "10.0.0.1", "-d", "30.0.0.1", "--sport", "1000", "--dport", "80",
		"--state", "ESTABLISHED", "-t", "1000", "-w", "7", "-m", "5")
	before, err := tbl.Read(t.Context(), 7, natEntry().Orig)
	if err != nil {
		t.Fatal(err)
	}
	c := committer(t, tbl, Options{Dir: t.TempDir()})
	if _, err := c.Commit(t.Context(), natEntry()); !errors.Is(err, ctnetlink.ErrExists) {
		t.Errorf("commit: %v", err)
	}
	if _, err := c.Update(t.Context(), natEntry()); !errors.Is(err, ErrNotOurs) {
		t.Errorf("update: %v", err)
	}
	if err := c.Delete(t.Context(), natEntry()); !errors.Is(err, ErrNotOurs) {
		t.Errorf("delete: %v", err)
	}
	if err := c.Close(t.Context()); err != nil {
		t.Error(err)
	}
	after, err := tbl.Read(t.Context(), 7, natEntry().Orig)
	if err != nil || after.ID != before.ID || after.Mark != 5 || after.Status != before.Status || *after.TCP != *before.TCP {
		t.Errorf("%+v, was %+v (%v)", after, before, err)
	}
}

// TestLiveTakenOver checks that an entry of another program stays if it has the tuple and id of our
// expired entry.
func TestLiveTakenOver(t *testing.T) {
	ns, tbl := ctTable(t, false)
	dir := t.TempDir()
	c := committer(t, tbl, Options{Dir: dir})
	mine, err := c.Commit(t.Context(), natEntry())
	if err != nil {
		t.Fatal(err)
	}
	key, err := ctnetlink.KeyOf(mine)
	if err != nil {
		t.Fatal(err)
	}
	if err := tbl.Delete(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	nstest.Run(t, ns, "", "conntrack", "-I", "-p", "tcp", "-s", "10.0.0.1", "-d", "30.0.0.1", "--sport", "1000", "--dport", "80",
		"--state", "ESTABLISHED", "-t", "1000", "-w", "7")
	theirs, err := tbl.Lookup(t.Context(), 7, natEntry().Orig)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("same id: %v", theirs.ID == mine.ID)
	if _, err := c.Update(t.Context(), natEntry()); !errors.Is(err, ErrNotOurs) {
		t.Errorf("update: %v", err)
	}
	if err := c.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if after, err := tbl.Lookup(t.Context(), 7, natEntry().Orig); err != nil || after.Timeout < 900 {
		t.Errorf("theirs is gone or changed: %+v %v", after, err)
	}
	if f := files(t, dir); len(f) != 0 {
		t.Error(f)
	}
}

// TestLiveExpires checks that an entry which nobody removes expires.
func TestLiveExpires(t *testing.T) {
	_, tbl := ctTable(t, false)
	c := committer(t, tbl, Options{Dir: t.TempDir(), Timeout: time.Second})
	if _, err := c.Commit(t.Context(), natEntry()); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(5 * time.Second)
	for {
		_, err := tbl.Lookup(t.Context(), 7, natEntry().Orig)
		if errors.Is(err, ctstate.ErrNotFound) {
			break
		}
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("still there: %v", err)
		}
		time.Sleep(100 * time.Millisecond)
	}
	if err := c.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestLiveOpener checks that Open finds the namespace by its identity.
func TestLiveOpener(t *testing.T) {
	ns, tbl := ctTable(t, false)
	dir := t.TempDir()
	c := committer(t, tbl, Options{Dir: dir, Keep: true})
	if _, err := c.Commit(t.Context(), natEntry()); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	removed, kept, err := Clean(t.Context(), dir, nil)
	if err != nil || len(removed) != 1 || removed[0].State != StateRemoved || len(kept) != 0 {
		t.Errorf("%+v %+v %v", removed, kept, err)
	}
	if _, err := tbl.Lookup(t.Context(), 7, natEntry().Orig); !errors.Is(err, ctstate.ErrNotFound) {
		t.Error(err)
	}
	_ = ns
}

// TestLiveUsedByPackets checks an entry that a real connection uses: Update does not undo changes
// by its packets, and Close still removes the entry.
func TestLiveUsedByPackets(t *testing.T) {
	ns, tbl := ctTable(t, false)
	tr := startTraffic(t, ns)
	defer tr.stop(t)
	var c net.Conn
	if err := ns.Do(func() (err error) { c, err = dialHere("udp4", "192.0.2.2:7"); return err }); err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	e := ctstate.Entry{Orig: tup(17, c.LocalAddr().String(), "192.0.2.2:7"), Reply: tup(17, "192.0.2.2:7", c.LocalAddr().String()), Status: ctstate.Confirmed}
	dir := t.TempDir()
	com := committer(t, tbl, Options{Dir: dir, Keep: true})
	if _, err := com.Commit(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 16)
	for range 3 {
		if _, err := c.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(buf); err != nil {
			t.Fatal(err)
		}
	}
	before, err := tbl.Read(t.Context(), 0, e.Orig)
	if err != nil || before.Status&ctstate.SeenReply == 0 {
		t.Fatalf("%+v %v", before, err)
	}
	got, err := com.Update(t.Context(), e)
	if err != nil || got.Status != before.Status || got.Timeout < before.Timeout-1 || len(com.Warnings()) != 1 {
		t.Errorf("%+v, was %+v (%v) %q", got, before, err, com.Warnings())
	}
	if err := com.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	late := Cleaner{Dir: dir, Now: func() time.Time { return time.Now().Add(time.Hour) }}
	if removed, kept, err := late.Clean(t.Context()); err != nil || len(removed) != 1 || removed[0].State != StateRemoved {
		t.Errorf("%+v %+v %v", removed, kept, err)
	}
	// The connection continues with a new entry, which Clean must not remove.
	if _, err := c.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(buf); err != nil {
		t.Fatal(err)
	}
	if r, err := tbl.Read(t.Context(), 0, e.Orig); err != nil || r.HasTag {
		t.Errorf("%+v %v", r, err)
	}
}
