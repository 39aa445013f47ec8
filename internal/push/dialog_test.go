package push

import (
	"bufio"
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// elfFile returns the smallest static program for a kind of machine: it is read, never run.
func elfFile(t testing.TB, machine elf.Machine, interpreted bool) []byte {
	t.Helper()
	h := elf.Header64{Type: uint16(elf.ET_EXEC), Machine: uint16(machine), Version: 1, Phoff: 64, Ehsize: 64, Phentsize: 56, Phnum: 1}
	copy(h.Ident[:], "\x7fELF\x02\x01\x01")
	p := elf.Prog64{Type: uint32(elf.PT_LOAD)}
	if interpreted {
		p.Type = uint32(elf.PT_INTERP)
	}
	var b bytes.Buffer
	for _, part := range []any{h, p} {
		if err := binary.Write(&b, binary.LittleEndian, part); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

func write(t testing.TB, name string, data []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestPrograms: a program is sent to the kind of machine that its file says it is for.
func TestPrograms(t *testing.T) {
	amd := write(t, "amd", elfFile(t, elf.EM_X86_64, false))
	arm := write(t, "arm=x", elfFile(t, elf.EM_AARCH64, false))
	p, err := NewPrograms([]string{amd, "aarch64=" + arm})
	if err != nil {
		t.Fatal(err)
	}
	for uname, file := range map[string]string{"x86_64": amd, "aarch64": arm, "arm64": arm} {
		prog, err := p.For("Linux", uname)
		data, _ := os.ReadFile(file)
		if err != nil || !bytes.Equal(prog.data, data) {
			t.Errorf("%s: %v", uname, err)
		}
	}
	for _, c := range []struct {
		files []string
		why   string
	}{
		{[]string{"amd64=" + arm}, arm + " is a program for arm64, not for amd64"},
		{[]string{arm, "arm64=" + arm}, arm + " and " + arm + " are both programs for arm64"},
		{[]string{write(t, "script", []byte("#!/bin/sh\n"))}, "is no Linux program"},
		{[]string{write(t, "dynamic", elfFile(t, elf.EM_X86_64, true))}, "is linked dynamically; build it with CGO_ENABLED=0"},
		{[]string{"/nowhere"}, "no such file"},
	} {
		if _, err := NewPrograms(c.files); err == nil || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%v: %v", c.files, err)
		}
	}
	own, err := NewPrograms(nil)
	if err != nil {
		t.Fatal(err)
	}
	// A test is not the tool.
	_, err = own.For("Linux", "x86_64")
	if err == nil || err.Error() != "this program cannot be sent: it is not ovn-ct-trace" {
		t.Error(err)
	}
	own.own = func() (string, error) { return amd, nil }
	_, err = own.For("Linux", "aarch64")
	var pe *Error
	if !errors.As(err, &pe) || pe.Why != "the host is a machine of another kind (aarch64) than this program is for (amd64)" ||
		!strings.HasPrefix(pe.Hint, "--push-binary arm64=FILE, ") {
		t.Errorf("%v, %+v", err, pe)
	}
	if _, err := own.For("Darwin", "arm64"); err == nil || err.Error() != "the host runs Darwin, not Linux" {
		t.Error(err)
	}
}

// answers plays a host that says something and reads what it is sent.
func answers(p *Pusher, text string) error {
	return p.Open(io.Discard, bufio.NewReaderSize(strings.NewReader(text), 4096))
}

func small(t testing.TB) *Pusher {
	t.Helper()
	p, err := NewPrograms([]string{write(t, "amd", elfFile(t, elf.EM_X86_64, false))})
	if err != nil {
		t.Fatal(err)
	}
	return &Pusher{Programs: p}
}

// TestHostileHost: what a host says costs bounded memory and time.
func TestHostileHost(t *testing.T) {
	p := small(t)
	for name, c := range map[string]struct{ text, why string }{
		"nothing":          {"", "ended without an answer: EOF"},
		"a login's noise":  {"Welcome!\n\n" + prefix + "hello Linux x86_64 gzip\n" + prefix + "place /run\n" + prefix + "run\n", ""},
		"endless noise":    {strings.Repeat("x", 1<<20), "something else than a shell answers there"},
		"endless lines":    {strings.Repeat("x\n", 1<<20), "something else than a shell answers there"},
		"endless refusals": {strings.Repeat(prefix+"refused /run: no\n", 1<<20), "the script does not end"},
		"no hello":         {prefix + "place /run\n", "the script asks for a program before it says for what machine"},
		"a short hello":    {prefix + "hello\n", `what kind of machine it is could not be found out ("")`},
		"another machine":  {prefix + "hello Linux vax gzip\n", "this program cannot be sent: it is not ovn-ct-trace"},
		"half a dialog":    {prefix + "hello Linux x86_64 gzip\n" + prefix + "pla", "ended without an answer: EOF"},
	} {
		err := answers(p, c.text)
		if c.why == "" && err != nil || c.why != "" && (err == nil || err.Error() != c.why) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzOpen: no host makes Open panic or hang.
func FuzzOpen(f *testing.F) {
	f.Add([]byte(prefix + "hello Linux x86_64 gzip\n" + prefix + "refused /run: x\n" + prefix + "place /tmp\n" + prefix + "run\n"))
	f.Add([]byte(prefix + "hello Linux x86_64 plain\n" + prefix + "kept /run\n" + prefix + "run\n"))
	f.Add([]byte(prefix + "failed no place there\n"))
	p := small(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := p.Open(io.Discard, bufio.NewReaderSize(bytes.NewReader(text), 4096)); err == nil && !bytes.Contains(text, []byte(prefix+"run")) {
			t.Errorf("%q runs", text)
		}
	})
}

// TestKilledHalfWay: whenever the way breaks, nothing is left behind, whether a shell could still
// do something about it or not.
func TestKilledHalfWay(t *testing.T) {
	p := pusher(t, true)
	prog, err := p.Programs.For("Linux", runtime.GOARCH)
	if err != nil {
		t.Fatal(err)
	}
	for name, breakIt := range map[string]func(in io.Closer, pid int){
		"the input ends": func(in io.Closer, _ int) { in.Close() },
		"terminated":     func(_ io.Closer, pid int) { syscall.Kill(-pid, syscall.SIGTERM) },
		"hung up":        func(_ io.Closer, pid int) { syscall.Kill(-pid, syscall.SIGHUP) },
		"killed":         func(_ io.Closer, pid int) { syscall.Kill(-pid, syscall.SIGKILL) },
	} {
		for _, half := range []int{-1, 0, 1 << 20} { // before the answer, before the program, within it
			r := newRoot(t, "run", "tmp")
			argv := Shell(r.way())
			cmd := exec.Command(argv[0], argv[1:]...)
			cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			in, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			br := bufio.NewReader(out)
			await := func(word string) {
				for {
					got, _, err := next(br)
					if err != nil {
						t.Fatal(err)
					}
					if got == word {
						return
					}
				}
			}
			_, _ = io.WriteString(in, script)
			await("hello")
			if half >= 0 {
				_, _ = io.WriteString(in, prog.hash+" 1 NONCE\n")
				await("place")
			}
			if half > 0 {
				_, _ = io.WriteString(in, "9000000\n")
				_, _ = in.Write(prog.compressed()[:half])
			}
			drained := make(chan struct{})
			go func() { _, _ = io.Copy(io.Discard, br); close(drained) }()
			// A shell that a signal meets just before it reads runs its trap after the read, or at the
			// next signal.
			limit := time.After(time.Minute)
			for ended := false; !ended; {
				breakIt(in, cmd.Process.Pid)
				select {
				case <-drained:
					ended = true
				case <-time.After(time.Second):
				case <-limit:
					t.Fatalf("%s at %d: the shell does not end", name, half)
				}
			}
			_ = cmd.Wait()
			in.Close()
			if left := r.files(t); len(left) > 0 {
				t.Errorf("%s at %d: left behind: %v", name, half, left)
			}
		}
	}
}
