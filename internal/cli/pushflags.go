package cli

import (
	"github.com/spf13/pflag"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/deployment"
)

// pushFlags are the flags by which the tool is sent to nodes where it is not installed.
type pushFlags struct {
	push, keep                                                    bool
	binaries                                                      []string
	kube, kubeContext, kubeNamespace, kubeSelector, kubeContainer string
}

func (p *pushFlags) add(f *pflag.FlagSet) {
	f.BoolVar(&p.push, "push", false, "nothing is installed on the nodes: send the tool there. --node-cmd and exec: then only open a way, such as \"ssh root@{hostname}\"")
	f.BoolVar(&p.keep, "push-keep", false, "as --push, and leave the tool there for the next run")
	f.StringArrayVar(&p.binaries, "push-binary", nil, "FILE or ARCH=FILE, repeatable: as --push, and send this program to machines of its kind")
	f.StringVar(&p.kube, "kube", "", "reach the nodes through their pods of OVN-Kubernetes, OpenShift or kube-ovn, by this kubectl or oc (default kubectl), and send the tool there")
	f.Lookup("kube").NoOptDefVal = "kubectl"
	f.StringVar(&p.kubeContext, "kube-context", "", "the context of kubectl's configuration")
	f.StringVar(&p.kubeNamespace, "kube-namespace", "", "the namespace of the pods that run OVN or Open vSwitch")
	f.StringVar(&p.kubeSelector, "kube-selector", "", "the label selector of those pods")
	f.StringVar(&p.kubeContainer, "kube-container", "", "their container that has the sockets of Open vSwitch")
}

func (p *pushFlags) set(opt *deployment.Options) {
	opt.Push, opt.PushKeep, opt.PushBinary = p.push, p.keep, p.binaries
	opt.Kube, opt.KubeContext = p.kube, p.kubeContext
	opt.KubeNamespace, opt.KubeSelector, opt.KubeContainer = p.kubeNamespace, p.kubeSelector, p.kubeContainer
}
