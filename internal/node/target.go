package node

import (
	"fmt"
	"strings"

	"github.com/kballard/go-shellquote"
)

// SplitCommand splits a command line into words by the quoting rules of a shell. It uses no shell
// and expands no variable, glob or substitution.
func SplitCommand(s string) ([]string, error) {
	words, err := shellquote.Split(s)
	if err != nil {
		return nil, fmt.Errorf("command %q: %w", s, err)
	}
	if len(words) == 0 {
		return nil, fmt.Errorf("empty command")
	}
	return words, nil
}

// Expand returns the words of a --node-cmd template for a chassis. It splits the template first, so
// that a value never becomes more than one word.
func Expand(template, chassis, hostname, ip string) ([]string, error) {
	words, err := SplitCommand(template)
	if err != nil {
		return nil, err
	}
	r := strings.NewReplacer("{chassis}", chassis, "{hostname}", hostname, "{ip}", ip)
	for i := range words {
		words[i] = r.Replace(words[i])
	}
	return words, nil
}
