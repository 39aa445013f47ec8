package rebuild

import "testing"

// The ports that actions output to are found wherever they stand.
func TestOutputsTo(t *testing.T) {
	why := map[string]string{"12": "not known"}
	for actions, want := range map[string]string{
		"output:12":                          "not known",
		"load:0x1->NXM_NX_REG0[],output:12":  "not known",
		"clone(output:3,output:12),resubmit": "not known",
		"output:1":                           "",
		"output:123":                         "",
		"output:NXM_NX_REG5[16..31]":         "",
		"drop":                               "",
	} {
		if got := outputsTo(actions, why); got != want {
			t.Errorf("%s: %q", actions, got)
		}
	}
}

func TestCookieOf(t *testing.T) {
	for match, want := range map[string]uint32{"cookie=0x4669f3db,table=33,priority=50": 0x4669f3db, "cookie=0x100000002,table=0": 2, "table=0,priority=1": 0, "cookie=x,table=0": 0} {
		if got := cookieOf(match); got != want {
			t.Errorf("%s: %#x, want %#x", match, got, want)
		}
	}
}
