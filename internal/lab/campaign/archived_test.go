package campaign

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab"
)

// An answer from an archive names what the live one names, says why it cannot, or is different.
func TestCompare(t *testing.T) {
	const (
		drop    = `{"severity":"error","code":"acl-drop","text":"x","where":{"chassis":"hv1"},"nb":{"table":"ACL","uuid":"u1"}}`
		another = `{"severity":"error","code":"acl-drop","text":"x","where":{"chassis":"hv1"},"nb":{"table":"ACL","uuid":"u2"}}`
		there   = `{"severity":"error","code":"acl-drop","text":"x","where":{"chassis":"hv2"},"nb":{"table":"ACL","uuid":"u1"}}`
		late    = `{"severity":"warning","code":"stale-controller","text":"x","where":{"chassis":"hv1"}}`
		route   = `{"severity":"error","code":"no-route","text":"x","where":{"datapath":"lr0"}}`
		lacks   = `{"severity":"error","code":"unknown","text":"not collected: whether","where":{}}`
		blank   = `{"severity":"error","code":"unknown","text":"the reason is unknown","where":{}}`
		missing = `{"severity":"warning","code":"conntrack-unreadable","text":"entries may be missing","where":{}}`
		works   = `"reaches":true,"answered":true,`
	)
	ask := Ask{Codes: []string{"acl-drop"}, Objects: []string{"u1"}}
	whichever := Ask{Codes: []string{"acl-drop"}, Objects: []string{"u1"}, Any: true}
	limit := Ask{Codes: []string{"acl-drop"}, Objects: []string{"u1"}, Lacks: map[string]string{"sosreport": "limits"}}
	for _, c := range []struct {
		name, live, from string
		nat              bool
		ask              Ask
		want             likeness
	}{
		{"the same", `"causes":[` + drop + `]`, `"causes":[` + drop + `]`, false, ask, same},
		{"the same, and what is not known", `"causes":[` + drop + `]`, `"causes":[` + drop + `,` + lacks + `]`, false, ask, same},
		{"another row", `"causes":[` + drop + `]`, `"causes":[` + another + `]`, false, ask, different},
		{"another place", `"causes":[` + drop + `]`, `"causes":[` + there + `]`, false, ask, different},
		{"not as the first", `"causes":[` + drop + `]`, `"causes":[` + route + `,` + drop + `]`, false, ask, different},
		{"any, and another cause", `"causes":[` + drop + `]`, `"causes":[` + route + `,` + drop + `]`, false, whichever, different},
		{"any", `"causes":[` + late + `,` + drop + `]`, `"causes":[` + late + `,` + drop + `]`, false, whichever, same},
		{"more than live", `"causes":[` + drop + `]`, `"causes":[` + drop + `,` + late + `]`, false, ask, different},
		{"nothing", `"causes":[` + drop + `]`, works + `"causes":[]`, false, ask, different},
		{"not collected", `"causes":[` + drop + `]`, `"causes":[` + lacks + `]`, false, ask, unknown},
		{"unknown without a reason", `"causes":[` + drop + `]`, `"causes":[` + blank + `]`, false, ask, different},
		{"not collected, and a guess", `"causes":[` + drop + `]`, `"causes":[` + lacks + `,` + route + `]`, false, ask, different},
		{"a part that it lacks", `"causes":[` + drop + `]`, works + `"causes":[],"warnings":["limits: not collected"]`, false, limit, unknown},
		{"a part that it has", `"causes":[` + drop + `]`, works + `"causes":[],"warnings":["sysctls"]`, false, limit, different},
		{"nat", `"findings":[` + late + `,` + drop + `]`, `"findings":[` + drop + `,` + late + `]`, true, ask, same},
		{"nat without entries", `"findings":[` + drop + `]`, `"findings":[` + missing + `]`, true, ask, unknown},
		{"nat, and more", `"findings":[` + drop + `]`, `"findings":[` + drop + `,` + route + `]`, true, ask, different},
		{"nat, nothing", `"findings":[` + drop + `]`, `"findings":[]`, true, ask, different},
		{"nothing live", `"causes":[]`, `"causes":[]`, false, ask, different},
	} {
		answer := func(text string) *Answer {
			a := &Answer{why: !c.nat}
			if err := json.Unmarshal([]byte("{"+text+"}"), a); err != nil {
				t.Fatal(err)
			}
			return a
		}
		if got, why := compare(answer(c.live), answer(c.from), c.ask, c.ask.Objects, "sosreport"); got != c.want {
			t.Errorf("%s: %v (%s), want %v", c.name, got, why, c.want)
		}
	}
}

// docs/offline.md says of each code that a kind expects whether an archive has it.
func TestOfflineCodes(t *testing.T) {
	b, err := os.ReadFile("../../../docs/offline.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(b), "\n## What `why` names")
	text, _, _ = strings.Cut(text, "\n## ")
	for _, k := range All() {
		for _, ask := range k.Draw(&draw{rand.New(rand.NewPCG(1, 1)), lab.Base(), 7}).Asks {
			for _, code := range ask.Codes {
				if !strings.Contains(text, "`"+code+"`") {
					t.Errorf("docs/offline.md does not say whether archives show %s (%s)", code, k.Name)
				}
				if lacks := ask.Lacks["sosreport"]; lacks != "" && !regexp.MustCompile("(?m)^\\| never \\|.*`"+code+"`").MatchString(text) {
					t.Errorf("docs/offline.md does not say that sosreports never show %s: %s", code, lacks)
				}
			}
		}
	}
}
