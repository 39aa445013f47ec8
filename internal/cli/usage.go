package cli

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/failure"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/usage"
)

// noCommand refuses the arguments of a command that only has subcommands: the first is an unknown
// command.
func noCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := cmd.CommandPath() + " --help"
	cmd.SuggestionsMinimumDistance = 2
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		hint = failure.DidYouMean(near)
	}
	return usage.Errorf(hint, "unknown command %q for %q", args[0], cmd.CommandPath())
}

// argCount refuses fewer or more arguments than a command takes.
func argCount(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		hint := "usage: " + cmd.UseLine()
		switch {
		case len(args) < least:
			return usage.Errorf(hint, "%s: an argument is missing", nameOf(cmd))
		case len(args) > most:
			return usage.Errorf(hint, "%s: unexpected argument %q", nameOf(cmd), args[most])
		}
		return nil
	}
}

// valued refuses a flag whose value is the name of a flag of the command: the value was left out,
// and the next flag taken for it.
func valued(cmd *cobra.Command, _ []string) (err error) {
	cmd.Flags().Visit(func(f *pflag.Flag) {
		values := []string{f.Value.String()}
		if list, several := f.Value.(pflag.SliceValue); several {
			values = list.GetSlice()
		}
		for _, v := range values {
			if long, ok := strings.CutPrefix(v, "--"); ok && cmd.Flags().Lookup(long) != nil {
				err = usage.Errorf(cmd.CommandPath()+" --help", "--%s has no value: %s follows it", f.Name, v)
			}
		}
	})
	return err
}

// nameOf returns a command's path without the program's name.
func nameOf(cmd *cobra.Command) string {
	return strings.TrimPrefix(cmd.CommandPath(), cmd.Root().Name()+" ")
}

// strict makes cobra's own commands refuse unknown arguments, as the others do. Without it they
// print their help and succeed.
func strict(root *cobra.Command) {
	for _, cmd := range root.Commands() {
		switch cmd.Name() {
		case "completion":
			cmd.Args = noCommand
			cmd.RunE = func(cmd *cobra.Command, _ []string) error {
				return usage.Errorf("ovn-ct-trace completion bash|zsh|fish|powershell", "completion: no shell given")
			}
		case "help":
			cmd.Run = nil
			cmd.RunE = func(_ *cobra.Command, args []string) error {
				about, rest, err := root.Find(args)
				if err != nil || len(rest) > 0 {
					return usage.Errorf("ovn-ct-trace help", "no help on %q", strings.Join(args, " "))
				}
				return about.Help()
			}
		}
	}
}
