// Package judged holds a judge to what it said of every recorded observation,
// and of variations of them: an answer less, another number, a word that stands
// elsewhere. A judge that changes its mind shows in the golden file, with what
// it now says and of what.
package judged

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo"
)

const (
	// golden lies in the check's own folder.
	golden = "testdata/judged.txt"
	// updateVar rewrites it ("make judged").
	updateVar = "SIPDOCTOR_UPDATE"
	// mostVariants and mostBytes bound what is made of one observation, so that
	// the test of a check takes a second or two.
	mostVariants = 220
	mostBytes    = 1 << 20
)

// Check compares what the judge of c says with its golden file.
func Check(t *testing.T, c *checks.Check) {
	t.Helper()
	compare(t, c, mostVariants, func(r *checks.Report) *checks.Report {
		return checks.Settle(r, []*checks.Check{c}) // what is packed cannot be varied
	})
}

// Sample is Check for a check with many recorded observations: it varies each n
// times, and what is packed as well.
func Sample(t *testing.T, c *checks.Check, n int) {
	t.Helper()
	compare(t, c, n, func(r *checks.Report) *checks.Report { return r })
}

// compare shows the judge what settle leaves of each recorded report, and n
// variants of it.
func compare(t *testing.T, c *checks.Check, n int, settle func(*checks.Report) *checks.Report) {
	t.Helper()
	reports := recorded(t, c, settle)
	if len(reports) == 0 {
		t.Fatalf("no report in testdata/reports has a %s of this version: record them (make reports)", c.ID)
	}
	words := pool{}
	for _, r := range reports {
		words.learn(r.tree, "")
	}
	var b strings.Builder
	said := newReader(c)
	for _, r := range reports {
		r.write(&b, c, words, said, n)
	}
	said.report(t)
	if os.Getenv(updateVar) != "" {
		if err := os.MkdirAll(filepath.Dir(golden), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(b.String(), "\n")); diff != "" {
		t.Errorf("the judge says something else (-before +now), accept with make judged:\n%s", diff)
	}
}

// A report is one observation with the machine it was made on.
type report struct {
	name string
	tree any // what was observed, and the host facts
}

// recorded returns the observations of c, two for each outcome.
func recorded(t *testing.T, c *checks.Check, settle func(*checks.Report) *checks.Report) (list []report) {
	t.Helper()
	root := filepath.Join("..", "..", "testdata", "reports")
	var files []string
	for _, pattern := range []string{"lab/*.json", "observed/" + c.ID + "/*.json"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	seen := map[string]int{}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		r, err := checks.ReadReport(bytes.NewReader(raw))
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		r = settle(r)
		res := r.Result(c.ID)
		if res == nil || res.ObserveError != nil {
			continue
		}
		if res.Observes != c.Observes() {
			t.Fatalf("%s was recorded by another version of %s: record it again (make reports)", file, c.ID)
		}
		if r.Host == nil {
			r.Host = &netinfo.Host{}
		}
		// Of one outcome two are enough: what changes nothing in one may in another.
		if key := outcome(c.Judge(res.Observed, r.Host)); seen[key] < 2 {
			seen[key]++
			host, err := json.Marshal(r.Host)
			if err != nil {
				t.Fatal(err)
			}
			tree := map[string]any{"observed": unpack(parse(res.Observed)), "host": parse(host)}
			list = append(list, report{strings.TrimSuffix(filepath.Base(file), ".json"), tree})
		}
	}
	return list
}

func parse(raw []byte) (tree any) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	_ = dec.Decode(&tree) // was read as JSON before
	return tree
}

// outcome is what a result comes to, without its words.
func outcome(r checks.Result) string {
	s := string(r.Status)
	for _, f := range r.Findings {
		s += fmt.Sprintf(", %s %s %s", f.ID, f.Severity, f.Confidence)
	}
	return s
}

// fingerprint covers every word of a result.
func fingerprint(r checks.Result) string {
	r.Observed, r.Observes, r.Says = nil, "", checks.Says{}
	r.Findings = slices.Clone(r.Findings)
	for i := range r.Findings {
		f := &r.Findings[i]
		f.Args, f.Variant, f.Evidence, f.Fixes = nil, "", slices.Clone(f.Evidence), slices.Clone(f.Fixes)
		for k := range f.Evidence {
			f.Evidence[k].Says = nil
		}
		for k := range f.Fixes {
			f.Fixes[k].Built, f.Fixes[k].Args, f.Fixes[k].Parts = false, nil, nil
		}
	}
	raw, _ := json.Marshal(r) // a Result can be written
	h := fnv.New32a()
	h.Write(raw)
	return fmt.Sprintf("%08x", h.Sum32())
}

