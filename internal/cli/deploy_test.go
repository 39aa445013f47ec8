package cli

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv"
)

// The units and manifests of deploy run node serve with flags that it has, and that it accepts.
func TestDeployedFlags(t *testing.T) {
	flag := regexp.MustCompile(`--[a-z-]+(=[^\s"]+| [^-\s$][^\s]*)?`)
	for _, pattern := range []string{"systemd/*.service", "kubernetes/*.yaml"} {
		for _, file := range testenv.Corpus(t, filepath.Join("../../deploy", pattern)) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var args []string
			for line := range strings.Lines(string(text)) {
				line = strings.TrimSpace(line)
				if strings.HasPrefix(line, "ExecStart=") || strings.HasPrefix(line, "- --") || strings.HasPrefix(line, "#   OPTIONS=") {
					for _, f := range flag.FindAllString(line, -1) {
						args = append(args, strings.Replace(f, " ", "=", 1))
					}
				}
			}
			a := &app{out: io.Discard, err: io.Discard}
			cmd := a.nodeServeCmd()
			if len(args) < 6 {
				t.Errorf("%s: only %q", file, args)
			}
			if err := cmd.Flags().Parse(args); err != nil {
				t.Errorf("%s: %v", file, err)
			}
			for _, name := range []string{"listen", "certificate", "private-key", "ca-cert", "allow", "netns"} {
				if !cmd.Flags().Changed(name) {
					t.Errorf("%s: no --%s in %q", file, name, args)
				}
			}
			for _, name := range []string{"allow-commit", "allow-capture"} {
				if cmd.Flags().Changed(name) {
					t.Errorf("%s: --%s is not for a default", file, name)
				}
			}
		}
	}
}
