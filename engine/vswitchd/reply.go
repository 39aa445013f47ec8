package vswitchd

import (
	"strconv"
	"strings"
)

// whole returns the text without a last line that was cut short: half a list of actions can be
// mistaken for a whole one. ended says that every complete reply ends with a newline.
func whole(text string, ended bool) string {
	if !ended {
		return text
	}
	return text[:strings.LastIndexByte(text, '\n')+1]
}

// repliesEnd reports whether replies of a release of Open vSwitch end with a newline, as before 3.4
// (lib/unixctl.c: unixctl_command_reply__); since then ovs-appctl adds it (utilities/ovs-appctl.c).
// For an unknown release it returns true.
func repliesEnd(version string) bool {
	major, rest, _ := strings.Cut(version, ".")
	minor, _, _ := strings.Cut(rest, ".")
	x, err := strconv.Atoi(major)
	y, err2 := strconv.Atoi(minor)
	return err != nil || err2 != nil || x < 3 || x == 3 && y < 4
}
