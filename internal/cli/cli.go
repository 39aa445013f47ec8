// Package cli is the command line: commands, flags, exit status. It connects the other packages and
// has no logic of its own.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/failure"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/usage"
)

// The exit statuses (README.md): scripts rely on them.
const (
	exitOK          = 0 // every branch ended as expected
	exitNotAsAsked  = 1 // determined, and not as expected
	exitUsage       = 2 // bad usage or bad input; nothing was traced
	exitUnreachable = 3 // something could not be reached or was not permitted
	exitUnknown     = 4 // not determined
)

// statusOf returns the exit status for an error.
func statusOf(err error) int {
	switch failure.KindOf(err) {
	case failure.Unreachable:
		return exitUnreachable
	case failure.NotAsAsked:
		return exitNotAsAsked
	case failure.Undetermined:
		return exitUnknown
	}
	return exitUsage // unknown command, wrong number of arguments
}

// app is one run of the program.
type app struct {
	in     io.Reader
	out    io.Writer
	err    io.Writer
	status int
	plugin string // the command that this program is a plugin of; empty if of none
}

// Run runs the command line and returns the exit status.
func Run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return RunAs(ctx, "ovn-ct-trace", args, stdin, stdout, stderr)
}

// RunAs is Run for a program that was called by a name: that of a plugin of kubectl or oc reaches
// the nodes through it.
func RunAs(ctx context.Context, name string, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := &app{in: stdin, out: stdout, err: stderr, plugin: pluginOf(name)}
	root := a.root()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	if err := root.ExecuteContext(ctx); err != nil {
		a.complain(err)
		return statusOf(err)
	}
	return a.status
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "ovn-ct-trace",
		Short: "Trace packets through OVN with the nodes' real conntrack entries",
		Long: `ovn-ct-trace answers where a packet that enters OVN at a logical port really ends, what connection
tracking and NAT do to it on the way, which rule decided, and whether the reply comes back. It runs ofproto/trace on
every node the packet would pass and reads the nodes' own conntrack entries. Only verify sends a packet, and only
--commit=kernel and ct clean change a conntrack table.

Exit status: 0 as asked; 1 determined, and not as asked; 2 bad usage or input; 3 something could not be
reached or was not permitted; 4 not determined.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noCommand,

		PersistentPreRunE: valued,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return usage.Errorf("ovn-ct-trace help", "no command given")
		},
	}
	root.SetUsageFunc(printUsage)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return &usage.Error{Msg: err.Error(), Hint: cmd.CommandPath() + " --help"}
	})
	addGroup(root, "Questions", a.whyCmd(), a.traceCmd(), a.sessionCmd(), a.matrixCmd(), a.whatIfCmd(), a.verifyCmd(), a.captureCmd())
	addGroup(root, "What is there now", a.connCmd(), a.natCmd(), a.doctorCmd(), a.ctCmd())
	addGroup(root, "Archives and nodes", a.bundleCmd(), a.nodeCmd())
	about := addGroup(root, "About this program", a.schemaCmd(), a.versionCmd())
	root.SetHelpCommandGroupID(about)
	root.SetCompletionCommandGroupID(about)
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	strict(root)
	a.asPlugin(root)
	return root
}

// oneLine puts an error on one line: scripts read a message as one line of standard error.
func oneLine(s string) string {
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return '?' // texts of nodes and databases must not control the terminal
		}
		return r
	}, s)
}

// complain prints an error as one line, and its hint as another.
func (a *app) complain(err error) {
	fmt.Fprintf(a.err, "ovn-ct-trace: %s\n", oneLine(err.Error()))
	var ue *usage.Error
	if errors.As(err, &ue) && ue.Mark != "" {
		for _, l := range strings.Split(strings.TrimRight(ue.Mark, "\n"), "\n") {
			fmt.Fprintf(a.err, "ovn-ct-trace: %s\n", l)
		}
	}
	if h := failure.HintOf(err); h != "" {
		fmt.Fprintf(a.err, "ovn-ct-trace: hint: %s\n", oneLine(h))
	}
}

func (a *app) versionCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  argCount(0, 0),
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(a.out, versionText())
			return err
		},
	}
}

// isTerminal reports whether w is a terminal: --color auto prints colour only there.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
