package netinfo

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// Editors complete and check profiles by docs/profile.schema.json: what it
// knows is what the program knows.
func TestTheSchemaKnowsTheKeysOfAProfile(t *testing.T) {
	schema := profileSchema(t)
	compareKeys(t, schema, reflect.TypeFor[Profile](), "profile")
}

func compareKeys(t *testing.T, s map[string]any, typ reflect.Type, at string) {
	t.Helper()
	if typ.Kind() == reflect.Slice && typ.Elem().Kind() == reflect.Struct && typ.Elem() != reflect.TypeFor[PortRange]() {
		typ, s = typ.Elem(), s["items"].(map[string]any)
	}
	properties, _ := s["properties"].(map[string]any)
	if typ.Kind() != reflect.Struct || typ == reflect.TypeFor[PortRange]() {
		return
	}
	known := fields(typ)
	for key, ft := range known {
		p, ok := properties[key].(map[string]any)
		if !ok {
			t.Errorf("the schema does not know %s.%s", at, key)
			continue
		}
		compareKeys(t, p, ft, at+"."+key)
	}
	for key := range properties {
		if known[key] == nil {
			t.Errorf("the program does not know %s.%s", at, key)
		}
	}
}

func TestTheBuiltInProfilesObeyTheSchema(t *testing.T) {
	schema := profileSchema(t)
	files, err := filepath.Glob("profiles/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range breaches(t, schema, string(b)) {
			t.Errorf("%s: %s", f, v)
		}
	}
}

func TestTheSchemaRefuses(t *testing.T) {
	schema := profileSchema(t)
	if v := breaches(t, schema, officeProfile); len(v) != 0 {
		t.Fatalf("a good profile: %v", v)
	}
	for name, c := range map[string]struct{ from, to string }{
		"a key nobody knows":          {"stun:", "stum:"},
		"a transport nobody has":      {"transport: udp", "transport: pigeon"},
		"a profile without a source":  {"source: the administrator\n", ""},
		"a date that is none":         {"2026-11-22", "yesterday"},
		"a name that is no file name": {"name: my-pbx", "name: My PBX"},
	} {
		t.Run(name, func(t *testing.T) {
			if len(breaches(t, schema, strings.Replace(officeProfile, c.from, c.to, 1))) == 0 {
				t.Error("accepted")
			}
		})
	}
}

func profileSchema(t *testing.T) map[string]any {
	t.Helper()
	b, err := os.ReadFile("../docs/profile.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var s map[string]any
	if err := json.Unmarshal(b, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

func breaches(t *testing.T, schema map[string]any, document string) []string {
	t.Helper()
	var n yaml.Node
	if err := yaml.Unmarshal([]byte(document), &n); err != nil {
		t.Fatal(err)
	}
	return against(schema, schema, n.Content[0], "profile")
}

// against checks the part of JSON Schema that the schema uses.
func against(root, s map[string]any, n *yaml.Node, at string) (out []string) {
	if ref, ok := s["$ref"].(string); ok {
		s = root["$defs"].(map[string]any)[strings.TrimPrefix(ref, "#/$defs/")].(map[string]any)
	}
	if e, ok := s["enum"].([]any); ok && !slices.Contains(e, any(n.Value)) {
		out = append(out, fmt.Sprintf("%s is %q, none of %v", at, n.Value, e))
	}
	if p, ok := s["pattern"].(string); ok && !regexp.MustCompile(p).MatchString(n.Value) {
		out = append(out, fmt.Sprintf("%s %q does not match %s", at, n.Value, p))
	}
	switch n.Kind {
	case yaml.SequenceNode:
		for i, x := range n.Content {
			out = append(out, against(root, s["items"].(map[string]any), x, fmt.Sprintf("%s[%d]", at, i))...)
		}
	case yaml.MappingNode:
		properties, _ := s["properties"].(map[string]any)
		var keys []any
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i].Value
			keys = append(keys, key)
			p, ok := properties[key].(map[string]any)
			switch {
			case ok:
				out = append(out, against(root, p, n.Content[i+1], at+"."+key)...)
			case s["additionalProperties"] == false:
				out = append(out, fmt.Sprintf("%s.%s is unknown", at, key))
			}
		}
		required, _ := s["required"].([]any)
		for _, k := range required {
			if !slices.Contains(keys, k) {
				out = append(out, fmt.Sprintf("%s has no %s", at, k))
			}
		}
	}
	return out
}
