//go:build unix

package node

import (
	"os/exec"
	"syscall"
)

// ownGroup puts a command into a process group of its own, so that ^C at the terminal reaches only
// this program, which ends the command after the node has cleaned up.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// killGroup kills a command and its children (of ssh, ip netns exec).
func killGroup(cmd *exec.Cmd) {
	if cmd.Process != nil {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
}
