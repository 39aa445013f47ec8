package fleet

import (
	"context"
	"fmt"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// book has the rows of the Southbound database by what is equal in all islands: the cookies that
// the flows of another island have in place of island 0's.
type book struct {
	flows  map[string][]flow // by stage, priority, match and actions in the names of island 0
	text   map[uint32]string // the key in flows, by the cookie
	groups map[string]string // UUIDs of the datapaths of a group, in one text
	uuids  map[string]string // of ports and datapaths, by name
	named  map[uint32]string // those names, by the cookie
}

// flow is a logical flow: its cookie, and the UUIDs of its datapaths in one text.
type flow struct {
	cookie    uint32
	datapaths string
}

func cookieOf(uuid string) (c uint32) {
	_, _ = fmt.Sscanf(uuid[:8], "%x", &c)
	return c
}

// readBook reads the rows. The databases do not change as long as it is used.
func readBook(ctx context.Context, sb *ovsdb.DB) (*book, error) {
	b := &book{flows: map[string][]flow{}, text: map[uint32]string{}, groups: map[string]string{}, uuids: map[string]string{}, named: map[uint32]string{}}
	island := map[string]Island{} // by UUID of a datapath
	queries := []ovsdb.Query{
		ovsdb.From("Datapath_Binding", "tunnel_key", "external_ids"), ovsdb.From("Port_Binding", "logical_port"),
		ovsdb.From("Logical_DP_Group", "datapaths"),
		ovsdb.From("Logical_Flow", "logical_datapath", "logical_dp_group", "table_id", "priority", "match", "actions", "external_ids"),
	}
	exchange := map[Island]*strings.Replacer{}
	for n := range queries {
		err := sb.Each(ctx, queries[n:n+1], func(_ int, r *ovsdb.Row) error {
			id := r.UUID().String()
			switch n {
			case 0:
				island[id] = Island((r.Int("tunnel_key") - keys) / keysEach)
				b.name(id, r.Map("external_ids")["name"])
			case 1:
				b.name(id, r.Str("logical_port"))
			case 2:
				var all []string
				for _, u := range r.Refs("datapaths") {
					all = append(all, u.String())
				}
				b.groups[id] = strings.Join(all, " ")
			case 3:
				text := fmt.Sprint(r.Map("external_ids")["stage-name"], " ", r.Int("table_id"), " ", r.Int("priority"), " ", r.Str("match"), " ", r.Str("actions"))
				of := b.groups[r.Ref("logical_dp_group").String()]
				if own := r.Ref("logical_datapath"); !own.IsZero() {
					of = own.String()
					i := island[of]
					if exchange[i] == nil {
						exchange[i] = i.exchange(nil)
					}
					text = exchange[i].Replace(text)
				}
				b.flows[text] = append(b.flows[text], flow{cookieOf(id), of})
				b.text[cookieOf(id)] = text
			}
			return r.Err()
		})
		if err != nil {
			return nil, err
		}
	}
	return b, nil
}

func (b *book) name(uuid, name string) {
	b.uuids[name] = uuid
	b.named[cookieOf(uuid)] = name
}

// datapaths returns the UUIDs of an island's datapaths, in the order of Island.names.
func (b *book) datapaths(i Island) (out [3]string) {
	for n, name := range i.names() {
		out[n] = b.uuids[name]
	}
	return out
}

// cookie returns the cookie that an island has in the place of one of island 0's; the same one for
// a cookie of no row.
func (b *book) cookie(i Island, exchange *strings.Replacer, cookie uint64) uint64 {
	c := uint32(cookie)
	if uint64(c) != cookie || i == 0 {
		return cookie
	}
	if text, ok := b.text[c]; ok {
		for _, f := range b.flows[text] {
			for _, dp := range b.datapaths(i) {
				if dp != "" && strings.Contains(f.datapaths, dp) {
					return uint64(f.cookie)
				}
			}
		}
	}
	if name, ok := b.named[c]; ok {
		if id, ok := b.uuids[exchange.Replace(name)]; ok {
			return uint64(cookieOf(id))
		}
	}
	return cookie
}
