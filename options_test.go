package ovncttrace

import (
	"reflect"
	"testing"
)

// TestInternalOptions: every option reaches the deployment, and none of it is missing here.
func TestInternalOptions(t *testing.T) {
	var o Options
	given := reflect.ValueOf(&o).Elem()
	for i := range given.NumField() {
		switch f := given.Field(i); f.Kind() {
		case reflect.String:
			f.SetString("x")
		case reflect.Bool:
			f.SetBool(true)
		case reflect.Int, reflect.Int64:
			f.SetInt(7)
		case reflect.Slice:
			f.Set(reflect.ValueOf([]string{"x"}))
		case reflect.Map:
			f.Set(reflect.ValueOf(map[string]string{"x": "y"}))
		default:
			t.Fatalf("%s is a %v", given.Type().Field(i).Name, f.Kind())
		}
	}
	cliOnly := map[string]bool{"KeepRoom": true} // what is kept is told on a terminal
	got := reflect.ValueOf(o.internal())
	for i := range got.NumField() {
		f := got.Type().Field(i)
		if !f.IsExported() || cliOnly[f.Name] {
			continue
		}
		if want := given.FieldByName(f.Name); !want.IsValid() || !reflect.DeepEqual(got.Field(i).Interface(), want.Interface()) {
			t.Errorf("%s does not arrive: %v", f.Name, got.Field(i))
		}
	}
	for i := range given.NumField() {
		if name := given.Type().Field(i).Name; !got.FieldByName(name).IsValid() {
			t.Errorf("package deployment has no %s", name)
		}
	}
}
