package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
)

// Attributes of uapi/linux/netfilter/nfnetlink_conntrack.h.
const (
	ctaTupleOrig, ctaTupleReply, ctaStatus, ctaProtoinfo, ctaTimeout, ctaMark, ctaZone, ctaLabels = 1, 2, 3, 4, 7, 8, 18, 22
	ctaTupleIP, ctaTupleProto                                                                     = 1, 2
	ctaIPv4Src, ctaIPv4Dst, ctaIPv6Src, ctaIPv6Dst                                                = 1, 2, 3, 4
	ctaProtoNum, ctaProtoSrcPort, ctaProtoDstPort                                                 = 1, 2, 3
	ctaICMPID, ctaICMPType, ctaICMPCode                                                           = 4, 5, 6
	ctaICMPv6ID, ctaICMPv6Type, ctaICMPv6Code                                                     = 7, 8, 9
	msgGet, msgDelete                                                                             = 1<<8 | 1, 1<<8 | 2
)

// ctnl asks the conntrack table of the network namespace it was opened in.
type ctnl struct {
	nl  int // NETLINK_NETFILTER socket
	seq uint32
	buf [4096]byte
}

func (h *ctnl) open() (err error) {
	h.nl, err = unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_NETFILTER)
	return err
}

// get asks the kernel for the entry of a tuple: what ctnetlink tells of it.
func (h *ctnl) get(zone uint16, t ctstate.Tuple) (ctstate.Entry, error) {
	ae := netlink.NewAttributeEncoder()
	ae.ByteOrder = binary.BigEndian
	ae.Nested(ctaTupleOrig, func(ae *netlink.AttributeEncoder) error { return encodeTuple(ae, t) })
	ae.Uint16(ctaZone, zone)
	attrs, err := ae.Encode()
	if err != nil {
		return ctstate.Entry{}, err
	}
	family := byte(unix.AF_INET)
	if t.IsIPv6() {
		family = unix.AF_INET6
	}
	body, err := h.request(msgGet, 0, family, attrs)
	if err != nil {
		return ctstate.Entry{}, err
	}
	return decodeEntry(body, zone)
}

// flush empties the namespace's table.
func (h *ctnl) flush() error {
	_, err := h.request(msgDelete, unix.NLM_F_ACK, unix.AF_UNSPEC, nil)
	return err
}

// request sends one message and reads its answer's body, without the nfgenmsg.
func (h *ctnl) request(typ, flags uint16, family byte, attrs []byte) ([]byte, error) {
	h.seq++
	msg := make([]byte, 20, 20+len(attrs))
	binary.NativeEndian.PutUint32(msg, uint32(20+len(attrs)))
	binary.NativeEndian.PutUint16(msg[4:], typ)
	binary.NativeEndian.PutUint16(msg[6:], unix.NLM_F_REQUEST|flags)
	binary.NativeEndian.PutUint32(msg[8:], h.seq)
	msg[16] = family
	if err := unix.Sendto(h.nl, append(msg, attrs...), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return nil, fmt.Errorf("ctnetlink: %w", err)
	}
	n, _, err := unix.Recvfrom(h.nl, h.buf[:], 0)
	if err != nil {
		return nil, fmt.Errorf("ctnetlink: %w", err)
	}
	if n < 20 {
		return nil, errors.New("ctnetlink: short answer")
	}
	if binary.NativeEndian.Uint16(h.buf[4:]) == unix.NLMSG_ERROR {
		switch errno := unix.Errno(-int32(binary.NativeEndian.Uint32(h.buf[16:]))); errno {
		case 0:
			return nil, nil
		case unix.ENOENT, unix.EINVAL: // EINVAL: ctnetlink refuses ICMP types that nothing answers
			return nil, ctstate.ErrNotFound
		default:
			return nil, fmt.Errorf("ctnetlink: %w", errno)
		}
	}
	return h.buf[20:n], nil
}

