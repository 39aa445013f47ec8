package sosreport

import (
	"regexp"
	"strconv"
	"testing"
)

// The lines of flows are told apart as these expressions do.
func TestFlowLines(t *testing.T) {
	own := regexp.MustCompile(`^(table_id=\d+, )?duration=.* priority=\d{1,5},`)
	tables := map[string]*regexp.Regexp{"table=": regexp.MustCompile(`(?:^|[ ,])table=(\d+),`), "table_id=": regexp.MustCompile(`(?:^|[ ,])table_id=(\d+),`)}
	matched, in := 0, 0
	for _, line := range []string{
		"",
		"table_id=254, duration=1s, n_packets=0, n_bytes=0, priority=2,recirc_id=0,actions=drop",
		"duration=1s, n_packets=0, n_bytes=0, priority=180,conj_id=100,in_port=15,actions=resubmit(,8)",
		"table_id=33, duration=1s, n_packets=0, n_bytes=0, idle_timeout=5, priority=65535,ip,actions=learn(table=69, priority=1)",
		"table_id=, duration=1s, priority=2,actions=drop",
		"table_id=3,duration=1s, priority=2,actions=drop",
		"_id=3, duration=1s, priority=2,actions=drop",
		"uration=1s, priority=2,actions=drop",
		"duration=1s, priority=123456,actions=drop",
		"duration=1s, priority=12",
		"duration=1s, priority=,actions=learn(table=1, priority=4,x)",
		" cookie=0x8c72e14d, duration=155.834s, table=8, n_packets=0, n_bytes=0, priority=180,in_port=15 actions=learn(table=69,priority=1)",
		" cookie=0x0, duration=1s, n_packets=0, n_bytes=0, priority=180,in_port=15 actions=learn(table=69,priority=1)",
		" cookie=0x0, duration=1s, table=8",
		" cookie=0x0, duration=1s, table=8x, table=9, n_packets=0",
	} {
		b := []byte(line)
		want := own.MatchString(line)
		if (ownFlow{}).Match(b) != want {
			t.Errorf("%q is a flow: not %t", line, want)
		}
		if want {
			matched++
		}
		for key, re := range tables {
			want := 0
			if m := re.FindStringSubmatch(line); m != nil {
				want, _ = strconv.Atoi(m[1])
				in++
			}
			if got := tableOf(b, []byte(key)); got != want {
				t.Errorf("%q: %s%d, want %d", line, key, got, want)
			}
		}
	}
	if matched < 4 || in < 5 {
		t.Errorf("%d flows, %d tables", matched, in)
	}
}
