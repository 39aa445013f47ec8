package main

import (
	"encoding"
	"fmt"
	"go/ast"
	"go/constant"
	"go/types"
	"reflect"
	"strings"

	"golang.org/x/tools/go/packages"
)

// source reads comments and the constants of a type, which reflection does not show.
type source struct {
	packages map[string]*packages.Package
	err      error // the first error
}

// word is a value of a closed set.
type word struct {
	value string
	doc   string
}

// load returns a package's syntax and types; it is read once.
func (s *source) load(path string) *packages.Package {
	if p := s.packages[path]; p != nil || s.err != nil {
		return p
	}
	list, err := packages.Load(&packages.Config{Mode: packages.NeedName | packages.NeedSyntax | packages.NeedTypes | packages.NeedTypesInfo |
		packages.NeedImports | packages.NeedFiles | packages.NeedCompiledGoFiles | packages.NeedExportFile}, path)
	if err == nil && (len(list) != 1 || len(list[0].Errors) > 0) {
		err = fmt.Errorf("package %s: %v", path, list)
		if len(list) == 1 {
			err = fmt.Errorf("package %s: %v", path, list[0].Errors)
		}
	}
	if err != nil {
		s.err = err
		return nil
	}
	s.packages[path] = list[0]
	return list[0]
}

// comment returns the comment of a type, or of one of its fields, on one line.
func (s *source) comment(t reflect.Type, field string) string {
	spec := s.typeSpec(t)
	if spec == nil {
		return ""
	}
	if field == "" {
		return spec.doc
	}
	st, ok := spec.Type.(*ast.StructType)
	if !ok {
		return ""
	}
	for _, f := range st.Fields.List {
		for _, n := range f.Names {
			if n.Name == field {
				return commentText(f.Doc, f.Comment)
			}
		}
	}
	return ""
}

type typeSpec struct {
	*ast.TypeSpec
	doc string
}

func (s *source) typeSpec(t reflect.Type) *typeSpec {
	if t.PkgPath() == "" {
		return nil
	}
	p := s.load(t.PkgPath())
	if p == nil {
		return nil
	}
	for _, f := range p.Syntax {
		for _, d := range f.Decls {
			gen, ok := d.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, sp := range gen.Specs {
				if ts, ok := sp.(*ast.TypeSpec); ok && ts.Name.Name == t.Name() {
					return &typeSpec{ts, commentText(ts.Doc, gen.Doc)}
				}
			}
		}
	}
	return nil
}

// words returns the constants of a type as printed, in the order of declaration; none for a type
// that is not a closed set.
func (s *source) words(t reflect.Type) []word {
	if t.PkgPath() == "" || !strings.HasPrefix(t.PkgPath(), module) || t.Kind() == reflect.Struct {
		return nil
	}
	p := s.load(t.PkgPath())
	if p == nil {
		return nil
	}
	var out []word
	for _, f := range p.Syntax {
		for _, d := range f.Decls {
			gen, ok := d.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, sp := range gen.Specs {
				vs, ok := sp.(*ast.ValueSpec)
				if !ok {
					continue
				}
				for _, n := range vs.Names {
					c, ok := p.TypesInfo.Defs[n].(*types.Const)
					if !ok || !isNamed(c.Type(), t) {
						continue
					}
					text, err := printed(t, c.Val())
					if err != nil && s.err == nil {
						s.err = fmt.Errorf("%v.%s: %w", t, n.Name, err)
					}
					out = append(out, word{text, commentText(vs.Doc, vs.Comment)})
				}
			}
		}
	}
	return out
}

func isNamed(have types.Type, want reflect.Type) bool {
	n, ok := have.(*types.Named)
	return ok && n.Obj().Name() == want.Name() && n.Obj().Pkg().Path() == want.PkgPath()
}

// printed returns a constant as encoding/json prints a value of its type, without quotes.
func printed(t reflect.Type, c constant.Value) (string, error) {
	v := reflect.New(t).Elem()
	switch {
	case v.CanUint():
		n, _ := constant.Uint64Val(c)
		v.SetUint(n)
	case v.Kind() == reflect.String:
		v.SetString(constant.StringVal(c))
	default:
		return "", fmt.Errorf("constants of kind %v are not known here", v.Kind())
	}
	if m, ok := v.Interface().(encoding.TextMarshaler); ok {
		b, err := m.MarshalText()
		return string(b), err
	}
	if v.Kind() != reflect.String {
		return "", fmt.Errorf("prints as a number")
	}
	return v.String(), nil
}

// commentText joins the lines of the first comment that is not empty.
func commentText(groups ...*ast.CommentGroup) string {
	for _, g := range groups {
		if text := strings.Join(strings.Fields(g.Text()), " "); text != "" {
			return text
		}
	}
	return ""
}
