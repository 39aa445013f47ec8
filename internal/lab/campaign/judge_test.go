package campaign

import (
	"encoding/json"
	"testing"
)

func TestJudge(t *testing.T) {
	const (
		drop  = `{"severity":"error","code":"acl-drop","text":"x","where":{"chassis":"hv1"},"nb":{"table":"ACL","uuid":"u1","name":"deny"}}`
		other = `{"severity":"error","code":"no-route","text":"x","where":{"datapath":"lr0"}}`
		info  = `{"severity":"info","code":"half-open","text":"x","where":{"port":"p1"}}`
		blank = `{"severity":"error","code":"unknown","text":"x"}`
	)
	for _, c := range []struct {
		name, answer string
		why          bool
		ask          Ask
		want         Verdict
	}{
		{"row by UUID", `{"causes":[` + drop + `]}`, true, Ask{Codes: []string{"acl-drop"}, Objects: []string{"u1"}}, Right},
		{"row by name", `{"causes":[` + drop + `]}`, true, Ask{Codes: []string{"acl-drop"}, Objects: []string{"deny"}}, Right},
		{"by its place", `{"causes":[` + drop + `]}`, true, Ask{Codes: []string{"acl-drop"}, Objects: []string{"hv1"}}, Right},
		{"code alone", `{"causes":[` + drop + `]}`, true, Ask{Codes: []string{"acl-drop"}}, Right},
		{"another object", `{"causes":[` + drop + `]}`, true, Ask{Codes: []string{"acl-drop"}, Objects: []string{"u2"}}, Wrong},
		{"another code", `{"causes":[` + other + `]}`, true, Ask{Codes: []string{"acl-drop"}, Objects: []string{"u1"}}, Wrong},
		{"not the first cause", `{"causes":[` + other + `,` + drop + `]}`, true, Ask{Codes: []string{"acl-drop"}}, Wrong},
		{"any cause", `{"causes":[` + other + `,` + drop + `]}`, true, Ask{Codes: []string{"acl-drop"}, Any: true}, Right},
		{"no cause", `{"causes":[]}`, true, Ask{Codes: []string{"acl-drop"}}, Missed},
		{"an unknown cause", `{"causes":[` + blank + `]}`, true, Ask{Codes: []string{"acl-drop"}}, Missed},
		{"any finding", `{"findings":[` + other + `,` + info + `]}`, false, Ask{Codes: []string{"half-open"}, Objects: []string{"p1"}}, Right},
		{"another finding", `{"findings":[` + other + `]}`, false, Ask{Codes: []string{"half-open"}}, Wrong},
		{"only information", `{"findings":[` + info + `]}`, false, Ask{Codes: []string{"nat-conflict"}}, Missed},
	} {
		a := Answer{why: c.why}
		if err := json.Unmarshal([]byte(c.answer), &a); err != nil {
			t.Fatal(err)
		}
		if got := judge(&a, c.ask, c.ask.Objects); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestHealthy(t *testing.T) {
	for answer, want := range map[string]int{
		`{"reaches":true,"answered":true,"causes":[]}`:                                                0,
		`{"reaches":true,"answered":null,"causes":[]}`:                                                1,
		`{"reaches":true,"answered":true,"causes":[{"severity":"info","code":"policy-reroute"}]}`:     0,
		`{"reaches":true,"answered":true,"causes":[{"severity":"warning","code":"policy-outlived"}]}`: 1,
		`{"reaches":false,"answered":null,"causes":[{"severity":"error","code":"no-route"}]}`:         1,
	} {
		a := Answer{why: true}
		if err := json.Unmarshal([]byte(answer), &a); err != nil {
			t.Fatal(err)
		}
		if got := healthy(&a); len(got) != want {
			t.Errorf("%s: %q, want %d", answer, got, want)
		}
	}
}
