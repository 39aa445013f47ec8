package campaign

import (
	"context"
	"fmt"
	"strings"
)

// holds is a Shows for a fault that is a row: the command must print something.
func holds(cmd string) func(context.Context, *stage) (string, error) {
	return func(ctx context.Context, s *stage) (string, error) {
		out, err := s.Lab.Ask(ctx, cmd)
		if err == nil && strings.TrimSpace(out) == "" {
			return cmd + " prints nothing", nil
		}
		return "", err
	}
}

// stuck is a Shows for connections that go on as before although a new one would not: the next
// packet arrives where the first one did.
func stuck(ctx context.Context, s *stage) (string, error) {
	for _, c := range s.conns {
		at, err := s.again(ctx, c)
		if err != nil {
			return "", err
		}
		if at != c.arrived() {
			return fmt.Sprintf("the next packet of %s arrives at %q, not at %q", c.flow, at, c.arrived()), nil
		}
	}
	return "", nil
}

// cut is a Shows for connections that the fault ends: the next packet arrives nowhere.
func cut(ctx context.Context, s *stage) (string, error) {
	for _, c := range s.conns {
		at, err := s.again(ctx, c)
		if err != nil {
			return "", err
		}
		if at != "" {
			return fmt.Sprintf("the next packet of %s arrives at %s", c.flow, at), nil
		}
	}
	return "", nil
}

// nothing is a Shows for a fault that is there once it is injected.
func nothing(context.Context, *stage) (string, error) { return "", nil }
