package report

import (
	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
)

// MatrixAnswer is the answer to one question of matrix.
type MatrixAnswer struct {
	// names the version of the format
	Schema string `json:"schema" jsonschema:"enum=ovn-ct-trace/1"`
	// N is the number of the question in the list, the first being 1.
	N int `json:"n" jsonschema:"minimum=1"`
	// Line is the line of the file; absent with --all.
	Line    int    `json:"line,omitempty" jsonschema:"minimum=1"`
	From    string `json:"from"`              // where the packet enters, as asked
	To      string `json:"to"`                // where it is sent, as asked
	At      string `json:"at,omitempty"`      // chassis on which it enters, as asked
	Network string `json:"network,omitempty"` // logical switch or router of from and to, as asked
	Expect  string `json:"expect,omitempty"`  // expected verdict, as asked; absent for delivered
	AsNew   bool   `json:"as_new,omitempty"`  // traced as if no live conntrack entry existed
	// Verdict is that of the packet; unknown with an error.
	Verdict     engine.Verdict `json:"verdict"`
	Expectation Expectation    `json:"expectation"`
	// Entered is where the packet enters; absent if none was sent.
	Entered *Place  `json:"entered,omitempty"`
	Header  *Header `json:"header,omitempty"` // the packet as it enters; absent if none was sent
	// Unsent says that no packet can be sent, and ends has the reason: no chassis has the port, or
	// the guest finds no next hop.
	Unsent bool `json:"unsent,omitempty"`
	// Flood says that the packet was multiplied by design; its verdict is that of its best end.
	Flood bool `json:"flood,omitempty"`
	// Ends are the ends of the packet, without copies of mirrors.
	Ends []MatrixEnd `json:"ends,omitempty"`
	// Error is why there is no answer; ends are then what was found before it.
	Error *MatrixError `json:"error,omitempty"`
	Was   *MatrixWas   `json:"was,omitempty"` // the earlier answer, with --against
	// Warnings list what makes the answer uncertain.
	Warnings []string `json:"warnings,omitempty"`
}

// MatrixEnd is one end of a packet of matrix.
type MatrixEnd struct {
	Verdict engine.Verdict `json:"verdict"`
	End     End            `json:"end"`
	Header  Header         `json:"header"` // as it leaves
	// Choices are the choices on this end's way that the packet's headers do not decide.
	Choices []engine.Choice `json:"choices,omitempty"`
	// what decided the end; absent if the end needs no reason
	Reason *Reason `json:"reason,omitempty"`
}

// MatrixError is why a question of matrix has no answer.
type MatrixError struct {
	Kind MatrixErrorKind `json:"kind"`
	Text string          `json:"text"` // for people
}

// MatrixErrorKind is the kind of a question's error.
type MatrixErrorKind string

// The kinds of a question's error.
const (
	MatrixErrorInput        MatrixErrorKind = "input"        // the question cannot be asked
	MatrixErrorUnreachable  MatrixErrorKind = "unreachable"  // something could not be reached, or was not permitted
	MatrixErrorUndetermined MatrixErrorKind = "undetermined" // the trace was given up
)

// MatrixWas is the earlier answer to a question.
type MatrixWas struct {
	Verdict engine.Verdict `json:"verdict"` // of the earlier answer
	Fate    string         `json:"fate"`    // for people: where the packet ended, and what decided
}

// MatrixEndReport is the last line of matrix: what was counted.
type MatrixEndReport struct {
	// names the version of the format
	Schema  string        `json:"schema" jsonschema:"enum=ovn-ct-trace/1"`
	Summary MatrixSummary `json:"summary"`
}

// MatrixSummary counts the answers of matrix.
type MatrixSummary struct {
	Questions int `json:"questions"`         // in the list
	Earlier   int `json:"earlier,omitempty"` // of them answered by the file of --resume
	Met       int `json:"met"`               // ended as expected
	NotMet    int `json:"not_met"`           // determined, and not as expected
	Unknown   int `json:"unknown"`           // not determined
	Failed    int `json:"failed"`            // without an answer: something could not be reached
	Unasked   int `json:"unasked"`           // not asked, because the run was interrupted
	// Verdicts counts the answers by verdict.
	Verdicts map[string]int `json:"verdicts"`
	// Changed counts the answers that differ from those of --against; absent without it.
	Changed *int `json:"changed,omitempty"`
	// New counts the questions that --against has no answer to; absent without it.
	New *int `json:"new,omitempty"`
	// Gone counts the answers of --against to questions that are not in the list; absent without
	// it.
	Gone    *int    `json:"gone,omitempty"`
	Seconds float64 `json:"seconds"` // that the run took
}
