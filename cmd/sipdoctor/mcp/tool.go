package mcp

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Tool is something that an assistant may have done. It changes nothing.
type Tool struct {
	Name, Description string
	Params            []Param
	Sends             bool // it talks to others than this machine

	// Call does it. It may be called concurrently; told takes what it is doing.
	Call func(ctx context.Context, args Args, told func(string)) Result
}

// Args are the arguments of a call by name, as on a command line: numbers in decimal,
// "true" and "false", of a list each value.
type Args map[string][]string

// Param is an argument of a tool.
type Param struct {
	Name, Description string
	Type              string   // string, integer or boolean, of JSON Schema
	List              bool     // several of them
	Choices           []string // nil: anything
	Required          bool
	Max               int // bytes of a string; 0: maxString
}

const (
	maxString = 4 << 10
	maxList   = 200
)

// Result is what a call came to.
type Result struct {
	Text       string
	Structured json.RawMessage // an object; nil for none
	Failed     bool            // Text says why it could not be done
}

// schema describes the arguments of a tool (JSON Schema 2020-12).
func (t *Tool) schema() any {
	properties, required := map[string]any{}, []string{}
	for _, p := range t.Params {
		one := map[string]any{"type": p.Type}
		if p.Choices != nil {
			one["enum"] = p.Choices
		}
		if p.List {
			one = map[string]any{"type": "array", "items": one, "maxItems": maxList}
		}
		one["description"] = p.Description
		properties[p.Name] = one
		if p.Required {
			required = append(required, p.Name)
		}
	}
	return map[string]any{"type": "object", "properties": properties, "required": required, "additionalProperties": false}
}

// read takes the arguments of a call. What the schema does not describe is refused.
func (t *Tool) read(given map[string]json.RawMessage) (Args, error) {
	args := Args{}
	var known []string
	for _, p := range t.Params {
		known = append(known, p.Name)
		v, ok := given[p.Name]
		if !ok {
			if p.Required {
				return nil, fmt.Errorf("%s needs the argument %s", t.Name, p.Name)
			}
			continue
		}
		values, err := p.read(v)
		if err != nil {
			return nil, fmt.Errorf("%s %w", p.Name, err)
		}
		args[p.Name] = values
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("%s has no argument %s; there are %s", t.Name, quote(name), strings.Join(known, ", "))
		}
	}
	return args, nil
}

func (p *Param) read(raw json.RawMessage) (out []string, err error) {
	list := []json.RawMessage{raw}
	if p.List {
		if raw[0] != '[' || json.Unmarshal(raw, &list) != nil {
			return nil, fmt.Errorf("must be a list, of the type %s", p.Type)
		}
		if len(list) > maxList {
			return nil, fmt.Errorf("has %d values; %d are the most", len(list), maxList)
		}
	}
	for _, v := range list {
		s, err := p.one(bytes.TrimSpace(v))
		if err != nil {
			return nil, err
		}
		if p.Choices != nil && !slices.Contains(p.Choices, s) {
			return nil, fmt.Errorf("cannot be %s; there are %s", quote(s), strings.Join(p.Choices, ", "))
		}
		out = append(out, s)
	}
	return out, nil
}

// one reads a single value.
func (p *Param) one(v json.RawMessage) (string, error) {
	wrong := fmt.Errorf("must be of the type %s", p.Type)
	switch p.Type {
	case "boolean":
		if s := string(v); s == "true" || s == "false" {
			return s, nil
		}
		return "", wrong
	case "integer":
		n, err := strconv.ParseInt(string(v), 10, 64)
		if err != nil {
			return "", wrong
		}
		return strconv.FormatInt(n, 10), nil
	}
	var s string
	if v[0] != '"' || json.Unmarshal(v, &s) != nil {
		return "", wrong
	}
	most := p.Max
	if most == 0 {
		most = maxString
		if strings.ContainsRune(s, 0) { // no command line can hold it
			return "", fmt.Errorf("holds a zero byte")
		}
	}
	if len(s) > most {
		return "", fmt.Errorf("has %d bytes; %d are the most", len(s), most)
	}
	return s, nil
}

// quote shows what a stranger sent, and not all of it.
func quote(s string) string {
	if len(s) > 60 {
		s = strings.ToValidUTF8(s[:60], "") + "…"
	}
	return strconv.Quote(s)
}
