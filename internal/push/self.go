package push

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
)

// CheckSelf compares the running program with its hash in hex, where a host could not do it. An
// empty hash is not compared.
func CheckSelf(hash string) error {
	if hash == "" {
		return nil
	}
	f, err := os.Open("/proc/self/exe")
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return err
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != hash {
		return &Error{Why: fmt.Sprintf("the program that arrived has the hash %.12s, not %.12s", got, hash)}
	}
	return nil
}
