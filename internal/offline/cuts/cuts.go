// Package cuts cuts and drops the files of collected archives, one at a time, and holds what is
// then answered against the live answer. It is for tests.
package cuts

import (
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/offline"
)

// Answer is what was answered to one question.
type Answer struct {
	Text    string // what must be equal
	Unknown bool
	Why     string // the reason, of one that is unknown
}

// Run is one run over archives.
type Run struct {
	// Folders are the archives, each a folder, which are changed and restored.
	Folders []string
	// Live are the live answers, by question. None may be unknown.
	Live []Answer
	// Ask asks all questions of the archives. An error is a refusal.
	Ask func(ctx context.Context, folders []string) ([]Answer, error)
	// Files chooses files by their folder and their name in it; nil is all that are read.
	Files func(folder, name string) bool
	// Places is at how many places each file is cut.
	Places int
	Seed   uint64
	// Again is how many cuts of each file are asked although an equal archive was.
	Again int
	Log   func(format string, args ...any)
	// Done is called after each file; nil is nothing.
	Done func(folder, name string, n *Count)
}

// Count says what became of the cuts.
type Count struct {
	Files, Cuts int
	// Asked is the number of different archives that the cuts have left.
	Asked                      int
	Answered, Unknown, Refused int
	// Wrong are the cuts with another answer than the live one.
	Wrong []string
}

func (c *Count) String() string {
	return fmt.Sprintf("files=%d cuts=%d different=%d answered=%d unknown=%d refused=%d wrong=%d",
		c.Files, c.Cuts, c.Asked, c.Answered, c.Unknown, c.Refused, len(c.Wrong))
}

// Add adds the counts of another run.
func (c *Count) Add(o *Count) {
	c.Files, c.Cuts, c.Asked = c.Files+o.Files, c.Cuts+o.Cuts, c.Asked+o.Asked
	c.Answered, c.Unknown, c.Refused = c.Answered+o.Answered, c.Unknown+o.Unknown, c.Refused+o.Refused
	c.Wrong = append(c.Wrong, o.Wrong...)
}

// result is what the archives answer after one cut.
type result struct {
	answers []Answer
	err     error
}

// cutter is one run.
type cutter struct {
	*Run
	count Count
	rnd   *rand.Rand
	known map[string]result // by folder and signature
}

// Do cuts every file. The error is of a file that cannot be changed, of whole archives that do not
// give the live answers, or of ctx.
func (r *Run) Do(ctx context.Context) (*Count, error) {
	switch whole, err := r.Ask(ctx, r.Folders); {
	case err != nil:
		return nil, fmt.Errorf("the whole archives: %w", err)
	case !same(result{answers: whole}, result{answers: r.Live}):
		return nil, fmt.Errorf("the whole archives: %v; live %v", whole, r.Live)
	}
	c := &cutter{Run: r, rnd: rand.New(rand.NewPCG(r.Seed, 0)), known: map[string]result{}}
	for _, dir := range r.Folders {
		var names []string
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			name, err := filepath.Rel(dir, path)
			if err == nil && offline.Wants(name) && (r.Files == nil || r.Files(dir, name)) {
				names = append(names, name)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			c.count.Files++
			if err := c.file(ctx, dir, name); err != nil {
				return &c.count, err
			}
			if c.Done != nil {
				c.Done(dir, name, &c.count)
			}
		}
	}
	return &c.count, ctx.Err()
}

// cut is a part of a file that is kept.
type cut struct{ from, to int }

// file drops one file, and cuts it.
func (c *cutter) file(ctx context.Context, dir, name string) error {
	path := filepath.Join(dir, name)
	whole, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	fi, err := os.Stat(path)
	if err != nil {
		return err
	}
	defer func() {
		_ = os.WriteFile(path, whole, 0o600)
		_ = os.Chtimes(path, fi.ModTime(), fi.ModTime())
	}()
	if err := os.Remove(path); err != nil {
		return err
	}
	if err := c.try(ctx, dir, "without "+name, new(int)); err != nil {
		return err
	}
	again := c.Again
	for _, k := range places(c.rnd, whole, c.Places) {
		if err := os.WriteFile(path, whole[k.from:k.to], 0o600); err != nil {
			return err
		}
		// The time of its last change is of the host's file.
		if err := os.Chtimes(path, fi.ModTime(), fi.ModTime()); err != nil {
			return err
		}
		if err := c.try(ctx, dir, fmt.Sprintf("bytes %d to %d of %d of %s", k.from, k.to, len(whole), name), &again); err != nil {
			return err
		}
	}
	return nil
}

