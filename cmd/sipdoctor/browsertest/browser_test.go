// Package browsertest opens the page of a report in a real Chromium, the way somebody
// does who was sent the file.
package browsertest

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/all"
	"github.com/sipdoctor/sipdoctor/cmd/sipdoctor/render"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// chromium is the one browser of all tests. Whatever it wants of the network comes to
// asked instead, on loopback.
type chromium struct {
	ctx   context.Context
	mu    sync.Mutex
	asked []string
}

var shared struct {
	*chromium
	missing string // why there is none
}

func TestMain(m *testing.M) {
	os.Exit(withBrowser(m))
}

func withBrowser(m *testing.M) int {
	program := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			program = found
			break
		}
	}
	if program == "" {
		shared.missing = "there is no Chromium here"
		return m.Run()
	}
	b := &chromium{}
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.asked = append(b.asked, r.Method+" "+r.Host+r.URL.Path)
		w.WriteHeader(http.StatusBadGateway)
	}))
	defer proxy.Close()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program),
		chromedp.ProxyServer(proxy.URL), chromedp.Flag("proxy-bypass-list", "<-loopback>"))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium refuses root otherwise
	}
	allocator, end := chromedp.NewExecAllocator(context.Background(), options...)
	defer end()
	ctx, closeBrowser := chromedp.NewContext(allocator)
	defer closeBrowser()
	if err := chromedp.Do(ctx); err != nil {
		shared.missing = "Chromium does not start: " + err.Error()
	}
	b.ctx, shared.chromium = ctx, b
	return m.Run()
}

// tab is an open page, and what the browser had to say of it.
type tab struct {
	t   testing.TB
	ctx context.Context

	mu         sync.Mutex
	complaints []string // on the console, of the policy, and exceptions
	requests   []string // other than for the file itself
}

// open shows a file in a new tab; test says how wide the window is.
func open(t testing.TB, file string, width int64) *tab {
	t.Helper()
	if shared.missing != "" {
		if os.Getenv("SIPDOCTOR_LAB") == "require" {
			t.Fatal("SIPDOCTOR_LAB=require, and " + shared.missing)
		}
		t.Skip(shared.missing)
	}
	ctx, closeTab := chromedp.NewContext(shared.ctx)
	t.Cleanup(closeTab)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(ctx, time.Minute)
	t.Cleanup(stop)
	b := &tab{t: t, ctx: ctx}
	address := (&url.URL{Scheme: "file", Path: file}).String()
	if err := chromedp.Listen(ctx, b.hear(address)); err != nil {
		t.Fatal(err)
	}
	call(b, network.Enable, network.EnableParams{})
	call(b, log.Enable, cdp.Empty{})
	b.width(width)
	b.run(chromedp.Navigate(address))
	return b
}

// hear keeps what the browser says of the page at address.
func (b *tab) hear(address string) func(any) {
	return func(event any) {
		b.mu.Lock()
		defer b.mu.Unlock()
		switch e := event.(type) {
		case *runtime.EventConsoleAPICalled:
			b.complaints = append(b.complaints, fmt.Sprint("console: ", e.Type))
		case *runtime.EventExceptionThrown:
			b.complaints = append(b.complaints, "exception: "+e.ExceptionDetails.Text)
		case *log.EventEntryAdded:
			b.complaints = append(b.complaints, "log: "+e.Entry.Text)
		case *network.EventRequestWillBeSent:
			if e.Request.URL != address {
				b.requests = append(b.requests, e.Request.URL)
			}
		}
	}
}

func (b *tab) run(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, actions...); err != nil {
		b.t.Fatal(err)
	}
}

// call runs a command of the browser's protocol.
func call[P, R any](b *tab, command cdp.Command[P, R], params P) R {
	b.t.Helper()
	result, err := chromedp.Call(b.ctx, command, params)
	if err != nil {
		b.t.Fatal(err)
	}
	return result
}

// ask evaluates an expression in the page, and waits for what it promises.
func ask[T any](b *tab, script string) T {
	b.t.Helper()
	value, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise, func(p *runtime.EvaluateParams) { p.UserGesture = new(true) }))
	if err != nil {
		b.t.Fatal(err)
	}
	return value
}

// quiet fails if the page complained or asked for anything.
func (b *tab) quiet(name string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range slices.Concat(b.complaints, b.requests) {
		b.t.Errorf("%s: %s", name, s)
	}
}

func (b *tab) width(n int64) {
	b.t.Helper()
	call(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: n, Height: 900, DeviceScaleFactor: 1, Mobile: n < 500})
}

// media are what CSS asks for: "screen" or "print", "light" or "dark".
func (b *tab) media(medium, scheme string) {
	b.t.Helper()
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: medium, Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
}

// screenshot keeps a picture for a person to look at, where SIPDOCTOR_SCREENSHOTS
// names a folder.
func (b *tab) screenshot(name string) {
	b.t.Helper()
	dir := os.Getenv("SIPDOCTOR_SCREENSHOTS")
	if dir == "" {
		return
	}
	whole := ask[int](b, `document.documentElement.scrollHeight`) < 16000 // Chromium takes no longer pictures
	png := call(b, page.CaptureScreenshot, page.CaptureScreenshotParams{CaptureBeyondViewport: &whole}).Data
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600); err != nil {
		b.t.Fatal(err)
	}
}

var book = sync.OnceValue(func() *words.Book { return checks.BookOf(all.Checks()) })

func fill(r *checks.Report, l words.Lang) { checks.Fill(r, book(), l) }

// reports are the saved ones of a pattern below testdata/reports, judged by today's
// rules.
func reports(t testing.TB, patterns ...string) map[string]*checks.Report {
	t.Helper()
	out := map[string]*checks.Report{}
	for _, pattern := range patterns {
		files, err := filepath.Glob("../../../testdata/reports/" + pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("no %s: %v", pattern, err)
		}
		for _, file := range files {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			r, err := checks.ReadReport(bytes.NewReader(raw))
			if err == nil && filepath.Dir(pattern) != "." {
				r, err = checks.Rejudge(r, all.Checks())
			}
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			out[strings.TrimSuffix(filepath.Base(file), ".json")] = r
		}
	}
	return out
}

func report(t testing.TB, pattern string) *checks.Report {
	t.Helper()
	for _, r := range reports(t, pattern) {
		return r
	}
	return nil
}

// saved is the file of a page.
func saved(t testing.TB, r *checks.Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := render.HTML(&b, r, render.HTMLOptions{Fill: fill}); err != nil {
		t.Fatal(err)
	}
	return write(t, "report.html", b.Bytes())
}

func write(t testing.TB, name string, content []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
