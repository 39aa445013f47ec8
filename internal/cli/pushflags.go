package cli

import (
	"github.com/spf13/pflag"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/deployment"
)

// pushFlags are the flags by which the tool is sent to nodes where it is not installed.
type pushFlags struct {
	push, keep bool
	binaries   []string
}

func (p *pushFlags) add(f *pflag.FlagSet) {
	f.BoolVar(&p.push, "push", false, "nothing is installed on the nodes: send the tool there. --node-cmd and exec: then only open a way, such as \"ssh root@{hostname}\"")
	f.BoolVar(&p.keep, "push-keep", false, "as --push, and leave the tool there for the next run")
	f.StringArrayVar(&p.binaries, "push-binary", nil, "FILE or ARCH=FILE, repeatable: as --push, and send this program to machines of its kind")
}

func (p *pushFlags) set(opt *deployment.Options) {
	opt.Push, opt.PushKeep, opt.PushBinary = p.push, p.keep, p.binaries
}
