package render

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// absurd are values that no run writes, and a file may hold.
var absurd = []string{
	`null`, `[]`, `{}`, `""`, `true`, `-1`, `0`, `0.5`, `1e308`, `-1e308`, `9223372036854775807`, `-9223372036854775808`, `65536`, `[null]`, `[[]]`, `[""]`, `["", -1, null, {}]`,
	`"NaN"`, `"Infinity"`, `"0-0"`, `"65535-65535"`, `"-5--1"`, `"5-1"`, `"99999999999999999999-1"`, `["20000-10000", "1-65535", "0", "65536", "15000-16000", "15500-15600"]`,
	`"</text></svg><script>alert(1)</script>]]>--><![CDATA["`, `"\u0000\u001b[2J\u202e\u2028\ufffe\ud800"`, `"` + strings.Repeat("W", 3000) + `"`, `"` + strings.Repeat("я ", 900) + `"`,
	`["` + strings.Repeat(`a", "`, 400) + `b"]`,
}

// replaced is raw with its n-th value, counted through, replaced by one that is absurd.
func replaced(raw []byte, n, value int) ([]byte, error) {
	var tree any
	if err := json.Unmarshal(raw, &tree); err != nil {
		return nil, err
	}
	var setters []func(any)
	var walk func(any, func(any))
	walk = func(x any, set func(any)) {
		setters = append(setters, set)
		switch x := x.(type) {
		case []any:
			for i := range x {
				walk(x[i], func(v any) { x[i] = v })
			}
		case map[string]any:
			for _, k := range slices.Sorted(maps.Keys(x)) {
				walk(x[k], func(v any) { x[k] = v })
			}
		}
	}
	walk(tree, func(v any) { tree = v })
	setters[n%len(setters)](json.RawMessage(absurd[value%len(absurd)]))
	return json.Marshal(tree)
}

var pathNumbers = regexp.MustCompile(`-?\d+`)

// drawingFaults says what is wrong with an SVG: numbers that are none, or what lies
// outside its canvas.
func drawingFaults(attrs func(yield func(element string, attr func(string) string) bool)) (faults []string) {
	var wide, high int
	for element, attr := range attrs {
		num := func(name string) int {
			s := attr(name)
			if s == "" {
				return 0
			}
			n, err := strconv.Atoi(s)
			if err != nil && s != "100%" {
				faults = append(faults, fmt.Sprintf("%s of %s is %q", name, element, s))
			}
			return n
		}
		inside := func(x, y int) {
			if x < 0 || y < 0 || x > wide || y > high {
				faults = append(faults, fmt.Sprintf("%s at %d, %d of %d by %d", element, x, y, wide, high))
			}
		}
		switch element {
		case "svg":
			if _, err := fmt.Sscanf(attr("viewBox"), "0 0 %d %d", &wide, &high); err != nil || wide <= 0 || high <= 0 || wide > 20000 || high > 20000 {
				faults = append(faults, fmt.Sprintf("the canvas is %q", attr("viewBox")))
			}
		case "rect":
			inside(num("x"), num("y"))
			inside(num("x")+num("width"), num("y")+num("height"))
			if num("width") < 0 || num("height") < 0 {
				faults = append(faults, "a rectangle that is less than nothing")
			}
		case "circle":
			inside(num("cx")-num("r"), num("cy")-num("r"))
			inside(num("cx")+num("r"), num("cy")+num("r"))
		case "text":
			inside(num("x"), num("y"))
		case "path":
			if n := pathNumbers.FindAllString(attr("d"), 4); len(n) >= 2 {
				x, _ := strconv.Atoi(n[0])
				y, _ := strconv.Atoi(n[1])
				inside(x, y)
			}
		}
	}
	return faults
}

// ofFile are the elements of an SVG file, which must be XML to its last letter.
func ofFile(t *testing.T, raw []byte) []string {
	t.Helper()
	dec, strict := xml.NewDecoder(bytes.NewReader(raw)), []xml.StartElement{}
	for {
		tok, err := dec.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("the picture is no XML: %v\n%s", err, raw)
		}
		if e, ok := tok.(xml.StartElement); ok {
			strict = append(strict, e.Copy())
		}
	}
	return drawingFaults(func(yield func(string, func(string) string) bool) {
		for _, e := range strict {
			if !yield(e.Name.Local, func(name string) string {
				for _, a := range e.Attr {
					if a.Name.Local == name {
						return a.Value
					}
				}
				return ""
			}) {
				return
			}
		}
	})
}

// onPage are the faults of every drawing of a page.
func onPage(tree *html.Node) (faults []string) {
	for _, svg := range within(tree, "svg") {
		faults = append(faults, drawingFaults(func(yield func(string, func(string) string) bool) {
			for _, e := range append([]*html.Node{svg}, within(svg)...) {
				if !yield(e.Data, func(name string) string { return attr(e, name) }) {
					return
				}
			}
		})...)
	}
	return faults
}

// Whatever a report holds, it is drawn, nothing lies outside its canvas, and the
// picture is XML.
func FuzzReportToDrawings(f *testing.F) {
	var list [][]byte
	all := everyReport(f)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		r := all[name]
		for i := range r.Results {
			if r.Results[i].Check != "capture" { // of no other the page shows what was observed
				r.Results[i].Observed = nil
			}
		}
		raw, err := json.Marshal(r)
		if err != nil {
			f.Fatal(err)
		}
		list = append(list, raw)
	}
	for i := range 150 {
		f.Add(uint(i), uint(i*37), uint(i))
	}
	f.Fuzz(func(t *testing.T, report, place, value uint) {
		raw, err := replaced(list[report%uint(len(list))], int(place%100000), int(value%1000))
		if err != nil {
			t.Fatal(err)
		}
		r, err := checks.ReadReport(bytes.NewReader(raw))
		if err != nil {
			return // it is refused
		}
		faults := onPage(pageOf(t, r, HTMLOptions{Fill: fillAll}))
		for _, l := range words.Languages() {
			var b, md bytes.Buffer
			if err := Picture(&b, r, l); err != nil {
				t.Fatal(err)
			}
			if err := Markdown(&md, r, l); err != nil {
				t.Fatal(err)
			}
			faults = append(faults, ofFile(t, b.Bytes())...)
		}
		if len(faults) > 0 {
			t.Errorf("%s", strings.Join(faults, "\n"))
		}
	})
}
