package syntax

import "testing"

func TestError(t *testing.T) {
	const long = "0123456789012345678901234567890123456789012345678901234567890123456789"
	for _, c := range []struct {
		err  *Error
		want string
	}{
		{&Error{What: "flow", In: "a=1,,b", Off: 4, Msg: "empty field"}, `flow: offset 4: empty field near "a=1,,b"`},
		{&Error{What: "odp", In: long, Off: 40, Msg: "no"}, `odp: offset 40: no near "678901234567890123456789012345678901234567890123"`},
		{&Error{What: "odp", In: "ab", Off: 9, Msg: "no"}, `odp: offset 9: no near "ab"`},
		{&Error{What: "netlink attributes", Off: 16, Msg: "cut"}, "netlink attributes: offset 16: cut"},
		{&Error{What: "dump", In: "tcp,x", Off: 4, Msg: "no", Whole: true}, `dump "tcp,x": offset 4: no`},
		{AtLine("trace", "one\ntwo\nthree", 5, "cut"), "trace: line 2: cut"},
		{AtLine("trace", "one", 99, "cut"), "trace: line 1: cut"},
	} {
		if got := c.err.Error(); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}

func TestQuoted(t *testing.T) {
	for in, want := range map[string]int{`"a"`: 3, `"a\"b",c`: 6, `"a`: 0, `"`: 0, `"\"`: 0, `""x`: 2} {
		if got := Quoted(in); got != want {
			t.Errorf("%s: got %d, want %d", in, got, want)
		}
	}
}
