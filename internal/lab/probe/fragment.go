package probe

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// Frames returns the frames to send: one frame, or a datagram's fragments.
func (p Packet) Frames() ([][]byte, error) {
	frame, err := p.Bytes()
	if err != nil || p.Cut == nil {
		return [][]byte{frame}, err
	}
	all, err := cut(frame, p.Cut, p.datagram)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p, err)
	}
	if p.Pieces == nil {
		return all, nil
	}
	var sent [][]byte
	for _, i := range p.Pieces {
		sent = append(sent, all[i])
	}
	return sent, nil
}

// given returns the frame that is predicted: of a datagram's fragments the first, if that is sent.
func (p Packet) given() ([]byte, error) {
	frames, err := p.Frames()
	if err != nil {
		return nil, err
	}
	return frames[max(0, slices.Index(p.Pieces, 0))], nil
}

// fragment reports whether only later fragments are sent, so that the predicted packet is a later
// fragment.
func (p Packet) fragment() (later bool) {
	return p.Cut != nil && p.Pieces != nil && !slices.Contains(p.Pieces, 0)
}

// partial reports whether some fragments of the datagram are not sent.
func (p Packet) partial() bool {
	return p.Cut != nil && p.Pieces != nil && len(p.Pieces) <= len(p.Cut) && !p.completes
}

// cut splits a frame into fragments at the offsets in the IP payload; id is the datagram's
// identification. Two datagrams must not have the same id, because a receiver would join their
// fragments.
func cut(frame []byte, at []int, id uint16) ([][]byte, error) {
	ip := 14
	if binary.BigEndian.Uint16(frame[12:]) == 0x8100 {
		ip += 4
	}
	v6 := frame[ip]>>4 == 6
	head, end := ip+int(frame[ip]&15)*4, ip+int(binary.BigEndian.Uint16(frame[ip+2:]))
	if v6 {
		head = ip + 40
		end = head + int(binary.BigEndian.Uint16(frame[ip+4:]))
	}
	payload := frame[head:end]
	var out [][]byte
	edges := append(append([]int{0}, at...), len(payload))
	for i := range edges[:len(edges)-1] {
		from, to := edges[i], edges[i+1]
		last := to == len(payload)
		if from >= to || !last && to%8 != 0 {
			return nil, fmt.Errorf("%d bytes cannot be cut at %v", len(payload), at)
		}
		f := slices.Clone(frame[:head])
		if v6 {
			f = append(f, fragmentHeader(frame[ip+6], from, last, id)...)
			f[ip+6] = 44
			binary.BigEndian.PutUint16(f[ip+4:], uint16(8+to-from))
		} else {
			fragmentIPv4(f[ip:head], from, to-from, last, id)
		}
		f = append(f, payload[from:to]...)
		if n := 60 - len(f); n > 0 {
			f = append(f, make([]byte, n)...)
		}
		out = append(out, f)
	}
	return out, nil
}

func fragmentHeader(next byte, offset int, last bool, id uint16) []byte {
	h := make([]byte, 8)
	h[0] = next
	word := uint16(offset)
	if !last {
		word |= 1
	}
	binary.BigEndian.PutUint16(h[2:], word)
	binary.BigEndian.PutUint32(h[4:], uint32(id))
	return h
}

func fragmentIPv4(h []byte, offset, length int, last bool, id uint16) {
	binary.BigEndian.PutUint16(h[2:], uint16(len(h)+length))
	binary.BigEndian.PutUint16(h[4:], id)
	word := uint16(offset / 8)
	if !last {
		word |= 0x2000
	}
	binary.BigEndian.PutUint16(h[6:], word)
	h[10], h[11] = 0, 0
	var sum uint32
	for i := 0; i < len(h); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(h[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	binary.BigEndian.PutUint16(h[10:], ^uint16(sum))
}

// gather replaces the fragments that were seen at one end by one frame for the datagram. The frame
// says if the datagram is incomplete.
func gather(seen []Seen) []Seen {
	type key struct{ end, src, dst string }
	pieces := map[key][]*Frame{}
	var order []key
	var out []Seen
	for _, s := range seen {
		if s.Frame.Header["ip_frag"] == "" {
			out = append(out, s)
			continue
		}
		k := key{s.End, s.Frame.Header["ip_src"], s.Frame.Header["ip_dst"]}
		if pieces[k] == nil {
			order = append(order, k)
		}
		pieces[k] = append(pieces[k], s.Frame)
	}
	for _, k := range order {
		out = append(out, Seen{k.end, whole(pieces[k])})
	}
	return out
}

// whole returns the first fragment of a datagram if all fragments were seen and their headers
// agree; else the fragment seen first, with the fault in its header.
func whole(pieces []*Frame) *Frame {
	slices.SortStableFunc(pieces, func(a, b *Frame) int { return a.offset - b.offset })
	first := pieces[0]
	if len(pieces) == 1 {
		return first
	}
	next, wrong := 0, ""
	for i, f := range pieces {
		if f.offset != next {
			wrong = fmt.Sprintf("a hole or overlap at %d", next)
		}
		next = f.offset + f.payload
		for _, k := range []string{"eth_src", "eth_dst", "vlan", "ip_ttl", "ip_tos"} {
			if f.Header[k] != first.Header[k] {
				wrong = fmt.Sprintf("%s differs: %s and %s", k, first.Header[k], f.Header[k])
			}
		}
		if f.more != (i < len(pieces)-1) {
			wrong = "the last fragment is missing, or is not the last"
		}
	}
	joined := *first
	joined.pieces = len(pieces)
	if wrong != "" {
		joined.Header["ip_frag"] = wrong
	}
	return &joined
}

// rest returns the packet with the fragments that were not sent.
func (p Packet) rest() Packet {
	var left []int
	for i := range len(p.Cut) + 1 {
		if !slices.Contains(p.Pieces, i) {
			left = append(left, i)
		}
	}
	p.Pieces, p.completes = left, true
	return p
}

// of returns the prediction for the fragments that were sent: if some are missing, a branch that is
// held until all fragments have arrived has no end.
func (p *RPkt) of(sent Packet) *RPkt {
	if !sent.partial() {
		return p
	}
	out := *p
	out.Branches = slices.Clone(p.Branches)
	waits := map[[2]int]bool{}
	for i := range out.Branches {
		if b := &out.Branches[i]; b.Held != nil {
			b.Verdict = "held"
			for _, s := range b.Segments {
				waits[s] = true
			}
		}
	}
	out.Hops = slices.Clone(p.Hops)
	for _, b := range out.Branches {
		passed := false
		for _, i := range b.Hops {
			if passed {
				out.Hops[i].Tunnel = nil
			}
			passed = passed || b.Held != nil && out.Hops[i].Chassis == b.Held.Chassis
		}
	}
	for i := range out.Hops {
		h := &out.Hops[i]
		h.Segments = slices.Clone(h.Segments)
		for j := range h.Segments {
			if s := &h.Segments[j]; waits[[2]int{i, s.ID}] {
				s.CT = nil
			}
		}
	}
	return &out
}
