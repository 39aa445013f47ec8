package pinctrl

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
)

// opNotCollected is no opcode of OVN: it stands in a rebuilt flow table where what the original had
// is not known. The text behind the header is the reason.
const opNotCollected Opcode = 0xc7ace000

// opNotLearned is opNotCollected in a table whose result the rest of the pipeline uses.
const opNotLearned Opcode = 0xc7ace001

// maxReason is the maximum length of a reason in bytes.
const maxReason = 400

// NotCollected returns an OpenFlow action that ends a traced packet as unknown for a reason.
func NotCollected(reason string) string { return standIn(opNotCollected, reason) }

// NotLearned is NotCollected for a flow in the place of one that may have been learned: what the
// packet does after the look-up is unknown too.
func NotLearned(reason string) string { return standIn(opNotLearned, reason) }

// TakesAll reports whether a controller action stands for all that a packet does from there on, as
// NotLearned does: its other ends are not known to be any.
func (p Punt) TakesAll() bool { return p.Opcode == opNotLearned }

func standIn(op Opcode, reason string) string {
	b := make([]byte, 8, 8+maxReason)
	binary.BigEndian.PutUint32(b, uint32(op))
	b = append(b, reason[:min(len(reason), maxReason)]...)
	bytes := make([]string, len(b))
	for i, c := range b {
		bytes[i] = fmt.Sprintf("%02x", c)
	}
	return "controller(userdata=" + strings.Join(bytes, ".") + ")"
}

// Lacking returns the reason of the first action in a flow's actions that NotCollected or NotLearned
// has returned; empty without one.
func Lacking(actions string) string {
	for _, op := range []Opcode{opNotCollected, opNotLearned} {
		head, _, _ := strings.Cut(standIn(op, ""), ")")
		_, rest, ok := strings.Cut(actions, strings.TrimPrefix(head, "controller("))
		if !ok {
			continue
		}
		end := strings.IndexAny(rest, "),")
		if end < 0 {
			continue
		}
		if text, err := hex.DecodeString(strings.ReplaceAll(rest[:end], ".", "")); err == nil && len(text) > 0 {
			return string(text)
		}
	}
	return ""
}

// notCollected ends the packet as unknown.
func (a *answer) notCollected() {
	a.Kind, a.Hint = KindUnknown, HintUnknown
	a.Name = "not collected"
	a.Text = string(a.punt.Args)
}
