package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
)

// Programs that read our JSON rely on docs/report.schema.json: every saved
// report obeys it.
func TestSavedReportsObeyTheSchema(t *testing.T) {
	schema := readSchema(t)
	for name, r := range savedReports(t) {
		if name == "hostile" {
			continue // its IDs are what a stranger wants them to be
		}
		var tree any
		if err := json.Unmarshal([]byte(shownAs(t, "json", r)), &tree); err != nil {
			t.Fatal(err)
		}
		for _, e := range violations(schema, schema, tree, name) {
			t.Error(e)
		}
	}
}

// A key that the program writes and the schema does not know would be a secret
// part of the interface, and the other way round a promise not kept.
func TestSchemaAndProgramKnowTheSameKeys(t *testing.T) {
	schema := readSchema(t)
	for _, d := range sameKeys(schema, schema, reflect.TypeFor[checks.Report](), "report") {
		t.Error(d)
	}
}

// Nothing in a saved report is a key that the program has forgotten.
func TestSavedReportsHoldNoUnknownKey(t *testing.T) {
	for name, r := range savedReports(t) {
		dec := json.NewDecoder(strings.NewReader(shownAs(t, "json", r)))
		dec.DisallowUnknownFields()
		if err := dec.Decode(new(checks.Report)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSchemaRefuses(t *testing.T) {
	schema := readSchema(t)
	good := []byte(shownAs(t, "json", savedReports(t)["alg-mikrotik"]))
	for _, c := range []struct{ name, from, to string }{
		{"a status that does not exist", `"status": "fail"`, `"status": "broken"`},
		{"a missing verdict", `"verdict"`, `"opinion"`},
		{"a number as text", `"duration_ms": 4210`, `"duration_ms": "4210"`},
		{"another schema", `sipdoctor.report/1`, `sipdoctor.report/2`},
		{"commands that are no list", `"commands": []`, `"commands": ""`},
	} {
		t.Run(c.name, func(t *testing.T) {
			bad := bytes.Replace(good, []byte(c.from), []byte(c.to), 1)
			var tree any
			if err := json.Unmarshal(bad, &tree); err != nil {
				t.Fatal(err)
			}
			if len(violations(schema, schema, tree, "report")) == 0 {
				t.Error("accepted")
			}
		})
	}
}

func readSchema(t *testing.T) map[string]any {
	t.Helper()
	raw, err := os.ReadFile("../../../docs/report.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var s map[string]any
	if err := json.Unmarshal(raw, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// resolve follows a reference inside the schema.
func resolve(root, s map[string]any) map[string]any {
	if ref, ok := s["$ref"].(string); ok {
		return root["$defs"].(map[string]any)[strings.TrimPrefix(ref, "#/$defs/")].(map[string]any)
	}
	return s
}

// violations checks the part of JSON Schema that our schema uses.
func violations(root, s map[string]any, v any, at string) (out []string) {
	s = resolve(root, s)
	if c, ok := s["const"]; ok && c != v {
		out = append(out, fmt.Sprintf("%s is %v, not %v", at, v, c))
	}
	if e, ok := s["enum"].([]any); ok && !slices.Contains(e, v) {
		out = append(out, fmt.Sprintf("%s is %v, not one of %v", at, v, e))
	}
	if want, ok := s["type"]; ok && !isType(want, v) {
		return append(out, fmt.Sprintf("%s is no %v", at, want))
	}
	if p, ok := s["pattern"].(string); ok && !regexp.MustCompile(p).MatchString(v.(string)) {
		out = append(out, fmt.Sprintf("%s %q does not match %s", at, v, p))
	}
	switch v := v.(type) {
	case []any:
		for i, x := range v {
			out = append(out, violations(root, s["items"].(map[string]any), x, fmt.Sprintf("%s[%d]", at, i))...)
		}
	case map[string]any:
		required, _ := s["required"].([]any)
		for _, k := range required {
			if _, ok := v[k.(string)]; !ok {
				out = append(out, fmt.Sprintf("%s has no %s", at, k))
			}
		}
		properties, _ := s["properties"].(map[string]any)
		for k, x := range v {
			if p, ok := properties[k].(map[string]any); ok {
				out = append(out, violations(root, p, x, at+"."+k)...)
			}
		}
	}
	return out
}

func isType(want, v any) bool {
	if list, ok := want.([]any); ok {
		return slices.ContainsFunc(list, func(w any) bool { return isType(w, v) })
	}
	switch v := v.(type) {
	case nil:
		return want == "null"
	case string:
		return want == "string"
	case bool:
		return want == "boolean"
	case float64:
		return want == "number" || want == "integer" && v == float64(int64(v))
	case []any:
		return want == "array"
	}
	return want == "object"
}

// sameKeys compares the properties of a schema with the JSON keys of a type.
func sameKeys(root, s map[string]any, typ reflect.Type, at string) (out []string) {
	s = resolve(root, s)
	for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice && typ.Elem().Kind() == reflect.Struct {
		if typ.Kind() == reflect.Slice && s["items"] != nil {
			s = resolve(root, s["items"].(map[string]any))
		}
		typ = typ.Elem()
	}
	properties, ok := s["properties"].(map[string]any)
	if !ok || typ.Kind() != reflect.Struct {
		return nil
	}
	known := map[string]bool{}
	for i := range typ.NumField() {
		if !typ.Field(i).IsExported() {
			continue
		}
		key, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
		if key == "-" || !typ.Field(i).IsExported() {
			continue
		}
		known[key] = true
		p, ok := properties[key].(map[string]any)
		if !ok {
			out = append(out, fmt.Sprintf("the schema does not know %s.%s", at, key))
			continue
		}
		out = append(out, sameKeys(root, p, typ.Field(i).Type, at+"."+key)...)
	}
	for key := range properties {
		if !known[key] {
			out = append(out, fmt.Sprintf("the program does not write %s.%s", at, key))
		}
	}
	return out
}
