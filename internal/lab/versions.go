package lab

import (
	"context"
	"fmt"
	"os"
	"strings"
)

// Versions returns the releases in the lab, such as "OVN 23.03.1, OVS 3.1.0, Linux 6.1.0-37-amd64";
// the kernel is omitted for the userspace datapath.
func (l *Lab) Versions(ctx context.Context) (string, error) {
	var out []string
	for _, p := range []struct{ name, program string }{{"OVN", "ovn-controller"}, {"OVS", "ovs-vswitchd"}} {
		tool, err := l.Bin.Tool(p.program)
		if err != nil {
			return "", err
		}
		text, err := Command(ctx, l.Bin.Env(), "", tool, "--version")
		if err != nil {
			return "", err
		}
		line, _, _ := strings.Cut(text, "\n")
		words := strings.Fields(line)
		if len(words) < 2 {
			return "", fmt.Errorf("%s --version: %q", p.program, line)
		}
		out = append(out, p.name+" "+words[len(words)-1])
	}
	if l.Topo.userspace() {
		return strings.Join(append(out, "userspace datapath"), ", "), nil
	}
	kernel, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return "", err
	}
	return strings.Join(append(out, "Linux "+strings.TrimSpace(string(kernel))), ", "), nil
}