func encodeTuple(ae *netlink.AttributeEncoder, t ctstate.Tuple) error {
	ae.Nested(ctaTupleIP, func(ae *netlink.AttributeEncoder) error {
		if t.IsIPv6() {
			ae.Bytes(ctaIPv6Src, t.Src.Addr().AsSlice())
			ae.Bytes(ctaIPv6Dst, t.Dst.Addr().AsSlice())
			return nil
		}
		ae.Bytes(ctaIPv4Src, t.Src.Addr().AsSlice())
		ae.Bytes(ctaIPv4Dst, t.Dst.Addr().AsSlice())
		return nil
	})
	ae.Nested(ctaTupleProto, func(ae *netlink.AttributeEncoder) error {
		ae.ByteOrder = binary.BigEndian
		ae.Uint8(ctaProtoNum, t.Proto)
		switch t.Proto {
		case ctstate.ProtoICMP:
			ae.Uint16(ctaICMPID, t.ICMPID)
			ae.Uint8(ctaICMPType, t.ICMPType)
			ae.Uint8(ctaICMPCode, t.ICMPCode)
		case ctstate.ProtoICMPv6:
			ae.Uint16(ctaICMPv6ID, t.ICMPID)
			ae.Uint8(ctaICMPv6Type, t.ICMPType)
			ae.Uint8(ctaICMPv6Code, t.ICMPCode)
		default:
			ae.Uint16(ctaProtoSrcPort, t.Src.Port())
			ae.Uint16(ctaProtoDstPort, t.Dst.Port())
		}
		return nil
	})
	return nil
}

func decodeEntry(body []byte, zone uint16) (ctstate.Entry, error) {
	e := ctstate.Entry{Zone: zone, Source: ctstate.FromKernel}
	ad, err := netlink.NewAttributeDecoder(body)
	if err != nil {
		return e, err
	}
	ad.ByteOrder = binary.BigEndian
	for ad.Next() {
		switch ad.Type() {
		case ctaTupleOrig:
			ad.Nested(decodeTuple(&e.Orig))
		case ctaTupleReply:
			ad.Nested(decodeTuple(&e.Reply))
		case ctaStatus:
			e.Status = ctstate.Status(ad.Uint32())
		case ctaTimeout:
			e.Timeout, e.HasTimeout = ad.Uint32(), true
		case ctaMark:
			e.Mark = ad.Uint32()
		case ctaLabels:
			if b := ad.Bytes(); len(b) == 16 {
				e.Label = ctstate.LabelFromBytes([16]byte(b))
			}
		case ctaProtoinfo:
			ad.Nested(func(ad *netlink.AttributeDecoder) error {
				for ad.Next() {
					if ad.Type() == 1 { // CTA_PROTOINFO_TCP
						e.TCP = new(ctstate.TCPInfo)
						ad.Nested(decodeTCP(e.TCP))
					}
				}
				return nil
			})
		}
	}
	return e, ad.Err()
}

func decodeTCP(t *ctstate.TCPInfo) func(*netlink.AttributeDecoder) error {
	return func(ad *netlink.AttributeDecoder) error {
		for ad.Next() {
			switch ad.Type() {
			case 1:
				t.State = ctstate.TCPState(ad.Uint8())
			case 4:
				t.FlagsOrig = ad.Bytes()[0]
			case 5:
				t.FlagsReply = ad.Bytes()[0]
			}
		}
		return nil
	}
}

func decodeTuple(t *ctstate.Tuple) func(*netlink.AttributeDecoder) error {
	return func(ad *netlink.AttributeDecoder) error {
		var src, dst netip.Addr
		var sport, dport uint16
		for ad.Next() {
			switch ad.Type() {
			case ctaTupleIP:
				ad.Nested(func(ad *netlink.AttributeDecoder) error {
					for ad.Next() {
						a, _ := netip.AddrFromSlice(ad.Bytes())
						if ad.Type()%2 == 1 {
							src = a
						} else {
							dst = a
						}
					}
					return nil
				})
			case ctaTupleProto:
				ad.Nested(func(ad *netlink.AttributeDecoder) error {
					ad.ByteOrder = binary.BigEndian
					for ad.Next() {
						switch ad.Type() {
						case ctaProtoNum:
							t.Proto = ad.Uint8()
						case ctaProtoSrcPort:
							sport = ad.Uint16()
						case ctaProtoDstPort:
							dport = ad.Uint16()
						case ctaICMPID, ctaICMPv6ID:
							t.ICMPID = ad.Uint16()
						case ctaICMPType, ctaICMPv6Type:
							t.ICMPType = ad.Uint8()
						case ctaICMPCode, ctaICMPv6Code:
							t.ICMPCode = ad.Uint8()
						}
					}
					return nil
				})
			}
		}
		t.Src, t.Dst = netip.AddrPortFrom(src, sport), netip.AddrPortFrom(dst, dport)
		return nil
	}
}
