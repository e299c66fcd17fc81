package browsertest

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/cmd/sipdoctor/render"
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// unfold opens every fold of the page.
const unfold = `document.querySelectorAll('details').forEach((d) => { d.open = true; })`

// broken are the visible short words that do not stand in one line.
const broken = `(() => {
	const list = [];
	const walk = document.createTreeWalker(document.querySelector('main:not([hidden])'), NodeFilter.SHOW_TEXT);
	while (walk.nextNode()) {
		const n = walk.currentNode;
		if (!n.parentElement.checkVisibility() || n.parentElement.closest('svg, pre, code, a, .unseen') || n.parentElement.closest('thead')?.clientWidth === 1) continue;
		for (const word of n.data.matchAll(/[^\s\-\/]{2,15}(?![^\s\-\/])/g)) {
			if (word.index > 0 && /[^\s\-\/]/.test(n.data[word.index - 1])) continue;
			const range = document.createRange();
			range.setStart(n, word.index);
			range.setEnd(n, word.index + word[0].length);
			if (new Set([...range.getClientRects()].map((r) => Math.round(r.top))).size > 1) list.push(word[0]);
		}
	}
	return list;
})()`

// On a telephone, a tablet and a screen, a page fits its window, and the browser has
// nothing to say against it.
func TestEveryPageFitsTheWindow(t *testing.T) {
	list := reports(t, "*.json", "lab/*.json", "observed/capture/story-whattwo*.json")
	list["complaint"] = report(t, "clean.json")
	list["complaint"].Symptom = &checks.Symptom{Title: "One-way audio", Causes: []checks.Cause{{Title: "the phone", State: checks.CauseOpen, Advice: strings.Repeat("Try another phone. ", 20)}, {Title: "a SIP ALG", State: checks.CauseExcluded}}}
	for name, r := range list {
		b := open(t, saved(t, r), 1280)
		for _, width := range []int64{1280, 768, 360} {
			b.width(width)
			if n := ask[[]int](b, `(() => { const all = [...document.querySelectorAll('main:not([hidden]) .picture')]; return [Math.min(all.length, 1), all.filter((x) => x.checkVisibility()).length]; })()`); n[0] != n[1] {
				t.Errorf("%s shows %d pictures of %d in a window of %d", name, n[1], n[0], width)
			}
			for _, folds := range []string{"", unfold} {
				if folds != "" {
					ask[any](b, folds)
				}
				if wide := ask[int64](b, `document.documentElement.scrollWidth`); wide > width {
					t.Errorf("%s is %d wide in a window of %d", name, wide, width)
				}
				for _, lang := range words.Languages() {
					ask[any](b, fmt.Sprintf(`document.querySelector('[data-lang=%s]').click()`, lang))
					if list := ask[[]string](b, broken); len(list) > 0 {
						t.Errorf("%s in a window of %d breaks %q", name, width, list)
					}
				}
			}
			b.screenshot(fmt.Sprintf("%s-%d", name, width))
		}
		b.quiet(name)
	}
}

// texts are the visible ones on the page that stand out too little from what is behind
// them, as WCAG 2.1, 1.4.3 reckons it.
const texts = `(() => {
	const channel = (c) => { c /= 255; return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; };
	const rgb = (s) => s.match(/[\d.]+/g).map(Number);
	const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
	const behind = (e) => {
		for (; e; e = e.parentElement) {
			const c = rgb(getComputedStyle(e).backgroundColor);
			if (c.length < 4 || c[3] === 1) return c;
			if (c[3] !== 0) throw new Error('half transparent: ' + e.outerHTML);
		}
		return [255, 255, 255];
	};
	const weak = [];
	let seen = 0;
	const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	while (walk.nextNode()) {
		const e = walk.currentNode.parentElement;
		if (!walk.currentNode.data.trim() || !e.checkVisibility() || e.closest('script, .unseen')) continue;
		const style = getComputedStyle(e);
		const a = light(rgb(e.closest('svg') ? style.fill : style.color)), z = light(behind(e));
		const ratio = (Math.max(a, z) + 0.05) / (Math.min(a, z) + 0.05);
		seen++;
		if (ratio < 4.5) weak.push(ratio.toFixed(2) + ' ' + e.tagName + '.' + e.className + ' ' + walk.currentNode.data.slice(0, 40));
	}
	return { seen, weak };
})()`

