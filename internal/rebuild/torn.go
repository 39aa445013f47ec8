package rebuild

import (
	"bufio"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// TornDatabase returns why a database's file does not hold all of its records; empty if it does. A
// record has a head with its length and hash, "OVSDB JSON LENGTH SHA1" (ovsdb/log.c). A server takes
// the records before the first bad one, and drops the others.
func TornDatabase(p *Part) string {
	in, err := p.Open()
	if err != nil {
		return err.Error()
	}
	defer in.Close()
	br := bufio.NewReaderSize(in, 64<<10)
	for n := 0; ; n++ {
		head, err := readHead(br)
		if err == io.EOF && head == "" {
			if n == 0 {
				return p.Name + " is empty"
			}
			return ""
		}
		f := strings.Fields(head)
		if err != nil || len(f) != 4 || f[0] != "OVSDB" {
			if n == 0 {
				return p.Name + " does not begin as a database's file does"
			}
			return fmt.Sprintf("%s ends in the middle of a record: what came after record %d is not known", p.Name, n)
		}
		size, err := strconv.ParseInt(f[2], 10, 64)
		if err != nil || size < 0 {
			return fmt.Sprintf("%s: record %d has no length", p.Name, n+1)
		}
		hash := sha1.New()
		if got, err := io.CopyN(hash, br, size); err != nil || got != size {
			return fmt.Sprintf("%s ends in the middle of a record: what came after record %d is not known", p.Name, n)
		}
		if hex.EncodeToString(hash.Sum(nil)) != f[3] {
			return fmt.Sprintf("%s was changed in record %d, whose hash is another: what came after record %d is not known", p.Name, n+1, n)
		}
	}
}

// maxHead is the longest line that is a record's head, in bytes.
const maxHead = 200

// readHead reads a line of at most maxHead bytes; what is longer is no head.
func readHead(br *bufio.Reader) (string, error) {
	var line []byte
	for len(line) < maxHead {
		b, err := br.ReadByte()
		if err != nil {
			return string(line), err
		}
		if line = append(line, b); b == '\n' {
			break
		}
	}
	return string(line), nil
}
