package node

import (
	"fmt"
	"strings"
	"unicode"

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
// that a value never becomes more than one word. Values come from a database that other hosts write
// to, and ssh gives its words to a shell on the far side: an empty value, one that begins like an
// option, and one with a character that a shell may read as more than itself are refused.
func Expand(template, chassis, hostname, ip string) ([]string, error) {
	words, err := SplitCommand(template)
	if err != nil {
		return nil, err
	}
	for i := range words {
		if words[i], err = Replace(words[i], chassis, hostname, ip); err != nil {
			return nil, err
		}
	}
	return words, nil
}

// Replace puts what is known of a chassis into one word of a template. It refuses values that are
// not safe as a part of a word of any command.
func Replace(word, chassis, hostname, ip string) (string, error) {
	var pairs []string
	for name, value := range map[string]string{"{chassis}": chassis, "{hostname}": hostname, "{ip}": ip} {
		if !strings.Contains(word, name) {
			continue
		}
		if err := plain(name, value); err != nil {
			return "", err
		}
		pairs = append(pairs, name, value)
	}
	return strings.NewReplacer(pairs...).Replace(word), nil
}

// plain returns an error unless a value is safe as a part of a word of any command.
func plain(name, value string) error {
	switch {
	case value == "":
		return fmt.Errorf("%s is empty for this chassis", name)
	case strings.HasPrefix(value, "-"):
		return fmt.Errorf("%s is %q, which a command would take as an option", name, value)
	}
	for _, c := range value {
		if !unicode.IsLetter(c) && !unicode.IsDigit(c) && !strings.ContainsRune("._-:@+,/", c) {
			return fmt.Errorf("%s is %q: a name with %q is put into no command", name, value, c)
		}
	}
	return nil
}

// IsOf returns an error if the node that answered is another chassis' (external_ids:system-id): its
// command leads elsewhere. A node without an id is taken for the right one.
func (i *Info) IsOf(chassis string) error {
	if i.SystemID == "" || i.SystemID == chassis {
		return nil
	}
	return &Error{Node: chassis, Op: "read the node", Err: fmt.Errorf("the node reached is %s (external_ids:system-id)", i.SystemID)}
}
