package vswitchd

import (
	"strconv"
	"strings"
)

// whole leaves out a last line that should end and does not: half a list of actions can read like a
// whole one. ended says that every reply ends with a newline.
func whole(text string, ended bool) string {
	if !ended {
		return text
	}
	return text[:strings.LastIndexByte(text, '\n')+1]
}

// repliesEnd reports whether replies of a release of Open vSwitch end with a newline, as before 3.4
// (lib/unixctl.c: unixctl_command_reply__); since then ovs-appctl adds it (utilities/ovs-appctl.c).
// Those of an unknown one should.
func repliesEnd(version string) bool {
	major, rest, _ := strings.Cut(version, ".")
	minor, _, _ := strings.Cut(rest, ".")
	x, err := strconv.Atoi(major)
	y, err2 := strconv.Atoi(minor)
	return err != nil || err2 != nil || x < 3 || x == 3 && y < 4
}
