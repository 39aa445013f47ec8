package node

import (
	"fmt"
	"strings"

	"github.com/kballard/go-shellquote"
)

// SplitCommand cuts a command line into words by a shell's quoting rules. No shell ever sees it, and no
// variable, glob or substitution is expanded.
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

// Expand fills a --node-cmd template for a chassis: the words are cut first, so a value never becomes more than one.
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
