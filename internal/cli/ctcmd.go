package cli

import "github.com/spf13/cobra"

// ctCmd is about the synthetic kernel entries that --commit=kernel left.
func (a *app) ctCmd() *cobra.Command {
	return &cobra.Command{Use: "ct", Short: "Synthetic kernel entries this tool has left", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return usagef("ovn-ct-trace ct list|clean", "ct: no command given") }}
}
