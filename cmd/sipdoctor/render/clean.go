package render

import (
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/sipdoctor/sipdoctor/checks"
)

// copied returns a deep copy of r whose facts are plain JSON values, however
// the report was made: fresh from a run, or read from a file.
func copied(r *checks.Report) (*checks.Report, error) {
	raw, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("copying the report: %w", err)
	}
	var c checks.Report
	if err := json.Unmarshal(raw, &c); err != nil {
		return nil, fmt.Errorf("copying the report: %w", err)
	}
	return &c, nil
}

// quoted returns a copy of r in which every string is safe to print. What a
// renderer for people shows is taken from such a copy, so that no field can be
// forgotten.
func quoted(r *checks.Report) (*checks.Report, error) {
	c, err := copied(r)
	if err != nil {
		return nil, err
	}
	mapStrings(reflect.ValueOf(c).Elem(), Quote)
	return c, nil
}

// mapStrings replaces every string that can be reached from v, map keys aside.
// Raw JSON and values that keep their contents to themselves (addresses,
// times) stay as they are.
func mapStrings(v reflect.Value, f func(string) string) {
	switch v.Kind() {
	case reflect.String:
		if v.CanSet() {
			v.SetString(f(v.String()))
		}
	case reflect.Pointer:
		if !v.IsNil() {
			mapStrings(v.Elem(), f)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				mapStrings(v.Field(i), f)
			}
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return
		}
		for i := range v.Len() {
			mapStrings(v.Index(i), f)
		}
	case reflect.Interface:
		if !v.IsNil() {
			v.Set(reflect.ValueOf(mapTree(v.Interface(), f)))
		}
	}
}

// mapTree does the same to a decoded JSON value.
func mapTree(tree any, f func(string) string) any {
	switch t := tree.(type) {
	case string:
		return f(t)
	case []any:
		for i := range t {
			t[i] = mapTree(t[i], f)
		}
	case map[string]any:
		for k := range t {
			t[k] = mapTree(t[k], f)
		}
	}
	return tree
}

// facts decodes the facts of the named check into want, which is left alone
// when there are none or they have another shape.
func facts(r *checks.Report, check string, want any) {
	res := r.Result(check)
	if res == nil || res.Facts == nil {
		return
	}
	raw, err := json.Marshal(res.Facts)
	if err != nil {
		return
	}
	// Facts of another version may have another shape; a drawing that knows
	// less is better than no report.
	_ = json.Unmarshal(raw, want)
}
