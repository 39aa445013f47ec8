package openflow

import (
	"slices"
)

// String returns the flow as it was read.
func (f Flow) String() string {
	b := make([]byte, 0, 256)
	for i, fd := range f.Fields {
		if i > 0 {
			if fd.Before != "" {
				b = append(b, fd.Before...)
			} else {
				b = append(b, ',')
			}
		}
		b = fd.append(b)
	}
	return string(b)
}

// String returns the field as NAME, NAME=VALUE or NAME=VALUE/MASK.
func (fd Field) String() string { return string(fd.append(nil)) }

func (fd Field) append(b []byte) []byte {
	b = append(b, fd.Name...)
	if fd.Value != "" {
		b = append(append(b, '='), fd.Value...)
	}
	if fd.Mask != "" {
		b = append(append(b, '/'), fd.Mask...)
	}
	return b
}

// Text returns the field's value with its mask: VALUE or VALUE/MASK.
func (fd Field) Text() string {
	if fd.Mask == "" {
		return fd.Value
	}
	return fd.Value + "/" + fd.Mask
}

// Find returns the index of the first field of that name or of an alias of it, -1 if there is none.
// The name has precedence over its aliases.
func (f Flow) Find(name string) int {
	for i := range f.Fields {
		if f.Fields[i].Name == name {
			return i
		}
	}
	want := kin(canonical(name))
	for i := range f.Fields {
		if kin(canonical(f.Fields[i].Name)) == want {
			return i
		}
	}
	return -1
}

// Get returns a field's value with its mask. A field printed as a bare word (tcp) has the empty
// value and ok true.
func (f Flow) Get(name string) (string, bool) {
	i := f.Find(name)
	if i < 0 {
		return "", false
	}
	return f.Fields[i].Text(), true
}

// Field returns the field of that name.
func (f Flow) Field(name string) (Field, bool) {
	i := f.Find(name)
	if i < 0 {
		return Field{}, false
	}
	return f.Fields[i], true
}

// Has reports whether the flow has the field or the bare word.
func (f Flow) Has(name string) bool { return f.Find(name) >= 0 }

// Set sets the value of a field (VALUE or VALUE/MASK, empty for a bare word). An existing field
// keeps its place and name; a new one is added at the end.
func (f *Flow) Set(name, value string) {
	v, m := cutMask(name, value)
	if i := f.Find(name); i >= 0 {
		f.Fields[i].Value, f.Fields[i].Mask = v, m
		return
	}
	f.Fields = append(f.Fields, Field{Name: name, Value: v, Mask: m})
}

// Del removes the fields of these names, and reports whether there were any.
func (f *Flow) Del(names ...string) bool {
	found := false
	for _, name := range names {
		for i := f.Find(name); i >= 0; i = f.Find(name) {
			f.Fields = slices.Delete(f.Fields, i, i+1)
			found = true
		}
	}
	return found
}

// Clone returns a copy that shares no memory with f.
func (f Flow) Clone() Flow { return Flow{Fields: slices.Clone(f.Fields)} }
