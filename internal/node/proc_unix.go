//go:build unix

package node

import (
	"os/exec"
	"syscall"
)

// ownGroup puts a command in a process group of its own, so that ^C at the terminal reaches this program first and
// it can end the command after the node has cleaned up.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// killGroup kills a command and what it started (ssh's children, ip netns exec).
func killGroup(cmd *exec.Cmd) {
	if cmd.Process != nil {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
}
