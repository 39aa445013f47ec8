package cli

import (
	"runtime/debug"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
)

// versionText is the tool's version from its build information.
func versionText() string {
	s := "ovn-ct-trace " + node.Version()
	if bi, ok := debug.ReadBuildInfo(); ok {
		for _, kv := range bi.Settings {
			if kv.Key == "vcs.revision" {
				s += " " + kv.Value
			}
		}
		s += " " + bi.GoVersion
	}
	return s
}
