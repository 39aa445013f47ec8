package ctnetlink

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/nodens/nstest"
)

func TestUpdate(t *testing.T) {
	tbl := open(t, ctNS(t))
	r := create(t, tbl, Spec{Zone: 7, Orig: flow, Mark: 5, TCP: &ctstate.TCPInfo{State: 1}, Tag: 1})
	if r.TCP.FlagsOrig != 0x0a || r.TCP.FlagsReply != 0x0a || r.TCP.State != 1 {
		t.Errorf("TCP %+v", r.TCP)
	}
	k, err := KeyOf(r.Entry)
	if err != nil {
		t.Fatal(err)
	}
	mark := uint32(0)
	if err := tbl.Update(t.Context(), k, Change{Status: ctstate.SeenReply, Timeout: 50, Mark: &mark, TCP: &ctstate.TCPInfo{State: 2}}); err != nil {
		t.Fatal(err)
	}
	got, err := tbl.Read(t.Context(), 7, flow)
	if err != nil || got.Status != 0xa || got.Mark != 0 || got.TCP.State != 2 || got.Timeout > 50 || got.Timeout < 45 || got.ID != r.ID {
		t.Fatalf("%+v %+v %v", got, got.TCP, err)
	}
	if got := raw(t, tbl, msgCTNew, 0, unix.AF_INET, func(e *encoder) {
		e.tuple(ctaTupleOrig, flow)
		e.zone(ctaZone, 7)
		e.nat(ctaNATDst, fixed("42.0.0.1:8080"))
	}); got != unix.EOPNOTSUPP {
		t.Errorf("NAT by update: %v", got)
	}
	// With another entry's id, the entry is neither changed nor deleted.
	wrong := k
	wrong.id++
	if err := tbl.Update(t.Context(), wrong, Change{Timeout: 1}); !errors.Is(err, ctstate.ErrNotFound) {
		t.Errorf("update with another id: %v", err)
	}
	if err := tbl.Delete(t.Context(), wrong); !errors.Is(err, ctstate.ErrNotFound) {
		t.Errorf("delete with another id: %v", err)
	}
	if err := tbl.Delete(t.Context(), Key{}); err == nil {
		t.Error("an empty key was sent")
	}
	if _, err := tbl.Lookup(t.Context(), 7, flow); err != nil {
		t.Fatalf("the entry is gone: %v", err)
	}
	if err := tbl.Delete(t.Context(), k); err != nil {
		t.Fatal(err)
	}
	if _, err := tbl.Lookup(t.Context(), 7, flow); !errors.Is(err, ctstate.ErrNotFound) {
		t.Fatal(err)
	}
}

// TestMarkXOR checks that an update sets the mark to (old & ~mask) ^ mark.
func TestMarkXOR(t *testing.T) {
	tbl := open(t, ctNS(t))
	create(t, tbl, Spec{Orig: flow, Mark: 0xff})
	raw(t, tbl, msgCTNew, 0, unix.AF_INET, func(e *encoder) {
		e.tuple(ctaTupleOrig, flow)
		e.be32(ctaMark, 0x13)
		e.be32(ctaMarkMask, 0x0f)
	})
	if r, err := tbl.Read(t.Context(), 0, flow); err != nil || r.Mark != 0xf0^0x13 {
		t.Errorf("%#x %v", r.Mark, err)
	}
}

func TestLabels(t *testing.T) {
	want := ctstate.Label{Hi: 0x0123456789abcdef, Lo: 0xfedcba9876543210}
	t.Run("no user", func(t *testing.T) {
		tbl := open(t, ctNS(t))
		r := create(t, tbl, Spec{Orig: flow, Label: want})
		if r.Label != (ctstate.Label{}) {
			// The openvswitch module registers as a user of labels in every namespace (ovs_ct_init).
			if r.Label != want {
				t.Errorf("%+v", r.Label)
			}
			return
		}
		k, _ := KeyOf(r.Entry)
		mark := uint32(9)
		err := tbl.Update(t.Context(), k, Change{Label: &want, Mark: &mark})
		if !errors.Is(err, unix.ENOSPC) {
			t.Errorf("update of labels: %v, want ENOSPC", err)
		}
		if r, _ := tbl.Read(t.Context(), 0, flow); r.Mark != 9 {
			t.Errorf("the mark was not applied before: %d", r.Mark)
		}
	})
	t.Run("user", func(t *testing.T) {
		ns := nstest.New(t)
		nstest.Conntrack(t, ns, true)
		tbl := open(t, ns)
		if r := create(t, tbl, Spec{Orig: flow, Label: want}); r.Label != want {
			t.Errorf("%+v", r.Label)
		}
		// Bit n is bit n%8 of byte n/8: bit 1 of nftables is 2 in Lo.
		r := create(t, tbl, Spec{Orig: withProto(back, 17), Label: ctstate.Label{Lo: 2, Hi: 1}})
		out := nstest.Run(t, ns, "", "conntrack", "-L", "-p", "udp", "-o", "labels")
		if r.Label != (ctstate.Label{Lo: 2, Hi: 1}) {
			t.Errorf("%+v\n%s", r.Label, out)
		}
	})
}
