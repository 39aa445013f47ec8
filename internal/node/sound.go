package node

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
)

// errEmpty is the error of null in the place of an answer.
var errEmpty = errors.New("the node's answer is empty")

// sound checks what the users of an answer rely on, and JSON does not ensure: a node may be broken,
// or not be one.
func sound(answer any) error {
	if v := reflect.ValueOf(answer); v.Kind() == reflect.Pointer && v.IsNil() {
		return errEmpty
	}
	if r, ok := answer.(*engine.Result); ok {
		if err := soundResult(r); err != nil {
			return fmt.Errorf("the node's answer is no trace: %w", err)
		}
	}
	return nil
}

// soundResult checks that segments and leaves refer to each other.
func soundResult(r *engine.Result) error {
	if err := soundSegments(r.Segments); err != nil {
		return err
	}
	if len(r.Outcomes) == 0 {
		return errors.New("no outcome")
	}
	for i, o := range r.Outcomes {
		if o == nil {
			return fmt.Errorf("outcome %d", i)
		}
		for j := range o.Leaves {
			if err := soundLeaf(&o.Leaves[j], len(r.Segments)); err != nil {
				return fmt.Errorf("end %d of outcome %d: %w", j, i, err)
			}
		}
	}
	return nil
}

func soundSegments(list []*engine.Segment) error {
	for i, s := range list {
		if s == nil || s.ID != i || s.Parent < -1 || s.Parent >= i {
			return fmt.Errorf("segment %d", i)
		}
	}
	return nil
}

func soundLeaf(l *engine.Leaf, segments int) error {
	for _, at := range append([]int{l.Segment}, l.Path...) {
		if at < 0 || at >= segments {
			return fmt.Errorf("segment %d of %d", at, segments)
		}
	}
	if l.Kind == engine.LeafOutput && l.Port == nil {
		return errors.New("output to no port")
	}
	return nil
}
