package ovsdbtest

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
)

// schemaDirs are the directories where packages install schemas.
var schemaDirs = []string{"/usr/share/ovn", "/usr/share/openvswitch", "/usr/local/share/ovn", "/usr/local/share/openvswitch"}

// Schema finds an installed schema file, such as ovn-sb.ovsschema.
func Schema(name string) (string, error) {
	for _, dir := range schemaDirs {
		p := filepath.Join(dir, name)
		if _, err := os.Stat(p); err == nil {
			return p, nil
		}
	}
	return "", fmt.Errorf("schema %s is not installed", name)
}

// FreePort returns a TCP port of the loopback address on which nothing listens now.
func FreePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// Dir makes a folder whose path is short enough for a Unix socket's 108 bytes.
func Dir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ovn")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}
