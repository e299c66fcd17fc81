package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/all"
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// every saved report, those of the lab and of captures too.
func everyReport(t testing.TB) map[string]*checks.Report {
	t.Helper()
	list := savedReports(t)
	for _, pattern := range []string{"lab/*.json", "observed/capture/story-what*.json"} {
		files, err := filepath.Glob("../../../testdata/reports/" + pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("no %s: %v", pattern, err)
		}
		for _, f := range files {
			raw, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			r, err := checks.ReadReport(bytes.NewReader(raw))
			if err == nil {
				r, err = checks.Rejudge(r, all.Checks())
			}
			if err != nil {
				t.Fatalf("%s: %v", f, err)
			}
			list[filepath.Base(f)] = r
		}
	}
	return list
}

func pageOf(t *testing.T, r *checks.Report, o HTMLOptions) *html.Node {
	t.Helper()
	var b bytes.Buffer
	if err := HTML(&b, r, o); err != nil {
		t.Fatal(err)
	}
	tree, err := html.Parse(&b)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// within are the elements below n that are called so, or all.
func within(n *html.Node, names ...string) (list []*html.Node) {
	for x := range n.Descendants() {
		if x.Type == html.ElementNode && (len(names) == 0 || slices.Contains(names, x.Data)) {
			list = append(list, x)
		}
	}
	return list
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func textIn(n *html.Node) string {
	var b strings.Builder
	for x := range n.Descendants() {
		if x.Type == html.TextNode {
			b.WriteString(x.Data)
		}
	}
	return b.String()
}

// classed is the first element of a class.
func classed(n *html.Node, class string) *html.Node {
	for _, x := range within(n) {
		if slices.Contains(strings.Fields(attr(x, "class")), class) {
			return x
		}
	}
	return nil
}

// Whatever a report holds, a page is made of the elements and attributes that this
// program writes, with one script and one style, both named in its policy, and with
// nothing to load.
func TestAPageLoadsAndRunsNothingButItsOwn(t *testing.T) {
	elements := strings.Fields("html head meta title style body header p div button main h1 h2 h3 h4 h5 span section svg path circle rect text table thead tbody tr th td caption ul li details summary article code pre a del ins footer script noscript")
	attributes := strings.Fields("lang charset http-equiv content name class role aria-label aria-hidden aria-pressed hidden type data-lang data-copy data-selected data-title data-side id href rel tabindex scope colspan xmlns viewbox width height x y rx d cx cy r preserveaspectratio")
	reports := everyReport(t)
	reports["of a stranger"] = strangers(t)
	for name, r := range reports {
		tree := pageOf(t, r, HTMLOptions{Fill: fillAll})
		ids := map[string]bool{}
		for _, x := range within(tree) {
			if !slices.Contains(elements, x.Data) {
				t.Errorf("%s: element %s", name, x.Data)
			}
			for _, a := range x.Attr {
				if !slices.Contains(attributes, strings.ToLower(a.Key)) {
					t.Errorf("%s: attribute %s of %s", name, a.Key, x.Data)
				}
				if a.Key == "href" && !strings.HasPrefix(a.Val, "#") && !strings.HasPrefix(a.Val, "https://") && !strings.HasPrefix(a.Val, "http://") {
					t.Errorf("%s: a link to %q", name, a.Val)
				}
				if a.Key == "id" && ids[a.Val] {
					t.Errorf("%s: two are called %s", name, a.Val)
				}
				ids[a.Val] = ids[a.Val] || a.Key == "id"
			}
		}
		script, style := within(tree, "script"), within(tree, "style")
		if len(script) != 1 || len(style) != 1 {
			t.Fatalf("%s: %d scripts and %d styles", name, len(script), len(style))
		}
		policy := attr(within(tree, "meta")[1], "content")
		want := fmt.Sprintf("default-src 'none'; style-src '%s'; script-src '%s'; base-uri 'none'; form-action 'none'", hashOf(textIn(style[0])), hashOf(textIn(script[0])))
		if policy != want {
			t.Errorf("%s: the policy is %s, not %s", name, policy, want)
		}
	}
}

// strangers is a report in which every string, whatever field it is of, is what a
// stranger would try.
func strangers(t *testing.T) *checks.Report {
	t.Helper()
	raw, err := json.Marshal(savedReports(t)["alg-mikrotik"])
	if err != nil {
		t.Fatal(err)
	}
	r, err := checks.ReadReport(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	const evil = `"'></title></style></script></svg><script>alert(1)</script><img src=x onerror=alert(1)><a href="javascript:alert(1)">` + "\u202e`${alert(1)}`]]>--><!--"
	r.Headline, r.Inputs.Responder, r.Tool.Version = evil, evil, evil
	r.Host.Router.Vendor, r.Host.Router.Model, r.Host.Uplink.GatewayVendor = evil, evil, evil
	r.Verdict, r.Says = checks.Status(evil), checks.Says{}
	for i := range r.Results {
		res := &r.Results[i]
		res.Summary, res.Reason, res.Title, res.Status, res.Says = evil, evil, evil, checks.Status(evil), checks.Says{}
		res.Notes = []string{evil}
		res.Tables = []checks.Table{{ID: evil, Title: evil, Columns: []checks.Column{{ID: evil, Title: evil}}, Rows: []checks.Row{{Cells: []string{evil}, Finding: 1}}}}
		for k := range res.Findings {
			f := &res.Findings[k]
			f.Title, f.Explanation, f.Advice, f.Subject = evil, evil, []string{evil}, evil
			f.Evidence = []checks.Evidence{{Name: evil, Want: evil + "1", Got: evil}}
			f.Fixes = []fixes.Fix{{Title: evil, Where: evil, Platform: evil, At: evil, Form: evil, Commands: []string{evil}, Undo: []string{evil}, Verify: []string{evil}, Note: evil, Source: "javascript:alert(1)"},
				{Title: evil, Form: fixes.FormMenu, Commands: []string{evil}, Makers: []string{evil}, Source: "https://example.net/\" onclick=\"alert(1)"}}
		}
		if res.Check != "sip-alg" && res.Check != "nat" {
			res.Check = evil
		}
	}
	return r
}

// A page is read from its first heading to its last: none is left out on the way.
func TestHeadingsAreInOrder(t *testing.T) {
	for name, r := range everyReport(t) {
		for _, main := range within(pageOf(t, r, HTMLOptions{Fill: fillAll}), "main") {
			level := 0
			for _, h := range within(main, "h1", "h2", "h3", "h4", "h5") {
				next := int(h.Data[1] - '0')
				if next > level+1 || next == 1 && level > 0 {
					t.Errorf("%s: %s %q after a heading of level %d", name, h.Data, textIn(h), level)
				}
				level = next
			}
			if level == 0 {
				t.Errorf("%s has no heading", name)
			}
		}
	}
}

// Both languages are in the page; one is shown, and each says of what it is.
func TestAPageHasEveryLanguage(t *testing.T) {
	r := savedReports(t)["no-network"]
	for _, l := range words.Languages() {
		tree := pageOf(t, r, HTMLOptions{Lang: l, Fill: fillAll})
		if got := attr(within(tree, "html")[0], "lang"); got != string(l) {
			t.Errorf("the page is in %q", got)
		}
		var shown, langs []string
		for _, main := range within(tree, "main") {
			langs = append(langs, attr(main, "lang"))
			if !slices.ContainsFunc(main.Attr, func(a html.Attribute) bool { return a.Key == "hidden" }) {
				shown = append(shown, attr(main, "lang"))
			}
			if want := map[string]string{"en": "Checks", "ru": "Проверки"}[attr(main, "lang")]; textIn(within(main, "h2")[1]) != want {
				t.Errorf("in %s: %q", attr(main, "lang"), textIn(within(main, "h2")[1]))
			}
		}
		if !slices.Equal(langs, []string{"en", "ru"}) || !slices.Equal(shown, []string{string(l)}) {
			t.Errorf("%v, shown %v", langs, shown)
		}
	}
	if tree := pageOf(t, r, HTMLOptions{Lang: words.Russian}); len(within(tree, "main")) != 1 || len(within(tree, "button")) != 0 {
		t.Error("a switch between one language and itself")
	}
}

// What a button copies is all commands of a block and nothing else; steps for people
// have none.
func TestCommandsStandAloneInABlock(t *testing.T) {
	for name, r := range everyReport(t) {
		r, err := quoted(r, false)
		if err != nil {
			t.Fatal(err)
		}
		blocks := map[string]int{}
		main := within(pageOf(t, r, HTMLOptions{}), "main")[0]
		for _, pre := range within(main, "pre") {
			blocks[textIn(pre)]++
			if button := within(pre.Parent, "button"); len(button) != 1 || textIn(button[0]) != "Copy" {
				t.Errorf("%s: %q has no button", name, textIn(pre))
			}
		}
		for _, res := range r.Results {
			if res.ExplainedBy != "" {
				continue
			}
			for _, f := range res.Findings {
				for _, x := range f.Fixes {
					for _, list := range [][]string{x.Commands, x.Undo, x.Verify} {
						switch whole := strings.Join(list, "\n"); {
						case len(list) == 0:
						case readable(x):
							for _, line := range list {
								if blocks[line] > 0 != strings.HasPrefix(line, "sipdoctor ") {
									t.Errorf("%s: a step for people is copied, or a command is not: %q", name, line)
								}
							}
						case blocks[whole] == 0:
							t.Errorf("%s: no block is\n%s", name, whole)
						}
					}
				}
			}
		}
	}
}

// A source that is a page is a link to it, and any other is text.
func TestOnlyAPageIsALink(t *testing.T) {
	for source, link := range map[string]string{
		"https://example.net/a?b=c&d": "https://example.net/a?b=c&d", "http://example.net/": "http://example.net/", "RFC 3261, section 18": "",
		"javascript:alert(1)": "", "data:text/html,x": "", " https://example.net": "", "HTTPS://example.net": "", "file:///etc/passwd": "",
	} {
		r := &checks.Report{Results: []checks.Result{{Check: "x", Findings: []checks.Finding{{ID: "x.y", Severity: checks.Critical, Fixes: []fixes.Fix{{Title: "x", Source: source}}}}}}}
		tree := pageOf(t, r, HTMLOptions{})
		got := ""
		for _, a := range within(tree, "a") {
			got += attr(a, "href")
		}
		if got != link || !strings.Contains(textIn(tree), source) {
			t.Errorf("%q leads to %q", source, got)
		}
	}
}

// The part of a line that the router has changed is marked, and the parts together
// are the line.
func TestWhatWasChangedIsMarked(t *testing.T) {
	for _, c := range []struct{ before, after, cut, put string }{
		{"Via: 192.168.88.10:5060", "Via: 203.0.113.1:5060", "192.168.88.10", "203.0.113.1"},
		{"rport", "rport=5060", "", "=5060"},
		{"aa", "a", "a", ""},
		{"", "Via: x", "", "Via: x"},
		{"тест", "текст", "", "к"},
		{"same", "same", "", ""},
	} {
		x := changedLineOf("x", c.before, c.after)
		if x.Before[1] != c.cut || x.After[1] != c.put || strings.Join(x.Before[:], "") != c.before || strings.Join(x.After[:], "") != c.after {
			t.Errorf("%q to %q: %q", c.before, c.after, x)
		}
	}
	tree := pageOf(t, everyReport(t)["sip-alg.json"], HTMLOptions{Fill: fillAll})
	table := classed(tree, "changes")
	if table == nil || textIn(within(table, "caption")[0]) != "UDP 5060" || textIn(within(table, "del")[0]) != "192.168.88.10" || textIn(within(table, "ins")[0]) != "203.0.113.1" {
		t.Error("the rewritten lines are not shown")
	}
}

// The bar of ports shows the worst of each part, even of a single port, and does not
// grow with the report. What passes from here may not come in from outside: these are
// two bars.
func TestTheBarOfPorts(t *testing.T) {
	shapes := func(facts string) string {
		r := &checks.Report{Results: []checks.Result{{Check: "rtp-ports", Facts: json.RawMessage(facts)}}}
		var list []string
		for _, pic := range portsOf(r) {
			line := pic.Way
			for _, x := range pic.Runs {
				line += fmt.Sprintf(" %s %d+%d", x.Shape, x.X, x.W)
			}
			list = append(list, line)
		}
		return strings.Join(list, ", ")
	}
	for facts, want := range map[string]string{
		`{"range": "10000-12999", "ports_probed": 9, "open": ["10000-12999"]}`:                                              "out open 0+300",
		`{"range": "10000-12999", "ports_probed": 9, "open": ["10000-10999"], "blocked_outbound": ["11000-12999"]}`:         "out open 0+100 blocked 100+200",
		`{"range": "10000-12999", "ports_probed": 9, "open": ["10000-12999"], "blocked_return": ["11000"]}`:                 "out open 0+100 return 100+1 open 101+199",
		`{"range": "10000-12999", "ports_probed": 9, "blocked_return": ["11000-11009"], "blocked_outbound": ["11000"]}`:     "out untested 0+100 blocked 100+1 untested 101+199",
		`{"range": "10000-12999", "ports_probed": 9, "open": ["1-65535", "x", "5-4", "70000-80000"], "unknown": ["12999"]}`: "out open 0+299 unknown 299+1",
		`{"range": "10000", "ports_probed": 1, "open": ["10000"]}`:                                                          "out open 0+1 untested 1+299",
		`{"range": "10000-12999", "ports_probed": 0}`:                                                                       "",
		`{"range": "12999-10000", "ports_probed": 9}`:                                                                       "",
		`{"range": "0-99999999", "ports_probed": 9}`:                                                                        "",
		`{"range": 7}`: "",
		`{"range": "10000-12999", "ports_probed": 9, "open": ["10000-12999"], "inbound": {"range": "10000-12999", "ports_probed": 9, "silent": ["10000-10999"], "moved": [{"ports": "11000-11999", "to": "21000-21999"}], "arrives": ["12000-12999"]}}`: "out open 0+300, in blocked 0+100 return 100+100 open 200+100",
	} {
		if got := shapes(facts); got != want {
			t.Errorf("%s:\n%s, want\n%s", facts, got, want)
		}
	}
	page := textIn(classed(pageOf(t, everyReport(t)["pbx-carrier-nat.json"], HTMLOptions{Fill: fillAll}), "legend").Parent)
	for _, want := range []string{"from here and back", "open: 10000-20000", "from outside to this machine", "nothing arrives: 10000-20000"} {
		if !strings.Contains(page, want) {
			t.Errorf("%q is missing: %s", want, page)
		}
	}
}

// What is too long to be read at a glance is folded, and all of it is there.
func TestLongListsAreFolded(t *testing.T) {
	for _, n := range []int{1, fewRanges, fewRanges + 1, 300} {
		var list []string
		for i := range n {
			list = append(list, fmt.Sprint(10000+2*i))
		}
		facts, err := json.Marshal(map[string]any{"range": "10000-20000", "ports_probed": 9, "open": list})
		if err != nil {
			t.Fatal(err)
		}
		r := &checks.Report{Results: []checks.Result{{Check: "rtp-ports", Facts: json.RawMessage(facts), Notes: list}}}
		tree := pageOf(t, r, HTMLOptions{})
		ports := classed(tree, "legend")
		var folded, shown []string
		for _, x := range within(ports, "span") {
			if x.Parent.Data == "details" {
				folded = append(folded, textIn(x))
			} else {
				shown = append(shown, textIn(x))
			}
		}
		if !slices.Equal(append(shown, folded...), list) || len(folded) != max(0, n-fewRanges) {
			t.Errorf("of %d ranges %d are shown and %d are folded", n, len(shown), len(folded))
		}
		notes := 0
		for _, x := range within(tree, "li") {
			if x.Parent.Parent.Data == "details" {
				notes++
			}
		}
		if notes != n-1 {
			t.Errorf("of %d notes %d are folded", n, notes)
		}
	}
}

// A call of a capture is drawn: an arrow from cell to cell, and the lines of the ends
// go down beside it.
func TestALadderOnThePage(t *testing.T) {
	v := &edition{speech: speech{lang: words.English}}
	l := aCall()
	l.Ends = append(l.Ends, l.Ends[0])
	l.Steps[4].Message.From, l.Steps[4].Message.To = 2, 2
	var got []string
	for _, row := range v.call(l).Rows {
		line := ""
		for _, list := range [][]bool{row.Before, nil, row.After} {
			if list == nil && !strings.Contains(line, "(") {
				line += fmt.Sprintf("(%s %d %s)", row.Arrow, row.Span, row.Text)
			}
			for _, down := range list {
				line += map[bool]string{true: "_|", false: "_"}[down]
			}
		}
		got = append(got, line)
	}
	want := []string{
		"_|(right 2 2× INVITE (SDP))__|_", "_|(left 2 200 OK)__|_", "(note 6 agreed: PCMA 192.168.88.10:4000 → 198.51.100.2:12000, held)",
		"(note 6 audio → PCMA/8000, 174 packets until 6.5 s, 26 lost (13 %), jitter 3 ms, MOS 2.1)", "_|__|__|(here 1 BYE)",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	audio := v.call(l).Rows[3]
	if len(audio.Loss.Bars) != 4 || !audio.Loss.Bars[2].Bad || audio.Loss.Bars[0].Bad || audio.Loss.Bars[3].X != 4*15 || audio.Scale != "each mark is 1 s" {
		t.Errorf("a pause has a mark, or a loss is not seen: %+v", audio.Loss)
	}
}

// A device between more ends than stand side by side is told, not drawn.
func TestALadderOfManyEnds(t *testing.T) {
	v := &edition{speech: speech{lang: words.English}}
	l := aCall()
	for len(l.Ends) <= fewEnds {
		l.Ends = append(l.Ends, l.Ends[1])
	}
	c := v.call(l)
	if row := c.Rows[0]; row.Text != "192.168.88.10 → 198.51.100.2  2× INVITE (SDP)" || row.Arrow != "note" || c.Width != 1 || c.Heads != nil {
		t.Errorf("%+v", c)
	}
}

// The calls with a fault are drawn before others, as far as there is room.
func TestWhichCallsAreDrawn(t *testing.T) {
	table := checks.Table{ID: "capture.calls", Rows: make([]checks.Row, 30)}
	table.Rows[25].Finding, table.Rows[3].Finding = 1, 2
	got := callRows(&checks.Result{Tables: []checks.Table{{ID: "other", Rows: table.Rows}, table}})
	if want := []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 26}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	tree := pageOf(t, everyReport(t)["story-whattwoplacessay-1.json"], HTMLOptions{Fill: fillAll})
	call := classed(tree, "call")
	if call == nil || !strings.Contains(textIn(call), "200 OK") || classed(call, "strip") == nil {
		t.Error("a capture without its call")
	}
}

// What many faults of a kind have to say is folded after the first few.
func TestManyFaultsOfAKindAreFolded(t *testing.T) {
	var list []checks.Finding
	for i := range 5 {
		list = append(list, checks.Finding{ID: "fail2ban.banned", Severity: checks.Critical, Title: fmt.Sprintf("Phone %d is banned", i+1)})
	}
	tree := pageOf(t, &checks.Report{Results: []checks.Result{{Check: "fail2ban", Findings: list}}}, HTMLOptions{})
	open, folded := len(within(tree, "article")), 0
	for _, d := range within(tree, "details") {
		if strings.Contains(textIn(d), "is banned") {
			folded++
		}
	}
	if open != fewAlike || folded != 2 {
		t.Errorf("%d are open, %d are folded", open, folded)
	}
}

// Evidence that is compared with nothing has no column for it.
func TestWhatNothingWasExpectedOfHasNoSuchColumn(t *testing.T) {
	for want, columns := range map[string]int{"": 2, "5060": 3} {
		list := []checks.Evidence{{Name: "packet 1", Got: "403"}, {Name: "port", Want: want, Got: "5061"}}
		table := classed(pageOf(t, &checks.Report{Results: []checks.Result{{Check: "x", Findings: []checks.Finding{{ID: "x.y", Severity: checks.Critical, Evidence: list}}}}}, HTMLOptions{}), "proofs")
		for i, row := range within(table, "tr") {
			if n := len(within(row, "th", "td")); n != columns {
				t.Errorf("expected %q: row %d has %d cells, want %d", want, i, n, columns)
			}
		}
	}
}

// A path that is too long to be read from left to right is drawn from top to bottom,
// on a wide page as well.
func TestALongPathIsDrawnDownwards(t *testing.T) {
	r := savedReports(t)["alg-mikrotik"]
	for responder, want := range map[string]string{"vps.example.net": "picture, picture tall", strings.Repeat("long.", 9) + "example.net": "picture tall"} {
		r.Inputs.Responder = responder
		r.Beyond = &netinfo.Beyond{Addr: netip.MustParseAddr("192.168.178.1"), Router: netinfo.Router{Vendor: "AVM", Model: "FRITZ!Box 7590 AX v2", Confidence: "certain"}}
		var got []string
		for _, x := range within(within(pageOf(t, r, HTMLOptions{}), "section")[0], "svg") {
			got = append(got, attr(x, "class"))
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("%s: %q, want %s", responder, got, want)
		}
	}
}

// The first box of the path says from whose place was looked.
func TestWhoStandsAtTheBeginningOfThePath(t *testing.T) {
	for name, want := range map[string]string{"clean.json": "phone side", "pbx-carrier-nat.json": "PBX"} {
		if got := textIn(classed(pageOf(t, everyReport(t)[name], HTMLOptions{}), "role")); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// What is typed and what is done by hand are apart, in whatever order they come.
func TestStepsBetweenCommandsAreNotCopied(t *testing.T) {
	v := &edition{speech: speech{lang: words.English}}
	got := v.lines(fixes.Fix{Form: fixes.FormMenu, UnverifiedLines: []string{"Look"}}, []string{"sipdoctor check nat", "sipdoctor check dns", "It rings", "Look", "sipdoctor check nat"})
	want := []htmlLines{{Commands: "sipdoctor check nat\nsipdoctor check dns"}, {Steps: []string{"It rings", "Look (not verified)"}}, {Commands: "sipdoctor check nat"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Who complains gets an answer to that first, with what was found, what remains and
// what was ruled out; the report itself stays in the language that it was in.
func TestAComplaintIsAnsweredOnThePage(t *testing.T) {
	r := savedReports(t)["clean"]
	r.Symptom = &checks.Symptom{Title: "One-way audio", Causes: []checks.Cause{
		{Title: "the phone", State: checks.CauseOpen, Advice: "Try another phone"}, {Title: "a SIP ALG", State: checks.CauseExcluded}}}
	say := func(r *checks.Report, l words.Lang) { r.Symptom.Title = "in " + string(l) }
	main := within(pageOf(t, r, HTMLOptions{Fill: say}), "main")[0]
	if h := textIn(within(main, "h1")[0]); !strings.Contains(h, "in en") || strings.Contains(h, "✓") {
		t.Errorf("the answer is %q", h)
	}
	for _, want := range []string{"Try another phone", "ruled out", "a SIP ALG"} {
		if !strings.Contains(textIn(within(main, "section")[0]), want) {
			t.Errorf("%q is missing", want)
		}
	}
	if r.Symptom.Title != "One-way audio" {
		t.Errorf("the report says %q", r.Symptom.Title)
	}
}

// To show a report in every language leaves it in the one that it is in.
func TestAPageLeavesItsReportAlone(t *testing.T) {
	for name, r := range everyReport(t) {
		fillAll(r, words.English)
		before, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		pageOf(t, r, HTMLOptions{Fill: fillAll})
		after, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(before, after) {
			t.Errorf("%s has changed", name)
		}
	}
}
