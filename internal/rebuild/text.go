package rebuild

import (
	"maps"
	"os"
	"slices"
)

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// orElse returns the first text, or the second where the first is empty.
func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// appendLine adds a line to a file.
func appendLine(file, line string) error {
	f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(line + "\n")
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}