// Everything can be read, in light and in dark, on paper, and when it is folded out.
func TestTextStandsOut(t *testing.T) {
	for name, r := range reports(t, "*.json", "lab/lossy-sip-alg.json", "lab/rtp-*.json", "observed/capture/story-whattwoplacessay-1.json") {
		b := open(t, saved(t, r), 1280)
		ask[any](b, unfold)
		for _, medium := range []string{"screen", "print"} {
			for _, scheme := range []string{"light", "dark"} {
				b.media(medium, scheme)
				for _, lang := range words.Languages() {
					if medium == "screen" {
						ask[any](b, fmt.Sprintf(`document.querySelector('[data-lang=%s]').click()`, lang))
					}
					got := ask[struct {
						Seen int
						Weak []string
					}](b, texts)
					if got.Seen < 10 || len(got.Weak) > 0 {
						t.Errorf("%s, %s, %s, %s: of %d texts:\n%s", name, medium, scheme, lang, got.Seen, strings.Join(got.Weak, "\n"))
					}
				}
				b.screenshot(fmt.Sprintf("%s-%s-%s", name, medium, scheme))
			}
		}
	}
}

// The two schemes are two: what is dark in one is light in the other.
func TestLightAndDark(t *testing.T) {
	b := open(t, saved(t, report(t, "alg-mikrotik.json")), 1280)
	var paper []string
	for _, scheme := range []string{"light", "dark"} {
		b.media("screen", scheme)
		paper = append(paper, ask[string](b, `getComputedStyle(document.documentElement).backgroundColor`))
	}
	if !slices.Equal(paper, []string{"rgb(255, 255, 255)", "rgb(20, 23, 26)"}) {
		t.Errorf("%v", paper)
	}
}

