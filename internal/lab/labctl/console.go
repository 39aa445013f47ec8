package main

import (
	"fmt"
	"regexp"
	"strings"
)

// console is one block of docs/debugging.md: a fault is made, and a command finds it.
type console struct {
	fault   string // its name
	command string // the arguments of ovn-ct-trace
	output  string // what it prints
	block   string // the whole block
}

const (
	consoleOpen  = "```console\n"
	consoleClose = "```\n"
)

// consoleBlocks returns the blocks of a page. Each begins with two lines, "$ labctl fault NAME" and
// "$ ovn-ct-trace ARGS".
func consoleBlocks(page string) ([]console, error) {
	var out []console
	for {
		_, after, ok := strings.Cut(page, consoleOpen)
		if !ok {
			return out, nil
		}
		body, rest, ok := strings.Cut(after, consoleClose)
		if !ok {
			return nil, fmt.Errorf("a block without end: %.60q", after)
		}
		page = rest
		first, body2, _ := strings.Cut(body, "\n")
		second, output, _ := strings.Cut(body2, "\n")
		fault, isFault := strings.CutPrefix(first, "$ labctl fault ")
		command, isTool := strings.CutPrefix(second, "$ ovn-ct-trace ")
		if !isFault || !isTool {
			return nil, fmt.Errorf("want %q and %q: %q, %q", "$ labctl fault NAME", "$ ovn-ct-trace ARGS", first, second)
		}
		out = append(out, console{fault, command, output, consoleOpen + body + consoleClose})
	}
}

// with returns the block with another output.
func (c console) with(output string) string {
	if !strings.HasSuffix(output, "\n") {
		output += "\n"
	}
	return consoleOpen + "$ labctl fault " + c.fault + "\n$ ovn-ct-trace " + c.command + "\n" + output + consoleClose
}

var (
	// A UUID, or its first part.
	uuidPattern   = regexp.MustCompile(`\b[0-9a-f]{8}(-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})?\b`)
	numberPattern = regexp.MustCompile(`0x[0-9a-f]+|[0-9]+`)
	spacePattern  = regexp.MustCompile(`[ \t]+`)
)

// anyNumbers returns a text without what differs from run to run: numbers, UUIDs, and the width of
// columns.
func anyNumbers(s string) string {
	s = uuidPattern.ReplaceAllString(s, "U")
	s = numberPattern.ReplaceAllString(s, "N")
	return strings.TrimSpace(spacePattern.ReplaceAllString(s, " "))
}
