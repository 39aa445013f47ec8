package ofgroup

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// The parts of OpenFlow 1.5 that a group's description consists of (OpenFlow Switch Specification
// 1.5.1, sections 7.3.4.3 and 7.3.5.8).
const (
	version     = 6
	headerLen   = 8
	typeHello   = 0
	typeError   = 1
	typeEcho    = 2
	typeEchoed  = 3
	typeRequest = 18 // OFPT_MULTIPART_REQUEST
	typeReply   = 19
	multiLen    = 8 // of the multipart header behind the message's
	groupDesc   = 7 // OFPMP_GROUP_DESC
	flagMore    = 1

	entryLen     = 16 // of a description without buckets and properties
	bucketLen    = 8  // of a bucket without actions and properties
	typeSelect   = 1
	propWeight   = 0
	propVendor   = 0xffff
	vendorNTR    = 0x154d // of the property that names a select group's method (openflow/netronome-ext.h)
	ntrSelection = 1
	methodAt     = 16 // of the method's name in that property
	methodLen    = 16
)

// errShort is the error of a message that ends within a part.
var errShort = errors.New("the message is cut short")

// Group is a select group.
type Group struct {
	Method  string // selection_method: "dp_hash", "hash", or empty for the switch's own choice
	Buckets []Bucket
}

// Bucket is a bucket of a group.
type Bucket struct {
	ID     uint32
	Weight uint16
}

// decode reads the descriptions of a reply's body, behind the multipart header, and returns that of
// a select group; nil if it is not there.
func decode(body []byte, group uint32) (*Group, error) {
	for len(body) > 0 {
		if len(body) < entryLen {
			return nil, errShort
		}
		n := int(binary.BigEndian.Uint16(body))
		if n < entryLen || n > len(body) {
			return nil, errShort
		}
		entry := body[:n]
		body = body[n:]
		if binary.BigEndian.Uint32(entry[4:]) != group {
			continue
		}
		if entry[2] != typeSelect {
			return nil, fmt.Errorf("group %d selects no bucket", group)
		}
		buckets := int(binary.BigEndian.Uint16(entry[8:]))
		if buckets > n-entryLen {
			return nil, errShort
		}
		g := &Group{}
		var err error
		if g.Buckets, err = decodeBuckets(entry[entryLen : entryLen+buckets]); err != nil {
			return nil, err
		}
		err = properties(entry[entryLen+buckets:], func(kind uint16, p []byte) error {
			if kind != propVendor || len(p) < methodAt+methodLen ||
				binary.BigEndian.Uint32(p[4:]) != vendorNTR || binary.BigEndian.Uint32(p[8:]) != ntrSelection {
				return nil
			}
			g.Method, _, _ = strings.Cut(string(p[methodAt:methodAt+methodLen]), "\x00")
			return nil
		})
		if err != nil {
			return nil, err
		}
		return g, nil
	}
	return nil, nil
}

func decodeBuckets(list []byte) (out []Bucket, err error) {
	for len(list) > 0 {
		if len(list) < bucketLen {
			return nil, errShort
		}
		n, actions := int(binary.BigEndian.Uint16(list)), int(binary.BigEndian.Uint16(list[2:]))
		if n < bucketLen || n > len(list) || actions > n-bucketLen {
			return nil, errShort
		}
		b := Bucket{ID: binary.BigEndian.Uint32(list[4:])}
		weighed := false
		err := properties(list[bucketLen+actions:n], func(kind uint16, p []byte) error {
			if kind != propWeight {
				return nil
			}
			if len(p) < 6 {
				return errShort
			}
			b.Weight, weighed = binary.BigEndian.Uint16(p[4:]), true
			return nil
		})
		switch {
		case err != nil:
			return nil, err
		case !weighed:
			return nil, fmt.Errorf("bucket %d has no weight", b.ID)
		}
		out = append(out, b)
		list = list[n:]
	}
	return out, nil
}

// properties passes each property, with its header, to yield. Each is padded to eight bytes.
func properties(list []byte, yield func(kind uint16, p []byte) error) error {
	for len(list) > 0 {
		if len(list) < 4 {
			return errShort
		}
		n := int(binary.BigEndian.Uint16(list[2:]))
		if n < 4 || n > len(list) {
			return errShort
		}
		if err := yield(binary.BigEndian.Uint16(list), list[:n]); err != nil {
			return err
		}
		list = list[min(len(list), (n+7)/8*8):]
	}
	return nil
}