// write puts down what the judge says of a report and of its variants. Those
// that change nothing are counted. said reads the words.
func (r report) write(b *strings.Builder, c *checks.Check, words pool, said *reader, most int) {
	plain, _ := judge(c, r.tree)
	said.read(plain)
	fmt.Fprintf(b, "== %s: %s\n   %s %s\n", r.name, outcome(plain), fingerprint(plain), plain.Summary)
	same := fnv.New32a()
	count := 0
	for _, v := range variants(r.tree, words, most) {
		res, ok := v.judge(c, r.tree)
		said.read(res)
		switch {
		case !ok:
		case fingerprint(res) == fingerprint(plain):
			fmt.Fprintln(same, v.name())
			count++
		case outcome(res) == outcome(plain):
			fmt.Fprintf(b, "%s %s\n", fingerprint(res), v.name())
		default:
			fmt.Fprintf(b, "%s %s -> %s\n", fingerprint(res), v.name(), outcome(res))
		}
	}
	fmt.Fprintf(b, "%08x %d variants change nothing\n", same.Sum32(), count)
}

func marshal(tree any) json.RawMessage {
	raw, _ := json.Marshal(tree) // of what was JSON
	return raw
}

// A variant is a tree with one change: another value at a path, or gone.
type variant struct {
	path  []string
	value any
}

// gone stands for a value that is taken away.
type gone struct{}

func (v variant) name() string {
	if v.value == any(gone{}) {
		return strings.Join(v.path, "/") + " without it"
	}
	return strings.Join(v.path, "/") + " = " + short(v.value)
}

// judge returns what the judge says of tree with that change. ok is false if no
// check could have observed it.
func (v variant) judge(c *checks.Check, tree any) (res checks.Result, ok bool) {
	if res, ok = judge(c, set(tree, v.path, v.value)); !ok && isZero(v.value) { // an empty field may have to be left out
		res, ok = judge(c, set(tree, v.path, gone{}))
	}
	return res, ok
}

// judge shows a judge an observation and a host.
func judge(c *checks.Check, tree any) (checks.Result, bool) {
	both, _ := tree.(map[string]any)
	host := &netinfo.Host{}
	if json.Unmarshal(marshal(both["host"]), &host) != nil || host == nil {
		return checks.Result{}, false
	}
	res := c.Judge(marshal(pack(both["observed"])), host)
	return res, res.Status != checks.Error
}

// pool is what stands at a kind of place in all reports: every word and number,
// and an example of a list or a thing.
type pool map[string]map[string]any

func (p pool) learn(tree any, place string) {
	if p[place] == nil {
		p[place] = map[string]any{}
	}
	if isMessage(tree) {
		p[place][string(marshal(tree))] = tree
		return
	}
	switch tree := tree.(type) {
	case map[string]any:
		if len(p[place]) == 0 {
			p[place]["{}"] = tree
		}
		for _, k := range slices.Sorted(maps.Keys(tree)) {
			p.learn(tree[k], place+"."+k)
		}
	case []any:
		if len(p[place]) == 0 && len(tree) > 0 {
			p[place]["[]"] = tree
		}
		for _, v := range tree {
			p.learn(v, place+"[]")
		}
	case string, json.Number, bool:
		p[place][fmt.Sprint(tree)] = tree
	}
}

// isMessage reports whether tree is a words.Text: its values belong to its ID, so
// it is varied as a whole.
func isMessage(tree any) bool {
	m, _ := tree.(map[string]any)
	_, says := m["say"].(string)
	return says
}

