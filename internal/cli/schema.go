package cli

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/ovn-ct-trace/ovn-ct-trace/report/schema"
)

// schemaCmd prints the JSON Schema of every document that -o json prints.
func (a *app) schemaCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "The JSON Schema of what -o json prints",
		Args:  argCount(0, 0),
		RunE: func(*cobra.Command, []string) error {
			_, err := io.WriteString(a.out, schema.Text())
			return err
		},
	}
}
