// Package push runs this program on hosts where it is not installed. It needs a command that opens
// a way there and runs what follows it, such as "ssh root@hv1": "sh" is added, and a fixed script
// goes over its standard input. The script contains nothing of the user's; it receives the program,
// checks it, and becomes "ovn-ct-trace node stdio".
package push

import (
	"bufio"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/failure"
)

// script is what runs on the host. POSIX sh, and no more than busybox has. A shell may read more of
// its standard input than it has run: nothing is sent behind the script before it answers.
//
//go:embed script.sh
var script string

// prefix begins each line of the script.
const prefix = "ovn-ct-trace-push/1 "

// maxNoise is how much else than the script's lines may come before the first of them, in bytes:
// what a login prints.
const maxNoise = 16 << 10

// maxPlaces bounds the lines of the script.
const maxPlaces = 64

// Shell returns the command that runs the script at the end of a way. It is one word: ssh joins
// words for a shell that parses them again, other ways do not.
func Shell(way []string) []string { return append(way[:len(way):len(way)], "sh") }

// Pusher sends the program. It is safe for concurrent use.
type Pusher struct {
	// Keep leaves the program on the host for the next run.
	Keep bool
	// Programs are the programs that may be sent.
	Programs *Programs
	// Err is returned by Open where the programs could not be found.
	Err error
}

// Error is a host on which the program cannot be run.
type Error struct {
	Why  string
	Hint string
	Err  error // the cause; may be nil
}

func (e *Error) Error() string {
	if e.Err != nil {
		return e.Why + ": " + e.Err.Error()
	}
	return e.Why
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Failure classifies the error as a host that cannot be used.
func (e *Error) Failure() (failure.Kind, string) { return failure.Unreachable, e.Hint }

// Open sends the script and the program over the streams of a shell; afterwards they are those of
// the node. It returns an *Error that says why the program cannot be run there, and an error that
// wraps ErrEnded where the shell ends. It does not return before one of them: the caller closes the
// streams.
func (p *Pusher) Open(in io.Writer, out *bufio.Reader) error {
	if p.Err != nil {
		return &Error{Why: "no program can be sent", Err: p.Err}
	}
	if _, err := io.WriteString(in, script); err != nil {
		return ended(err)
	}
	var prog *Program
	var zip bool
	var refused []string
	for range maxPlaces {
		word, rest, err := next(out)
		if err != nil {
			return err
		}
		switch word {
		case "hello":
			if prog, zip, err = p.answer(in, rest); err != nil {
				return err
			}
		case "place":
			if prog == nil {
				return &Error{Why: "the script asks for a program before it says for what machine"}
			}
			if err := prog.send(in, zip); err != nil {
				return ended(err)
			}
		case "refused":
			refused = append(refused, rest)
		case "failed":
			return &Error{Why: cannot(rest, refused), Hint: "a place is needed where a file can be written and run"}
		case "kept":
		case "run":
			return nil
		}
	}
	return &Error{Why: "the script does not end"}
}

// cannot says why the script gave up.
func cannot(why string, refused []string) string {
	if len(refused) == 0 {
		return "the program cannot be run there: " + why
	}
	return "the program cannot be run there: " + strings.Join(refused, "; ")
}

// answer chooses the program for a machine, and says which it is. zip reports whether the machine
// can decompress it.
func (p *Pusher) answer(in io.Writer, hello string) (prog *Program, zip bool, err error) {
	f := strings.Fields(hello)
	if len(f) != 3 {
		return nil, false, &Error{Why: fmt.Sprintf("what kind of machine it is could not be found out (%q)", hello)}
	}
	if prog, err = p.Programs.For(f[0], f[1]); err != nil {
		return nil, false, err
	}
	keep := 0
	if p.Keep {
		keep = 1
	}
	if _, err := fmt.Fprintf(in, "%s %d %s\n", prog.hash, keep, rand.Text()); err != nil {
		return nil, false, ended(err)
	}
	return prog, f[2] == "gzip", nil
}

// next reads the script's next line, and returns its first word and the rest.
func next(out *bufio.Reader) (word, rest string, err error) {
	var noise int
	for noise < maxNoise {
		line, err := out.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
		case err != nil:
			return "", "", ended(err)
		}
		if text, ok := strings.CutPrefix(strings.TrimRight(string(line), "\r\n"), prefix); ok {
			word, rest, _ = strings.Cut(text, " ")
			return word, rest, nil
		}
		noise += len(line)
	}
	return "", "", &Error{Why: "something else than a shell answers there"}
}

// ErrEnded is a shell that has ended; what it wrote to standard error says more.
var ErrEnded = errors.New("ended without an answer")

func ended(err error) error { return fmt.Errorf("%w: %w", ErrEnded, err) }
