package push

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"sync"
)

// Arch is a kind of machine, named as Go names it.
type Arch string

// machines are the kinds of machine by the names that uname has for them. A 64-bit kernel may have
// a userland of 32 bits: a static program needs none.
var machines = map[string]Arch{
	"x86_64": "amd64", "amd64": "amd64", "i386": "386", "i486": "386", "i586": "386", "i686": "386",
	"aarch64": "arm64", "arm64": "arm64", "armv6l": "arm", "armv7l": "arm", "armv8l": "arm",
	"ppc64le": "ppc64le", "ppc64": "ppc64", "s390x": "s390x", "riscv64": "riscv64",
	"loongarch64": "loong64", "mips64": "mips64",
}

// Machine returns the kind of machine that uname -m names, and its name itself where it is unknown.
func Machine(uname string) Arch {
	if a, ok := machines[uname]; ok {
		return a
	}
	return Arch(uname)
}

// archOf returns the kind of machine that a program is for.
func archOf(f *elf.File) Arch {
	little := f.Data == elf.ELFDATA2LSB
	switch f.Machine {
	case elf.EM_X86_64:
		return "amd64"
	case elf.EM_386:
		return "386"
	case elf.EM_AARCH64:
		return "arm64"
	case elf.EM_ARM:
		return "arm"
	case elf.EM_PPC64:
		if little {
			return "ppc64le"
		}
		return "ppc64"
	case elf.EM_S390:
		return "s390x"
	case elf.EM_RISCV:
		return "riscv64"
	case elf.EM_LOONGARCH:
		return "loong64"
	case elf.EM_MIPS:
		return "mips64"
	}
	return Arch(strings.TrimPrefix(f.Machine.String(), "EM_"))
}

// Programs are the programs that may be sent, by the kind of machine that they run on. It is safe
// for concurrent use.
type Programs struct {
	files map[Arch]string
	own   func() (string, error) // the file of this program

	mu   sync.Mutex
	read map[Arch]*Program
}

// NewPrograms takes programs from files: each is FILE or ARCH=FILE, ARCH as Go or uname names it. A
// kind of machine without a file gets this program itself, if it is for that kind. The error names
// the file that is no static Linux program, or is one for another kind of machine than said.
func NewPrograms(files []string) (*Programs, error) {
	p := &Programs{files: map[Arch]string{}, own: self, read: map[Arch]*Program{}}
	for _, s := range files {
		arch, file := cutFile(s)
		of, err := inspect(file)
		switch {
		case err != nil:
			return nil, err
		case arch != "" && arch != of:
			return nil, fmt.Errorf("%s is a program for %s, not for %s", file, of, arch)
		case p.files[of] != "":
			return nil, fmt.Errorf("%s and %s are both programs for %s", p.files[of], file, of)
		}
		p.files[of] = file
	}
	return p, nil
}

// cutFile splits ARCH=FILE. A name with a slash before the equals sign is a file.
func cutFile(s string) (Arch, string) {
	arch, file, ok := strings.Cut(s, "=")
	if !ok || arch == "" || strings.Contains(arch, "/") {
		return "", s
	}
	return Machine(arch), file
}

// inspect returns the kind of machine that a file is a static program for.
func inspect(file string) (Arch, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return inspectELF(file, f)
}

func inspectELF(name string, r io.ReaderAt) (Arch, error) {
	e, err := elf.NewFile(r)
	if err != nil {
		return "", fmt.Errorf("%s is no Linux program: %w", name, err)
	}
	if e.Type != elf.ET_EXEC && e.Type != elf.ET_DYN {
		return "", fmt.Errorf("%s is no program", name)
	}
	for _, p := range e.Progs {
		if p.Type == elf.PT_INTERP {
			return "", fmt.Errorf("%s is linked dynamically; build it with CGO_ENABLED=0", name)
		}
	}
	return archOf(e), nil
}

// command is the main package of the program that is sent.
const command = "github.com/ovn-ct-trace/ovn-ct-trace/cmd/ovn-ct-trace"

// self returns the file of this program. A program that uses the library is another one, and is not
// sent.
func self() (string, error) {
	if b, ok := debug.ReadBuildInfo(); !ok || b.Path != command {
		return "", errors.New("it is not ovn-ct-trace")
	}
	return os.Executable()
}

// For returns the program for a host by what uname -s and uname -m say there.
func (p *Programs) For(system, machine string) (*Program, error) {
	if system != "Linux" {
		return nil, &Error{Why: "the host runs " + system + ", not Linux"}
	}
	arch := Machine(machine)
	p.mu.Lock()
	defer p.mu.Unlock()
	if prog := p.read[arch]; prog != nil {
		return prog, nil
	}
	file := p.files[arch]
	if file == "" {
		var err error
		if file, err = p.itself(arch, machine); err != nil {
			return nil, err
		}
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, &Error{Why: "the program cannot be read", Err: err}
	}
	sum := sha256.Sum256(data)
	prog := &Program{data: data, hash: hex.EncodeToString(sum[:])}
	p.read[arch] = prog
	return prog, nil
}

// itself returns the file of this program, if it is for that kind of machine.
func (p *Programs) itself(arch Arch, machine string) (string, error) {
	hint := fmt.Sprintf("--push-binary %s=FILE, a static build of this version for it (GOARCH=%s)", arch, arch)
	file, err := p.own()
	if err != nil {
		return "", &Error{Why: "this program cannot be sent", Hint: hint, Err: err}
	}
	of, err := inspect(file)
	if err != nil {
		return "", &Error{Why: "this program cannot be sent", Hint: hint, Err: err}
	}
	if of != arch {
		return "", &Error{Why: fmt.Sprintf("the host is a machine of another kind (%s) than this program is for (%s)", machine, of), Hint: hint}
	}
	return file, nil
}

// Program is a program as it is sent.
type Program struct {
	data []byte
	hash string // SHA-256 of data, in hex

	once sync.Once
	gz   []byte
}

// send writes the length of what follows as a line, and the program, compressed if zip.
func (p *Program) send(w io.Writer, zip bool) error {
	body := p.data
	if zip {
		body = p.compressed()
	}
	if _, err := fmt.Fprintf(w, "%d\n", len(body)); err != nil {
		return err
	}
	_, err := w.Write(body)
	return err
}

// compressed returns the program compressed, which is done once.
func (p *Program) compressed() []byte {
	p.once.Do(func() {
		var b bytes.Buffer
		z, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
		if err != nil {
			panic(err) // the level is a constant
		}
		_, _ = z.Write(p.data) // a buffer takes everything
		_ = z.Close()
		p.gz = b.Bytes()
	})
	return p.gz
}
