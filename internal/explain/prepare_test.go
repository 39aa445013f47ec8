package explain_test

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/bench/dbcount"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/explain"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb/ovsdbtest"
)

// TestPrepare checks that what is read ahead gives the names that are read one by one, in how many
// rounds, and that a datapath with very many flows is not read whole.
func TestPrepare(t *testing.T) {
	const group = "00000099-0000-4000-8000-000000000000"
	inGroup := func(n, priority int, match string) string {
		return strings.ReplaceAll(lflow(n, "egress", 4, priority, "ls_out_acl_eval", match, "next;", ""), `"logical_datapath":["named-uuid","d"]`, `"logical_dp_group":["uuid","`+group+`"]`)
	}
	rows := []string{aclRows(), inGroup(0x2f, 3, "udp.dst == 9"),
		`{"op":"insert","table":"Logical_DP_Group","uuid":"` + group + `","row":{"datapaths":["set",[["named-uuid","d"]]]}}`,
		`{"op":"insert","table":"MAC_Binding","uuid":"00000077-0000-4000-8000-000000000000","row":{"logical_port":"p1","ip":"10.0.0.9","mac":"00:00:00:00:00:09","datapath":["named-uuid","d"]}}`,
		`{"op":"insert","table":"Port_Binding","uuid":"00000078-0000-4000-8000-000000000000","row":{"logical_port":"p2","type":"patch","tunnel_key":3,"datapath":["named-uuid","d"]}}`,
		`{"op":"insert","table":"Address_Set","row":{"name":"friends","addresses":["set",["10.0.0.0/24"]]}}`,
	}
	if !strings.Contains(inGroup(0x20, 1, "1"), `"logical_dp_group"`) {
		t.Fatal("the flow of the group is of a datapath")
	}
	const packet = "tcp,reg0=0x80,reg14=0x3,reg15=0x2,metadata=0x1,ct_state=new|trk,nw_src=10.0.0.3,nw_dst=20.0.0.3,tcp_dst=80"
	hit := func(table, priority int, cookie uint64) engine.TableHit {
		return engine.TableHit{Table: table, Priority: priority, Cookie: cookie, Match: "metadata=0x1", Metadata: 1, Flow: packet}
	}
	var large []string
	for n := range 60 { // 50 kB each
		large = append(large, inGroup(0x1000+n, 3000, fmt.Sprintf(`tcp.dst == %d && outport != "%s"`, n, strings.Repeat("x", 50_000))))
	}
	many := []engine.TableHit{hit(46, 3000, 0x1000), hit(66, 100, 0x77), hit(53, 50, 8)}
	for n := range 12 { // none of these flows was hit
		h := hit(46, 2001, 1)
		h.Flow = strings.Replace(packet, "tcp_dst=80", fmt.Sprintf("tcp_dst=%d", n), 1)
		many = append(many, h)
	}
	var datapaths []string
	for from := 10; from < 1010; from += 500 {
		var some []string
		for key := from; key < from+500; key++ {
			some = append(some, fmt.Sprintf(`{"op":"insert","table":"Datapath_Binding","row":{"tunnel_key":%d}}`, key))
		}
		datapaths = append(datapaths, strings.Join(some, ","))
	}
	for _, c := range []struct {
		name   string
		rows   []string
		hits   []engine.TableHit
		rounds int64 // with that of connecting
		cut    bool  // whole rows are too long an answer
	}{
		{"flows and rows", nil, []engine.TableHit{hit(46, 2001, 1), hit(66, 100, 0x77), hit(0, 100, 0x78), hit(53, 50, 8)}, 2, false},
		{"a flow of a group", []string{inGroup(0x20, 3000, "tcp.dst == 80")}, []engine.TableHit{hit(46, 3000, 0x20), hit(53, 50, 8)}, 2, false},
		{"one of many datapaths", append(datapaths, inGroup(0x20, 3000, "tcp.dst == 80")), []engine.TableHit{hit(46, 3000, 0x20), hit(53, 50, 8)}, 3, false},
		{"one that is not installed", []string{inGroup(0x20, 3000, "tcp.dst == 80")}, []engine.TableHit{hit(46, 2001, 1), hit(53, 50, 8)}, 3, false},
		{"OVN's own set in a match before it", []string{inGroup(0x20, 3000, "eth.src == $svc_monitor_mac")}, []engine.TableHit{hit(46, 2001, 1), hit(53, 50, 8)}, 2, false},
		{"a port group of the packet's port", []string{inGroup(0x20, 3000, "inport == @pg"), `{"op":"insert","table":"Port_Group","row":{"name":"1_pg","ports":["set",["p1","p9"]]}}`},
			[]engine.TableHit{hit(46, 2001, 1), hit(53, 50, 8)}, 2, false},
		{"another port group", []string{inGroup(0x20, 3000, "inport == @pg"), `{"op":"insert","table":"Port_Group","row":{"name":"1_pg","ports":["set",["p8","p9"]]}}`},
			[]engine.TableHit{hit(46, 2001, 1), hit(53, 50, 8)}, 3, false},
		{"a set in a match before it", []string{inGroup(0x20, 3000, "ip4.dst == $friends")}, []engine.TableHit{hit(46, 2001, 1), hit(53, 50, 8)}, 3, false},
		{"too many flows", large, many, 5 + 12, true}, // each finding is read again
	} {
		t.Run(c.name, func(t *testing.T) {
			at := ovsdbtest.Lone(t, "ovn-sb.ovsschema", ovn.Southbound, strings.Join(rows, ","))
			for _, r := range c.rows {
				ovsdbtest.Transact(t, at, ovn.Southbound, r)
			}
			count, err := dbcount.Listen(t.Context(), t.TempDir(), "count", at)
			if err != nil {
				t.Fatal(err)
			}
			visits := []explain.Visit{{Segments: []*engine.Segment{{Parent: -1, Tables: c.hits}}}}
			ask := func(ctx context.Context) (named []explain.Named, found []explain.Difference) {
				sb, err := ovn.DialSB(ctx, ovsdb.Options{Remotes: count.Remote})
				if err != nil {
					t.Fatal(err)
				}
				defer sb.Close()
				if sb.ReadsAhead(ctx) {
					ctx = ovsdb.WithAhead(ctx)
				}
				e := explain.New(sb, nil)
				e.Prepare(ctx, explain.Way{"hv1": visits}, []string{"p1"})
				names, err := e.Names(ctx, "hv1", visits)
				if err != nil {
					t.Fatal(err)
				}
				for i := range c.hits {
					n, _ := names.At(explain.At{Index: i})
					named = append(named, n)
				}
				if found, err = names.Differences(ctx); err != nil {
					t.Fatal(err)
				}
				return named, found
			}
			named, found := ask(ovn.First(t.Context(), ovn.Beginning{Keys: true}))
			if count.Rounds.Load() != c.rounds {
				t.Errorf("%d rounds, want %d", count.Rounds.Load(), c.rounds)
			}
			read := count.Read.Load()
			// The rest of an answer that is too long is not read: its connection is closed.
			if cut := count.Connections.Load() == 2; cut != c.cut {
				t.Errorf("%d connections", count.Connections.Load())
			}
			wantNamed, wantFound := ask(t.Context())
			if !reflect.DeepEqual(named, wantNamed) || !reflect.DeepEqual(found, wantFound) {
				t.Errorf("%+v, %+v\nwant %+v, %+v", named, found, wantNamed, wantFound)
			}
			for i, n := range named {
				if n.Flow == nil && n.Row == "" {
					t.Errorf("hit %d has no name", i)
				}
			}
			if most := count.Read.Load() - read + 2<<20 + 1<<19; read > most {
				t.Errorf("%d bytes read, more than %d", read, most)
			}
		})
	}
}