// The language changes in place: no reload, the folds stay open, and the page says what
// it is in.
func TestSwitchingTheLanguage(t *testing.T) {
	b := open(t, saved(t, report(t, "lab/rtp-blocked.json")), 1280)
	ask[any](b, `window.same = true; document.querySelectorAll('main:not([hidden]) details')[1].open = true; 0`)
	state := `[document.documentElement.lang, document.title, document.querySelector('main:not([hidden]) h2').textContent, [...document.querySelectorAll('main')].filter((m) => m.checkVisibility()).map((m) => m.lang).join(),
		[...document.querySelectorAll('button[data-lang]')].map((x) => x.getAttribute('aria-pressed')).join(), [...document.querySelectorAll('main:not([hidden]) details')].map((d) => Number(d.open)).join(''), String(window.same)]`
	for _, want := range [][]string{
		{"en", "✗ RTP to UDP 16384-16400, 30000-40000 does not get out.", "The path", "en", "true,false", "010", "true"},
		{"ru", "✗ RTP на порты UDP 16384-16400, 30000-40000 не выходит наружу.", "Путь", "ru", "false,true", "010", "true"},
		{"en", "✗ RTP to UDP 16384-16400, 30000-40000 does not get out.", "The path", "en", "true,false", "010", "true"},
	} {
		b.run(chromedp.Click(`button[data-lang=` + want[0] + `]`))
		if got := ask[[]string](b, state); !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	b.quiet("the switch")
}

// Without a mouse: Tab comes to every control, in the order of the page, each can be
// seen to have the focus, and Enter and Space work.
func TestKeyboardOnly(t *testing.T) {
	b := open(t, saved(t, report(t, "observed/capture/story-whattwoplacessay-1.json")), 1280)
	ask[any](b, `document.querySelectorAll('button, summary, a[href], [tabindex]').forEach((x, i) => { x.dataset.control = i + 1; })`)
	want := ask[[]string](b, `[...document.querySelectorAll('[data-control]')].filter((x) => x.checkVisibility()).map((x) => x.dataset.control)`)
	var got []string
	for range len(want) {
		b.run(chromedp.KeyEvent(kb.Tab))
		got = append(got, ask[string](b, `document.activeElement.dataset.control ?? ''`))
		if ring := ask[string](b, `getComputedStyle(document.activeElement).outlineStyle + getComputedStyle(document.activeElement).outlineWidth`); ring != "solid3px" {
			t.Errorf("control %s has the focus, and nobody sees it: %s", got[len(got)-1], ring)
		}
	}
	if len(want) < 8 || !slices.Equal(got, want) {
		t.Errorf("Tab comes to %v, and there are %v", got, want)
	}
	press := func(selector, key string) {
		ask[any](b, fmt.Sprintf(`document.querySelector(%q).focus()`, selector))
		b.run(chromedp.KeyEvent(key))
	}
	press(`button[data-lang=ru]`, kb.Enter)
	if lang := ask[string](b, `document.documentElement.lang`); lang != "ru" {
		t.Errorf("Enter on the language: %s", lang)
	}
	press(`button[data-lang=en]`, " ")
	if lang := ask[string](b, `document.documentElement.lang`); lang != "en" {
		t.Errorf("Space on the language: %s", lang)
	}
	for _, key := range []string{kb.Enter, " "} {
		before := ask[bool](b, `document.querySelector('.call').open`)
		press(`.call summary`, key)
		if ask[bool](b, `document.querySelector('.call').open`) == before {
			t.Errorf("%q does nothing on a fold", key)
		}
	}
	press(`.commands button`, " ")
	if said := ask[string](b, `new Promise((done) => setTimeout(() => done(document.getElementById('said').textContent), 300))`); said != "Copied" {
		t.Errorf("Space on a button to copy: %q", said)
	}
}

// A button copies the commands of its block, and nothing but them.
func TestCopyingCommands(t *testing.T) {
	for name, r := range reports(t, "alg-mikrotik.json", "lab/sip-alg.json", "lab/udp-timeout.json") {
		typed := map[string]bool{}
		for _, res := range r.Results {
			for _, f := range res.Findings {
				for _, x := range f.Fixes {
					for _, list := range [][]string{x.Commands, x.Undo, x.Verify} {
						if x.Form != fixes.FormMenu && x.Form != fixes.FormAdvice {
							typed[strings.Join(list, "\n")] = true
						}
						for _, line := range list {
							typed[line] = typed[line] || strings.HasPrefix(line, "sipdoctor ")
						}
					}
				}
			}
		}
		b := open(t, saved(t, r), 1280)
		// To read the clipboard, which no page may do unasked.
		if _, err := chromedp.CallBrowser(b.ctx, browser.SetPermission, browser.SetPermissionParams{Permission: &browser.PermissionDescriptor{Name: "clipboard-read"}, Setting: browser.PermissionSettingGranted}); err != nil {
			t.Fatal(err)
		}
		ask[any](b, unfold)
		nodes, err := chromedp.Run(b.ctx, chromedp.Nodes(`main:not([hidden]) .commands button`))
		if err != nil || len(nodes) == 0 {
			t.Errorf("%s: no button: %v", name, err)
		}
		for _, n := range nodes {
			b.run(chromedp.MouseClickNode(n))
			if got := ask[string](b, `navigator.clipboard.readText()`); got == "" || !typed[got] {
				t.Errorf("%s: what was copied is no command: %q", name, got)
			}
		}
		b.quiet(name)
	}
}

// Where a page has no clipboard, as over plain HTTP, the commands are copied in the old
// way, and where that is forbidden they are at least selected.
func TestCopyingWhereTheClipboardIsClosed(t *testing.T) {
	commands := `/ip firewall service-port set sip disabled=yes` + "\n" + `/ip firewall connection remove [find protocol=udp dst-address~":5060" and connection-type=sip]`
	for forbid, want := range map[string][]string{
		`0`:                                     {commands, commands, "Copied"},
		`document.execCommand = () => false; 0`: {commands, "", "Selected: press Ctrl+C"},
	} {
		b := open(t, saved(t, report(t, "alg-mikrotik.json")), 1280)
		if _, err := chromedp.CallBrowser(b.ctx, browser.SetPermission, browser.SetPermissionParams{Permission: &browser.PermissionDescriptor{Name: "clipboard-read"}, Setting: browser.PermissionSettingGranted}); err != nil {
			t.Fatal(err)
		}
		ask[any](b, `(async () => { window.real = navigator.clipboard; await real.writeText(''); })()`)
		ask[any](b, `Object.defineProperty(navigator, 'clipboard', { value: undefined }); `+forbid)
		b.run(chromedp.Click(`main:not([hidden]) .commands button`))
		got := ask[[]string](b, `(async () => [getSelection().toString(), await real.readText(), document.querySelector('.commands button').textContent])()`)
		if !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
		b.quiet("the button")
	}
}

// On paper, every fold is open and there is no button; afterwards all is as before.
func TestPrinting(t *testing.T) {
	b := open(t, saved(t, report(t, "observed/capture/story-whattwoplacessay-1.json")), 1280)
	folded := `[...document.querySelectorAll('main:not([hidden]) details > :not(summary)')].filter((x) => !x.checkVisibility() || x.getBoundingClientRect().height === 0).length`
	if n := ask[int](b, folded); n == 0 {
		t.Error("nothing is folded on a screen")
	}
	b.media("print", "dark")
	if n := ask[int](b, folded); n > 0 {
		t.Errorf("%d parts are not on paper", n)
	}
	if n := ask[int](b, `[...document.querySelectorAll('button')].filter((x) => x.checkVisibility()).length`); n > 0 {
		t.Errorf("%d buttons are on paper", n)
	}
	if paper := ask[string](b, `getComputedStyle(document.documentElement).backgroundColor`); paper != "rgb(255, 255, 255)" {
		t.Errorf("the paper is %s", paper)
	}
	// Older browsers print a fold as it is: the script opens it.
	open := `[...document.querySelectorAll('details')].map((d) => Number(d.open)).join('')`
	before := ask[string](b, open)
	ask[any](b, `dispatchEvent(new Event('beforeprint'))`)
	if during := ask[string](b, open); strings.Contains(during, "0") {
		t.Errorf("folded: %s", during)
	}
	ask[any](b, `dispatchEvent(new Event('afterprint'))`)
	if after := ask[string](b, open); after != before || !strings.Contains(after, "0") {
		t.Errorf("%s before, %s after", before, after)
	}
	pdf, err := chromedp.Run(b.ctx, chromedp.PrintToPDF())
	if err != nil || !bytes.HasPrefix(pdf, []byte("%PDF")) {
		t.Errorf("%d bytes that are no PDF: %v", len(pdf), err)
	}
	b.quiet("printing")
}

// Whoever opens the file where no script may run reads it all, and finds no button that
// does nothing.
func TestWithoutScript(t *testing.T) {
	b := open(t, saved(t, report(t, "alg-mikrotik.json")), 1280)
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	b.run(chromedp.Reload())
	got := ask[[]int](b, `['main', 'button', 'summary', 'pre'].map((s) => [...document.querySelectorAll(s)].filter((x) => x.checkVisibility()).length)`)
	if got[0] != 1 || got[1] != 0 || got[2] == 0 || got[3] == 0 {
		t.Errorf("main, buttons, folds, commands: %v", got)
	}
	for _, lang := range []string{"ru", "en", "ru"} {
		b.run(chromedp.Click(`noscript a[lang=` + lang + `]`))
		for range 2 { // and stays where a link leads to a fault
			if shown := ask[string](b, `[...document.querySelectorAll('main')].filter((x) => x.checkVisibility()).map((x) => x.lang).join()`); shown != lang {
				t.Errorf("shown is %q, not %q", shown, lang)
			}
			ask[any](b, `location.hash = '#'+`+fmt.Sprintf("%q", lang+"-1")+`; 0`)
		}
	}
}

// Nothing on the page moves by itself.
func TestNothingMoves(t *testing.T) {
	b := open(t, saved(t, report(t, "alg-mikrotik.json")), 1280)
	ask[any](b, unfold)
	if n := ask[int](b, `document.getAnimations().length + [...document.querySelectorAll('*')].filter((x) => getComputedStyle(x).transitionDuration !== '0s' || getComputedStyle(x).scrollBehavior !== 'auto').length`); n > 0 {
		t.Errorf("%d things move", n)
	}
}

// A number in a table leads to its fault, even where that is folded.
func TestFromARowToItsFault(t *testing.T) {
	r := &checks.Report{Headline: "x", Results: []checks.Result{{Check: "x", Tables: []checks.Table{{ID: "t", Title: "Phones", Columns: []checks.Column{{ID: "a", Title: "name"}}}}}}}
	for i := range 5 {
		r.Results[0].Findings = append(r.Results[0].Findings, checks.Finding{ID: "x.y", Severity: checks.Critical, Title: fmt.Sprint("fault of phone ", i)})
		r.Results[0].Tables[0].Rows = append(r.Results[0].Tables[0].Rows, checks.Row{Cells: []string{fmt.Sprint("phone ", i)}, Finding: i + 1})
	}
	b := open(t, saved(t, r), 1280)
	b.run(chromedp.Click(`//main[not(@hidden)]//td/a[text()="5"]`))
	if !ask[bool](b, `new Promise((done) => setTimeout(() => done(document.querySelector(':target').open), 100))`) {
		t.Error("the fold is closed")
	}
	b.quiet("the link")
}

// The picture in a ticket is one that a browser can show.
func TestThePictureInMarkdown(t *testing.T) {
	drawn := 0
	list := reports(t, "*.json", "lab/*.json")
	b := open(t, write(t, "empty.html", []byte("<!doctype html><title>x</title>")), 1280)
	for _, name := range slices.Sorted(maps.Keys(list)) {
		var md bytes.Buffer
		if err := render.Markdown(&md, list[name], words.English); err != nil {
			t.Fatal(err)
		}
		_, address, ok := strings.Cut(md.String(), "\n[path]: ")
		if !ok {
			continue
		}
		wide := ask[int](b, fmt.Sprintf(`(async () => { const i = new Image(); i.src = %q; await i.decode(); return i.naturalWidth; })()`, strings.TrimSpace(address)))
		if wide < 100 {
			t.Errorf("%s: it is %d wide", name, wide)
		}
		drawn++
	}
	if drawn < 10 {
		t.Errorf("only %d are drawn", drawn)
	}
}
