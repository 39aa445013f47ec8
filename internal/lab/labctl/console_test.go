package main

import (
	"os"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/campaign"
)

func TestConsoleBlocks(t *testing.T) {
	const page = "Text\n\n```console\n$ labctl fault a\n$ ovn-ct-trace nat 1.2.3.4\nout\n  put\n```\n\n```console\n$ labctl fault b\n$ ovn-ct-trace why\n```\n"
	got, err := consoleBlocks(page)
	if err != nil || len(got) != 2 {
		t.Fatalf("%v, %v", got, err)
	}
	if c := got[0]; c.fault != "a" || c.command != "nat 1.2.3.4" || c.output != "out\n  put\n" || c.with(c.output) != c.block {
		t.Errorf("%+v", c)
	}
	if c := got[1]; c.fault != "b" || c.output != "" || c.with("x") != "```console\n$ labctl fault b\n$ ovn-ct-trace why\nx\n```\n" {
		t.Errorf("%+v", c)
	}
	for _, bad := range []string{"```console\n$ labctl fault a\n", "```console\n$ ls\n$ ovn-ct-trace nat\n```\n", "```console\n$ labctl fault a\nx\n```\n"} {
		if _, err := consoleBlocks(bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

func TestAnyNumbers(t *testing.T) {
	const was = "zone 12 (sw0-p1)   4 of 4  NAT 013d3b22: 013d3b22-5e9f-4aaa-bb88-f9855ee6fd54 mark 0x2a"
	if now := "zone 9 (sw0-p1) 40 of 40  NAT dd3701b4: dd3701b4-5a01-4690-8e08-4de21cb7cfe0 mark 0xff\n"; anyNumbers(now) != anyNumbers(was) {
		t.Errorf("%q, %q", anyNumbers(now), anyNumbers(was))
	}
	if other := "zone 12 (sw0-p1)   4 of 4  NAT 013d3b22: 013d3b22-5e9f-4aaa-bb88-f9855ee6fd54 mark none"; anyNumbers(other) == anyNumbers(was) {
		t.Error("another word is no difference")
	}
}

// The page has every example once.
func TestDebuggingPage(t *testing.T) {
	page, err := os.ReadFile("../../../" + debuggingPage)
	if err != nil {
		t.Fatal(err)
	}
	blocks, err := consoleBlocks(string(page))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, b := range blocks {
		seen[b.fault]++
	}
	for _, e := range campaign.Examples(base()) {
		if seen[e.Name] != 1 {
			t.Errorf("%s is there %d times", e.Name, seen[e.Name])
		}
		delete(seen, e.Name)
	}
	if len(seen) > 0 {
		t.Errorf("no such faults: %v", seen)
	}
}
