package sosreport

import (
	"bufio"
	"io"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/rebuild"
)

// parseRows reads what ovs-vsctl list prints: a line "COLUMN : VALUE" for each column, and an empty
// line between two rows. A line without its newline is cut, and so is its row.
func parseRows(in io.Reader) ([]rebuild.Row, error) {
	br := bufio.NewReaderSize(in, 64<<10)
	var out []rebuild.Row
	row := rebuild.Row{}
	end := func() {
		if len(row) > 0 {
			out = append(out, row)
		}
		row = rebuild.Row{}
	}
	for {
		line, more, err := wholeLine(br)
		if err != nil && err != io.EOF {
			return nil, err
		}
		switch text := string(line); {
		case err == io.EOF && len(line) > 0 && !more:
			return out, nil
		case strings.TrimSpace(text) == "":
			end()
		default:
			if column, value, ok := strings.Cut(text, ":"); ok && !remark.MatchString(text) {
				row[strings.TrimSpace(column)] = strings.TrimSpace(value)
			}
		}
		if err == io.EOF {
			return out, nil
		}
	}
}
