package packetfilter

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// What is read quickly is what encoding/json reads, a member that comes twice
// included.
func FuzzJSONIsReadAlike(f *testing.F) {
	for _, s := range []string{
		`{"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "saddr"}}, "right": "192.0.2.1"}}`,
		`[1, 2.5, -0, 1e3, null, true, false, "a\"b", "é", [], {}, {"left": [{"left": 1}, {"left": 1}]}, "]}"]`,
		"{\"a\\u0041\":1,\t\"b\" :\n[ ] , \"b\":{\"left\":\"x\",\"left\":\"y\"} }", `"\\"`, `"\ud800"`, "\"\xff\"",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var want any
		if len(s) > 1<<16 || json.Unmarshal([]byte(s), &want) != nil {
			return
		}
		r := jsonReader{map[string]any{}}
		if got := r.value(strings.Trim(s, " \t\r\n")); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %#v, and encoding/json reads %#v", s, got, want)
		}
	})
}
