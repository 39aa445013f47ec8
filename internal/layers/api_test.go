package layers

import (
	"fmt"
	"go/types"
	"path"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
)

// public lists the packages that a program outside the module can import.
func public() []string {
	var out []string
	for name := range allowed {
		if !strings.HasPrefix(name, "internal/") && !strings.HasPrefix(name, "cmd/") {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// An importer can name every type that a public package's exported names lead to: it belongs to the
// standard library or to a public package.
func TestSignaturesNamePublicTypes(t *testing.T) {
	var patterns []string
	for _, p := range public() {
		patterns = append(patterns, path.Join(module, p))
	}
	loaded, err := packages.Load(&packages.Config{Mode: packages.NeedName | packages.NeedTypes | packages.NeedImports, Context: t.Context()}, patterns...)
	if err != nil {
		t.Fatal(err)
	}
	if len(loaded) != len(patterns) {
		t.Errorf("%d packages of %q", len(loaded), patterns)
	}
	for _, p := range loaded {
		for _, err := range p.Errors {
			t.Error(err)
		}
		if p.Types == nil || len(p.Types.Scope().Names()) == 0 {
			t.Errorf("%s has no names", p.PkgPath)
			continue
		}
		short, _ := own(p.PkgPath)
		for _, f := range foreign(p.Types) {
			t.Errorf("%s.%s names %s.%s", short, f.from, f.pkg, f.name)
		}
	}
}

// leak is a type that an exported name leads to.
type leak struct{ from, pkg, name string }

// foreign lists the types of other packages that the exported names of a package lead to, without
// those of the standard library and of public packages.
func foreign(p *types.Package) []leak {
	w := &walker{pkg: p, seen: map[types.Type]bool{}}
	scope := p.Scope()
	for _, name := range scope.Names() {
		if obj := scope.Lookup(name); obj.Exported() {
			w.from = name
			w.typ(obj.Type())
		}
	}
	return w.found
}

type walker struct {
	pkg   *types.Package
	from  string
	seen  map[types.Type]bool
	found []leak
}

// named records the package of a named type; it reports whether the type belongs to the package
// itself, so that its parts must be checked too.
func (w *walker) named(obj *types.TypeName) bool {
	if obj.Pkg() == nil { // error, comparable
		return false
	}
	path := obj.Pkg().Path()
	name, ours := own(path)
	first, _, _ := strings.Cut(path, "/")
	switch {
	case path == w.pkg.Path():
		return true
	case ours && slices.Contains(public(), name):
	case !strings.Contains(first, "."): // the standard library
	default:
		w.found = append(w.found, leak{w.from, name, obj.Name()})
	}
	return false
}

// typ visits every type that is reachable from a value of the type.
func (w *walker) typ(t types.Type) {
	if w.seen[t] {
		return
	}
	w.seen[t] = true
	switch t := t.(type) {
	case *types.Named:
		for i := range t.TypeArgs().Len() {
			w.typ(t.TypeArgs().At(i))
		}
		if !w.named(t.Obj()) {
			return
		}
		for i := range t.NumMethods() {
			if m := t.Method(i); m.Exported() {
				w.typ(m.Type())
			}
		}
		w.typ(t.Underlying())
	case *types.Alias:
		w.named(t.Obj())
		w.typ(types.Unalias(t))
	case *types.Struct:
		for i := range t.NumFields() {
			// An embedded type's exported fields and methods are the struct's own, whatever its name.
			if f := t.Field(i); f.Exported() || f.Embedded() {
				w.typ(f.Type())
			}
		}
	case *types.Interface:
		for i := range t.NumMethods() {
			if m := t.Method(i); m.Exported() {
				w.typ(m.Type())
			}
		}
		for i := range t.NumEmbeddeds() {
			w.typ(t.EmbeddedType(i))
		}
	case *types.Signature:
		w.typ(t.Params())
		w.typ(t.Results())
	case *types.Tuple:
		for i := range t.Len() {
			w.typ(t.At(i).Type())
		}
	case *types.Map:
		w.typ(t.Key())
		w.typ(t.Elem())
	case interface{ Elem() types.Type }: // pointer, slice, array, channel
		w.typ(t.Elem())
	case *types.Union:
		for i := range t.Len() {
			w.typ(t.Term(i).Type())
		}
	case *types.TypeParam:
		w.typ(t.Constraint())
	case *types.Basic:
	default:
		panic(fmt.Sprintf("%T", t))
	}
}
