package cli

import (
	"path/filepath"

	"github.com/spf13/cobra"
)

// plugins are the names by which kubectl and oc find this program as their plugin: an underscore
// stands for a dash of the command's name.
var plugins = map[string]string{"kubectl-ovn_ct_trace": "kubectl", "kubectl-ovn-ct-trace": "kubectl", "oc-ovn_ct_trace": "oc", "oc-ovn-ct-trace": "oc"}

// pluginOf returns the command that runs this program as a plugin; empty if none does.
func pluginOf(name string) string { return plugins[filepath.Base(name)] }

// asPlugin makes --kube the way to the nodes where the user names no other, and no archive.
func (a *app) asPlugin(root *cobra.Command) {
	if a.plugin == "" {
		return
	}
	root.Annotations = map[string]string{cobra.CommandDisplayNameAnnotation: a.plugin + " ovn-ct-trace"}
	root.PersistentPreRunE = func(cmd *cobra.Command, args []string) error {
		if err := valued(cmd, args); err != nil {
			return err
		}
		f := cmd.Flags()
		if f.Lookup("kube") == nil || f.Changed("kube") || f.Changed("node-cmd") || f.Changed("bundle") {
			return nil
		}
		return f.Set("kube", a.plugin)
	}
}
