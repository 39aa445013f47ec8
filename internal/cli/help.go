package cli

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// The titles under which help lists the flags that many commands have, in this order, behind the
// command's own.
const (
	ownFlags        = "Flags" // of a flag without a title
	deploymentFlags = "Flags of the deployment"
	nodeFlags       = "Flags of its nodes"
	outputFlags     = "Flags of the output"
)

// flagGroup is the annotation of a flag that is listed under such a title.
const flagGroup = "group"

// grouped adds flags that help lists under a title.
func grouped(f *pflag.FlagSet, title string, add func(*pflag.FlagSet)) {
	part := pflag.NewFlagSet(title, pflag.ContinueOnError)
	add(part)
	part.VisitAll(func(fl *pflag.Flag) { fl.Annotations = map[string][]string{flagGroup: {title}} })
	f.AddFlagSet(part)
}

func init() {
	cobra.EnableCommandSorting = false // help lists commands as they are added
}

// addGroup adds commands that help lists under a title, and returns the group's ID.
func addGroup(root *cobra.Command, title string, commands ...*cobra.Command) (id string) {
	root.AddGroup(&cobra.Group{ID: title, Title: title})
	for _, c := range commands {
		c.GroupID = title
	}
	root.AddCommand(commands...)
	return title
}

// printUsage is cobra's usage of a command, with its commands and flags in groups.
func printUsage(cmd *cobra.Command) error {
	w := &strings.Builder{}
	fmt.Fprintf(w, "Usage:\n")
	if cmd.Runnable() && !cmd.HasAvailableSubCommands() {
		fmt.Fprintf(w, "  %s\n", cmd.UseLine())
	}
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(w, "  %s COMMAND\n", cmd.CommandPath())
	}
	if cmd.HasExample() {
		fmt.Fprintf(w, "\nExamples:\n%s\n", cmd.Example)
	}
	listCommands(w, cmd)
	for _, title := range []string{ownFlags, deploymentFlags, nodeFlags, outputFlags} {
		part := pflag.NewFlagSet(title, pflag.ContinueOnError)
		cmd.LocalFlags().VisitAll(func(fl *pflag.Flag) {
			if cmp.Or(strings.Join(fl.Annotations[flagGroup], ""), ownFlags) == title {
				part.AddFlag(fl)
			}
		})
		if part.HasAvailableFlags() {
			fmt.Fprintf(w, "\n%s:\n%s", title, part.FlagUsages())
		}
	}
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(w, "\n\"%s COMMAND --help\" says more about a command.\n", cmd.CommandPath())
	}
	_, err := io.WriteString(cmd.OutOrStderr(), w.String())
	return err
}

// listCommands prints the commands of a command by their groups, those without one last.
func listCommands(w io.Writer, cmd *cobra.Command) {
	for _, g := range append(cmd.Groups(), &cobra.Group{Title: "Commands"}) {
		title := "\n" + g.Title + ":\n"
		for _, sub := range cmd.Commands() {
			if sub.GroupID == g.ID && (sub.IsAvailableCommand() || sub.Name() == "help") {
				fmt.Fprintf(w, "%s  %-*s %s\n", title, sub.NamePadding(), sub.Name(), sub.Short)
				title = ""
			}
		}
	}
}
