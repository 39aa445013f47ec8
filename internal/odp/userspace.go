package odp

import "strings"

// userspace reads pid=N[,UDATA][,actions][,tunnel_out_port=PORT]; it returns nil for a repeated or
// unknown part.
func (p *parser) userspace(lo, hi int) Action {
	var u Userspace
	for i, first := lo, true; ; first = false {
		end := p.item(i, hi)
		text := p.in[i:end]
		if first {
			pid, ok := strings.CutPrefix(text, "pid=")
			if !ok {
				return nil
			}
			if u.PID, ok = num(pid, 64); !ok {
				return nil
			}
		} else if !p.userspacePart(&u, i, end) {
			return nil
		}
		if end == hi {
			return u
		}
		i = end + 1
	}
}

func (p *parser) userspacePart(u *Userspace, lo, hi int) bool {
	text := p.in[lo:hi]
	if port, ok := strings.CutPrefix(text, "tunnel_out_port="); ok {
		u.TunnelOutPort = port
		return port != ""
	}
	if text == "actions" {
		u.WithActions = true
		return u.TunnelOutPort == ""
	}
	name, blo, bhi, ok := p.call(lo, hi)
	if !ok || u.Text != "" || u.WithActions || u.TunnelOutPort != "" {
		return false
	}
	u.Text = text
	switch name {
	case "controller":
		u.Controller = p.controller(blo, bhi)
		if u.Controller == nil {
			return true // kept as text, without a Kind
		}
	case "slow_path":
		u.SlowPath = strings.Split(p.in[blo:bhi], ",")
	case "sFlow", "flow_sample", "ipfix", "userdata":
	default:
		return true
	}
	u.Kind = name
	return true
}

// controller reads the cookie of a controller action; it returns nil if a field is missing or
// unknown.
func (p *parser) controller(lo, hi int) *Controller {
	r := reader{fs: p.fields(lo, hi)}
	c := &Controller{
		Reason:       uint32(r.num("reason", 32)),
		DontSend:     r.num("dont_send", 1) == 1,
		Continuation: r.num("continuation", 1) == 1,
		RecircID:     uint32(r.num("recirc_id", 32)),
		RuleCookie:   r.num("rule_cookie", 64),
		ControllerID: uint32(r.num("controller_id", 32)),
		MaxLen:       uint32(r.num("max_len", 32)),
	}
	if r.bad {
		return nil
	}
	return c
}
