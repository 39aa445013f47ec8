package node

import (
	"encoding/json"
	"net"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv"
)

// serveControl answers on a control socket as ovs-vswitchd does (lib/unixctl.c); ok is false if the
// daemon refuses.
func serveControl(t *testing.T, path string, answer func(method string, args []string) (text string, ok bool)) {
	t.Helper()
	testenv.Unix(t, path, func(c net.Conn) {
		dec, enc := json.NewDecoder(c), json.NewEncoder(c)
		for {
			var q struct {
				ID     int      `json:"id"`
				Method string   `json:"method"`
				Params []string `json:"params"`
			}
			if dec.Decode(&q) != nil {
				return
			}
			text, ok := answer(q.Method, q.Params)
			r := map[string]any{"id": q.ID, "result": nil, "error": nil}
			if ok {
				r["result"] = text
			} else {
				r["error"] = text
			}
			enc.Encode(r)
		}
	})
}
