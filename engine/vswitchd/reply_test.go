package vswitchd

import "testing"

// TestWhole: a reply's last line without its end is half a line where the release ends every reply.
func TestWhole(t *testing.T) {
	const text = "Flow: x\nDatapath actions: 1,2"
	for version, want := range map[string]string{
		"2.17.9": "Flow: x\n", "3.1.0": "Flow: x\n", "3.3.4": "Flow: x\n", "": "Flow: x\n",
		"3.4.0": text, "3.7.1": text, "4.0.90": text, "10.0.0": text,
	} {
		if got := whole(text, repliesEnd(version)); got != want {
			t.Errorf("Open vSwitch %s: got %q, want %q", version, got, want)
		}
	}
}
