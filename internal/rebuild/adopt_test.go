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
