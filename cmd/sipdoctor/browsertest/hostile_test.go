package browsertest

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/capture"
)

// evils are what a stranger would put into a name, so that a page runs it or loads it.
var evils = []string{
	`</script><script>window.hacked=1;fetch("http://evil.example/s")</script>`,
	`</title></style></textarea></svg></math><img src="http://evil.example/i" onerror="window.hacked=1">`,
	`"><svg onload="window.hacked=1"><use href="http://evil.example/u#x"/></svg>`,
	`' autofocus onfocus='window.hacked=1' style='background:url(http://evil.example/c)' x='`,
	`javascript:window.hacked=1`,
	`data:text/html,<script>window.hacked=1</script>`,
	`--><iframe srcdoc="<script>parent.hacked=1</script>"></iframe><!--`,
	"<meta http-equiv=refresh content='0;url=http://evil.example/r'>\u202e\u2066gpj.exe\u0000\u001b[2J",
	"{{.}}${window.hacked=1}`);window.hacked=1;//\\\u2028",
	strings.Repeat("W", 20000),
	strings.Repeat("<b>", 5000),
}

// poisoned is a copy of a report in which every string is an evil one, wherever it is
// still a report then.
func poisoned(t *testing.T, whole *checks.Report) *checks.Report {
	t.Helper()
	raw, err := json.Marshal(whole)
	if err != nil {
		t.Fatal(err)
	}
	var tree any
	if err := json.Unmarshal(raw, &tree); err != nil {
		t.Fatal(err)
	}
	n := 0
	var walk func(value any, set func(any))
	walk = func(value any, set func(any)) {
		switch v := value.(type) {
		case string:
			set(evils[n%len(evils)])
			if !drawn(tree) {
				set(v) // an address, a time, or what makes it a call
				return
			}
			n++
		case []any:
			for i := range v {
				walk(v[i], func(x any) { v[i] = x })
			}
		case map[string]any:
			for _, key := range slices.Sorted(func(yield func(string) bool) {
				for k := range v {
					if !yield(k) {
						return
					}
				}
			}) {
				// By these words the page knows what to draw at all.
				if v[key] != nil && !slices.Contains([]string{"check", "severity", "explained_by", "observes"}, key) {
					walk(v[key], func(x any) { v[key] = x })
				}
			}
		}
	}
	walk(tree, func(any) {})
	raw, err = json.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	r, err := checks.ReadReport(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	if n < 2*len(evils) {
		t.Fatalf("only %d strings were replaced", n)
	}
	return r
}

// drawn reports whether a tree is a report, and its capture, if it has one, shows a
// call.
func drawn(tree any) bool {
	raw, err := json.Marshal(tree)
	if err != nil {
		return false
	}
	r, err := checks.ReadReport(bytes.NewReader(raw))
	if err != nil {
		return false
	}
	res := r.Result("capture")
	if res == nil {
		return true
	}
	list, err := capture.Ladders(res.Observed, []int{1})
	return err == nil && len(list) == 1
}

// Whatever is in a report, the page that shows it runs nothing of it, asks nobody for
// anything, and still can be read.
func TestAHostileReportRunsNothing(t *testing.T) {
	list := map[string]*checks.Report{"hostile": report(t, "hostile.json")}
	for name, r := range reports(t, "[acin]*.json", "observed/capture/story-whattwoplacessay-1.json") {
		list["poisoned "+name] = poisoned(t, r)
	}
	for name, r := range list {
		b := open(t, saved(t, r), 360)
		ask[any](b, unfold)
		ask[any](b, `document.querySelectorAll('button').forEach((x) => x.click())`)
		ask[any](b, `document.querySelectorAll('main *').forEach((x) => { for (const e of ['mouseover', 'focus', 'click']) if (!x.closest('a, summary, button')) x.dispatchEvent(new Event(e, { bubbles: true })); })`)
		got := ask[struct {
			Hacked  bool
			Strange []string
			Wide    int
			Text    int
		}](b, `new Promise((done) => setTimeout(() => done({
			hacked: 'hacked' in window,
			strange: [...document.querySelectorAll('img, iframe, use, b, form, input, object, embed, link, base, [style], [srcdoc], [src], [onload], [onerror], [onfocus], [autofocus], a:not([href^="http"], [href^="#"])')].map((x) => x.outerHTML.slice(0, 80)),
			wide: document.documentElement.scrollWidth,
			text: document.body.innerText.length,
		}), 200))`)
		if got.Hacked || len(got.Strange) > 0 {
			t.Errorf("%s: a script ran: %v; on the page are %q", name, got.Hacked, got.Strange)
		}
		if got.Wide > 360 || got.Text < 200 {
			t.Errorf("%s: %d wide, %d letters", name, got.Wide, got.Text)
		}
		b.screenshot(strings.ReplaceAll(name, " ", "-"))
		b.quiet(name)
	}
	shared.mu.Lock()
	defer shared.mu.Unlock()
	for _, address := range shared.asked {
		if strings.Contains(address, "evil") {
			t.Errorf("somebody was asked: %s", address)
		}
	}
}