// places draws n places at which a text is cut; all, if it has fewer. Every second one is moved to
// the end of a line, where a cut is hard to see, and at one in five the beginning is missing.
func places(rnd *rand.Rand, text []byte, n int) []cut {
	drawn := map[cut]bool{}
	for i := 0; i < 4*n && len(drawn) < n && len(text) > 0; i++ {
		at := rnd.IntN(len(text))
		if i%2 == 0 {
			if nl := strings.IndexByte(string(text[at:]), '\n'); nl >= 0 {
				at += nl + 1
			}
		}
		k := cut{0, at}
		if i%5 == 4 {
			k = cut{at, len(text)}
		}
		if k.to-k.from < len(text) {
			drawn[k] = true
		}
	}
	var out []cut
	for k := range drawn {
		out = append(out, k)
	}
	slices.SortFunc(out, func(a, b cut) int { return (a.to - a.from) - (b.to - b.from) })
	return out
}

// try asks the archives as they are now, unless equal ones were asked.
func (c *cutter) try(ctx context.Context, dir, what string, again *int) error {
	c.count.Cuts++
	key, err := signature(ctx, dir)
	if err != nil {
		return err
	}
	key = dir + " " + key
	res, known := c.known[key]
	if known && *again > 0 && c.rnd.IntN(8) == 0 {
		*again--
		got := c.ask(ctx)
		if !same(got, res) {
			c.count.Wrong = append(c.count.Wrong, fmt.Sprintf("%s: %s, and of an equal archive %s", what, got, res))
		}
		res = got
	}
	if !known {
		res = c.ask(ctx)
		c.count.Asked++
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	c.known[key] = res
	c.judge(what, res, !known)
	return nil
}

func (c *cutter) ask(ctx context.Context) result {
	answers, err := c.Ask(ctx, c.Folders)
	return result{answers, err}
}

func (r result) String() string {
	if r.err != nil {
		return "refused: " + r.err.Error()
	}
	return fmt.Sprint(r.answers)
}

// same reports whether two results say the same, with whatever reasons.
func same(a, b result) bool {
	if a.err != nil || b.err != nil {
		return (a.err == nil) == (b.err == nil)
	}
	return slices.EqualFunc(a.answers, b.answers, func(x, y Answer) bool {
		return x.Unknown == y.Unknown && (x.Unknown || x.Text == y.Text)
	})
}

// judge counts a result. Every answer must be the live one, or unknown with a reason.
func (c *cutter) judge(what string, res result, first bool) {
	switch {
	case res.err != nil:
		c.count.Refused++
	case !slices.ContainsFunc(res.answers, func(a Answer) bool { return a.Unknown }):
		c.count.Answered++
	default:
		c.count.Unknown++
	}
	if first && c.Log != nil {
		c.Log("%s: %s", what, res)
	}
	if res.err != nil {
		return
	}
	for i, a := range res.answers {
		switch {
		case a.Unknown && a.Why == "":
			c.count.Wrong = append(c.count.Wrong, fmt.Sprintf("%s: question %d is unknown without a reason", what, i+1))
		case !a.Unknown && a.Text != c.Live[i].Text:
			c.count.Wrong = append(c.count.Wrong, fmt.Sprintf("%s: question %d: %s, live %s", what, i+1, a.Text, c.Live[i].Text))
		}
	}
}

// signature is equal for archives of which everything that is read is equal, so that they answer
// alike but for the reasons' words. An archive that cannot be read has its error.
func signature(ctx context.Context, dir string) (string, error) {
	temp, err := os.MkdirTemp("", "cuts-*")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(temp)
	hosts, tree, err := offline.Read(ctx, dir, func() (string, error) { return os.MkdirTemp(temp, "") })
	if err != nil {
		return strings.ReplaceAll(err.Error(), temp, ""), nil
	}
	defer tree.Close()
	return of(tree, hosts), nil
}
