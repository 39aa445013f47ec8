package guest

import (
	"fmt"
	"os"

	"github.com/creack/pty"
	"golang.org/x/term"
)

// openPTY returns the two ends of a new terminal of the given size.
func openPTY(rows, cols uint16) (ptm, pts *os.File, err error) {
	if ptm, pts, err = pty.Open(); err != nil {
		return nil, nil, fmt.Errorf("terminal: %w", err)
	}
	if rows > 0 && cols > 0 {
		if err := pty.Setsize(ptm, &pty.Winsize{Rows: rows, Cols: cols}); err != nil {
			ptm.Close()
			pts.Close()
			return nil, nil, fmt.Errorf("size of a terminal: %w", err)
		}
	}
	return ptm, pts, nil
}

// rawTerminal puts the terminal f into raw mode and returns a function that restores it; ok is
// false if f is not a terminal.
func rawTerminal(f *os.File) (restore func(), rows, cols uint16, ok bool) {
	fd := int(f.Fd())
	old, err := term.MakeRaw(fd)
	if err != nil {
		return nil, 0, 0, false
	}
	if size, err := pty.GetsizeFull(f); err == nil {
		rows, cols = size.Rows, size.Cols
	}
	return func() { _ = term.Restore(fd, old) }, rows, cols, true
}
