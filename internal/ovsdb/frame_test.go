package ovsdb

import (
	"bufio"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestFramerStreamsRows(t *testing.T) {
	const id = "0a1b2c3d-0000-1111-2222-333344445555"
	in := ` {"result":[{"rows":[{"_uuid":["uuid","` + id + `"]}, {"match":"}]\"{", "_uuid": [ "uuid","` + strings.ToUpper(id) + `"]}]},{"error":"a \"{[","details":"` + id + `"}],"id":1,"error":null}
{"id":"echo","method":"echo","params":[]}`
	f := framer{r: bufio.NewReader(strings.NewReader(in))}
	var got []UUID
	frame, err := f.next(func() sink {
		return func(op int, s []byte) {
			if op != 0 {
				t.Errorf("UUID of operation %d", op)
			}
			u, err := uuidOf(s)
			if err != nil {
				t.Errorf("%s: %v", s, err)
			}
			got = append(got, u)
		}
	})
	want := `{"result":[{"rows":[]},{"error":"a \"{[","details":"` + id + `"}],"id":1,"error":null}`
	if err != nil || string(frame) != want {
		t.Errorf("frame %s, %v; want %s", frame, err, want)
	}
	if len(got) != 2 || got[0].String() != id || got[1] != got[0] {
		t.Errorf("UUIDs %v", got)
	}
	if frame, err = f.next(func() sink { return nil }); err != nil || !strings.Contains(string(frame), "echo") {
		t.Errorf("second frame %s, %v", frame, err)
	}
}

func FuzzFramer(f *testing.F) {
	f.Add(`{"id":1,"result":[{"rows":[{"_uuid":["uuid","0a1b2c3d-0000-1111-2222-333344445555"]}]}],"error":null}`)
	f.Add(`{"a":"\"}"}`)
	f.Fuzz(func(t *testing.T, in string) {
		whole := framer{r: bufio.NewReader(strings.NewReader(in))}
		frame, err := whole.next(func() sink { return nil })
		if err != nil && frame != nil {
			t.Error("an error comes with a frame")
		}
		sunk := framer{r: bufio.NewReader(strings.NewReader(in))}
		_, serr := sunk.next(func() sink { return func(int, []byte) {} })
		if (err == nil) != (serr == nil) {
			t.Errorf("%q: %v without a sink, %v with one", in, err, serr)
		}
	})
}

// FuzzFramerRows checks that rows come out as they went in, whatever stands in them.
func FuzzFramerRows(f *testing.F) {
	f.Add(`{"match":"}]\"{[\\"}`, `{"external_ids":["map",[["a",{"b":[]}]]]}`)
	f.Add(`{}`, `{"_uuid":["uuid","0a1b2c3d-0000-1111-2222-333344445555"]}`)
	f.Fuzz(func(t *testing.T, a, b string) {
		for _, row := range []string{a, b} {
			if !json.Valid([]byte(row)) || row[0] != '{' || row[len(row)-1] != '}' {
				return
			}
		}
		in := framer{r: bufio.NewReader(strings.NewReader(`{"result":[{"rows":[` + a + `]},{"rows":[` + b + ", " + a + `]}],"id":1}`))}
		var got []string
		rest, err := in.next(func() sink { return func(op int, row []byte) { got = append(got, strconv.Itoa(op)+string(row)) } })
		if want := []string{"0" + a, "1" + b, "1" + a}; err != nil || !slices.Equal(got, want) {
			t.Errorf("rows %q, %v; want %q", got, err, want)
		}
		if string(rest) != `{"result":[{"rows":[]},{"rows":[]}],"id":1}` {
			t.Errorf("left: %s", rest)
		}
	})
}
