package judged

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/sipdoctor/sipdoctor/checks"
)

// opened is the one key of what stands in a tree for a checks.Packed.
const opened = "packed"

// unpack returns tree with what is packed in it laid open.
func unpack(tree any) any {
	return walk(tree, func(v any) any {
		s, _ := v.(string)
		raw, ok := checks.Packed[json.RawMessage](s).Open()
		if !ok {
			return v
		}
		return map[string]any{opened: parse(raw)}
	})
}

// pack undoes unpack.
func pack(tree any) any {
	return walk(tree, func(v any) any {
		m, _ := v.(map[string]any)
		inner, ok := m[opened]
		if !ok || len(m) > 1 {
			return v
		}
		p, _ := checks.Pack(inner, mostBytes)
		return string(p)
	})
}

// walk returns tree with each value replaced by what change makes of it, the inner
// ones first.
func walk(tree any, change func(any) any) any {
	switch t := tree.(type) {
	case map[string]any:
		t = maps.Clone(t)
		for k, v := range t {
			t[k] = walk(v, change)
		}
		tree = t
	case []any:
		t = slices.Clone(t)
		for i, v := range t {
			t[i] = walk(v, change)
		}
		tree = t
	}
	return change(tree)
}