// missing are the fields that a thing at place has in other reports.
func (p pool) missing(tree map[string]any, place string) (keys []string) {
	for other := range p {
		key, ok := strings.CutPrefix(other, place+".")
		if _, there := tree[key]; ok && !there && !strings.ContainsAny(key, ".[") {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// variants lists the changes to a tree, at most so many, spread evenly over it.
func variants(tree any, words pool, most int) []variant {
	var all []variant
	collect(tree, nil, "", words, map[string]int{}, func(path []string, value any) { all = append(all, variant{path, value}) })
	n := min(len(all), most, mostBytes/len(marshal(tree)))
	some := make([]variant, n)
	for i := range some {
		some[i] = all[i*len(all)/n]
	}
	return some
}

func isZero(v any) bool {
	return v == false || v == "" || v == json.Number("0")
}

// fewPlaces is how many elements of a list are varied, of those that hold the
// same kind of thing.
const fewPlaces = 3

// collect calls add for every change to what stands at path, which is of the
// kind place.
func collect(tree any, path []string, place string, words pool, met map[string]int, add func(path []string, value any)) {
	below := func(step string) []string { return append(slices.Clone(path), step) }
	if isMessage(tree) {
		for _, v := range append(firstOf(words[place]), gone{}) {
			if met[place]++; met[place] <= fewPlaces && !reflect.DeepEqual(v, tree) {
				add(path, v)
			}
		}
		return
	}
	switch tree := tree.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(tree)) {
			collect(tree[k], below(k), place+"."+k, words, met, add)
		}
		for _, k := range words.missing(tree, place) {
			if met[place+"."+k+" missing"]++; met[place+"."+k+" missing"] > fewPlaces {
				continue
			}
			for _, v := range firstOf(words[place+"."+k]) {
				add(below(k), v)
			}
		}
		return
	case []any:
		for i, v := range tree {
			if met[place+"[]"]++; met[place+"[]"] <= fewPlaces {
				add(below(strconv.Itoa(i)), gone{})
			}
			collect(v, below(strconv.Itoa(i)), place+"[]", words, met, add)
		}
		return
	}
	if met[place]++; met[place] > fewPlaces || len(path) == 0 {
		return
	}
	for _, v := range instead(tree, words[place]) {
		add(path, v)
	}
}

func short(v any) string {
	s := string(marshal(v))
	if len(s) > 40 {
		h := fnv.New32a()
		h.Write([]byte(s))
		s = fmt.Sprintf("%.24s…%08x", s, h.Sum32())
	}
	return s
}

// instead is what may stand in the place of a value.
func instead(v any, words map[string]any) (out []any) {
	switch v := v.(type) {
	case bool:
		return []any{!v}
	case nil:
		return nil
	case json.Number:
		out = append(out, json.Number("0"))
		if n, err := v.Int64(); err == nil {
			out = append(out, number(n-1), number(n+1), number(n*10))
		} else if f, err := v.Float64(); err == nil {
			out = append(out, json.Number(fmt.Sprint(f/10)), json.Number(fmt.Sprint(f*10)))
		}
	case string:
		if answers := otherAnswers(v); answers != nil {
			return answers
		}
		out = append(out, "")
	}
	const others = 3
	for _, k := range slices.Sorted(maps.Keys(words)) {
		if len(out) > 1+others {
			break
		}
		switch words[k].(type) {
		case string, json.Number:
			if words[k] != v {
				out = append(out, words[k])
			}
		}
	}
	return slices.DeleteFunc(out, func(o any) bool { return o == v })
}

// otherAnswers are SIP answers with another code each, and without one of their
// fields, where v is one, as text or in base64; nil where it is not.
func otherAnswers(v string) (out []any) {
	const version = "SIP/2.0 "
	text, encode := v, func(s string) any { return s }
	if raw, err := base64.StdEncoding.DecodeString(v); err == nil && bytes.HasPrefix(raw, []byte(version)) {
		text, encode = string(raw), func(s string) any { return base64.StdEncoding.EncodeToString([]byte(s)) }
	}
	rest, ok := strings.CutPrefix(text, version)
	if !ok || len(rest) < 3 {
		return nil
	}
	for _, code := range []string{"200", "401", "403", "407", "423", "500", "503"} {
		if code != rest[:3] {
			out = append(out, encode(version+code+rest[3:]))
		}
	}
	lines := strings.SplitAfter(text, "\r\n")
	for i, l := range lines {
		if i > 0 && strings.Contains(l, ":") && len(out) < 14 {
			out = append(out, encode(strings.Join(slices.Delete(slices.Clone(lines), i, i+1), "")))
		}
	}
	return append(out, encode(""))
}

// firstOf is the first two of the values, by their names.
func firstOf(values map[string]any) (out []any) {
	for _, k := range slices.Sorted(maps.Keys(values)) {
		if v := values[k]; len(out) < 2 && !isZero(v) {
			out = append(out, v)
		}
	}
	return out
}

func number(n int64) json.Number { return json.Number(fmt.Sprint(n)) }

// set returns a copy of tree with another value at path.
func set(tree any, path []string, value any) any {
	if len(path) == 0 {
		return value
	}
	switch tree := tree.(type) {
	case map[string]any:
		out := maps.Clone(tree)
		if out[path[0]] = set(tree[path[0]], path[1:], value); out[path[0]] == any(gone{}) {
			delete(out, path[0])
		}
		return out
	case []any:
		i, _ := strconv.Atoi(path[0]) // was written by collect
		out := slices.Clone(tree)
		if out[i] = set(tree[i], path[1:], value); out[i] == any(gone{}) {
			out = slices.Delete(out, i, i+1)
		}
		return out
	}
	return tree
}
