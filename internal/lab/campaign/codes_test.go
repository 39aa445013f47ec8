package campaign

import (
	"math/rand/v2"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab"
)

// TestDocumented checks the kinds that the sections of docs/codes.md name: each exists, and each
// kind is named by the sections of all codes that it expects.
func TestDocumented(t *testing.T) {
	b, err := os.ReadFile("../../../docs/codes.md")
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]map[string]bool{} // by code
	kinds := map[string]bool{}
	for _, s := range regexp.MustCompile(`(?m)^## `).Split(string(b), -1)[1:] {
		code, text, _ := strings.Cut(s, "\n")
		named[code] = map[string]bool{}
		_, line, _ := strings.Cut(text, "\n- Campaign: ")
		line, _, _ = strings.Cut(line, "\n")
		for _, m := range regexp.MustCompile("`([a-z-]+)`").FindAllStringSubmatch(line, -1) {
			named[code][m[1]], kinds[m[1]] = true, true
		}
	}
	topo := lab.Base()
	for _, k := range All() {
		delete(kinds, k.Name)
		for _, ask := range k.Draw(&draw{rand.New(rand.NewPCG(1, 1)), topo, 7}).Asks {
			for _, code := range ask.Codes {
				switch {
				case named[code] == nil:
					t.Errorf("%s expects %s, which docs/codes.md does not have", k.Name, code)
				case !named[code][k.Name] && code == ask.Codes[0]:
					t.Errorf("docs/codes.md: the section of %s does not name %s", code, k.Name)
				}
			}
		}
	}
	for k := range kinds {
		t.Errorf("docs/codes.md names %s, which is no kind", k)
	}
}
