package reports

import (
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform"
)

// centre is a responder's store, and what its administrator heard.
type centre struct {
	t      testing.TB
	dir    string
	store  *Store
	events []Event
}

// figures show the verdict, and a thousand lines of a report that is called "many".
func figures(site string, r *checks.Report) []Figure {
	list := []Figure{{"sipdoctor_verdict", "The verdict.", `sipdoctor_verdict{site="` + site + `",status="` + string(r.Verdict) + `"} 1` + "\n"}}
	if r.Headline == "many" {
		list = append(list, Figure{"sipdoctor_many", "Many.", strings.Repeat("sipdoctor_many 1\n", maxFigures/17+1)})
	}
	return list
}

func newCentre(t testing.TB) *centre {
	t.Helper()
	c := &centre{t: t, dir: filepath.Join(t.TempDir(), "reports")}
	c.open()
	return c
}

func (c *centre) open() {
	c.t.Helper()
	s, err := Open(Config{Dir: c.dir, Figures: figures, Say: func(e Event) { c.events = append(c.events, e) }})
	if err != nil {
		c.t.Fatal(err)
	}
	c.store = s
	c.t.Cleanup(s.Close)
}

func (c *centre) site(name string) *office {
	c.t.Helper()
	key, err := NewSite(c.dir, name)
	if err != nil {
		c.t.Fatal(err)
	}
	time.Sleep(time.Second) // until then the store may go by the keys that it has
	return &office{c: c, site: name, key: key, agent: NewAgent(), from: "198.51.100.7:40000"}
}

func (c *centre) metrics() string {
	var b bytes.Buffer
	c.store.WriteMetrics(&b)
	return b.String()
}

func (c *centre) kinds() (out []EventKind) {
	for _, e := range c.events {
		out = append(out, e.Kind)
	}
	return out
}

// office is one that sends by hand, so that each part can be wrong.
type office struct {
	c     *centre
	site  string
	key   Key
	agent string
	from  string
	later int
}

func (o *office) nonce() string {
	w := httptest.NewRecorder()
	o.c.store.ServeHTTP(w, httptest.NewRequest(http.MethodGet, Path+"nonce", nil))
	var n nonceReply
	if err := json.Unmarshal(w.Body.Bytes(), &n); err != nil {
		o.c.t.Fatal(err)
	}
	return n.Nonce
}

// request is a report with everything right.
func (o *office) request(body []byte) *http.Request {
	cl := claim{site: o.site, nonce: o.nonce(), agent: o.agent, digest: digestOf(body), later: o.later}
	r := httptest.NewRequest(http.MethodPost, Path+o.site, bytes.NewReader(body))
	r.RemoteAddr = o.from
	r.Header.Set(headerNonce, cl.nonce)
	r.Header.Set(headerAgent, o.agent)
	r.Header.Set(headerLater, strconv.Itoa(o.later))
	r.Header.Set(headerDigest, cl.digest)
	r.Header.Set(headerMAC, hex.EncodeToString(cl.mac(o.key)))
	return r
}

func (c *centre) serve(r *http.Request) (int, Answer) {
	c.t.Helper()
	w := httptest.NewRecorder()
	c.store.ServeHTTP(w, r)
	var a Answer
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
		c.t.Fatalf("%d %q", w.Code, w.Body)
	}
	return w.Code, a
}

func (o *office) push(text string) (int, Answer) {
	o.c.t.Helper()
	return o.c.serve(o.request(packed(o.c.t, text)))
}

func packed(t testing.TB, text string) []byte {
	t.Helper()
	b, err := Pack([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func report(verdict, headline string) string {
	return `{"schema":"` + checks.Schema + `","verdict":"` + verdict + `","headline":"` + headline + `","results":[]}`
}

// The administrator sees the offices' verdicts, when they came, and by how many.
func TestTheCentreShowsWhatOfficesSend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCentre(t)
		a, b := c.site("office-12"), c.site("Branch.2")
		for _, o := range []*office{a, b} {
			if status, answer := o.push(report("pass", "fine")); status != http.StatusOK || answer != (Answer{}) {
				t.Fatal(status, answer)
			}
		}
		time.Sleep(MinInterval)
		if status, _ := a.push(report("fail", "bad")); status != http.StatusOK {
			t.Fatal(status)
		}
		got := c.metrics()
		at := strconv.FormatInt(time.Now().Unix(), 10)
		for _, want := range []string{
			`sipdoctor_site_last_report_timestamp_seconds{site="office-12"} ` + at, `sipdoctor_site_agents{site="office-12"} 1`,
			`sipdoctor_verdict{site="office-12",status="fail"} 1`, `sipdoctor_verdict{site="Branch.2",status="pass"} 1`,
		} {
			if !strings.Contains(got, want+"\n") {
				t.Errorf("no %s in\n%s", want, got)
			}
		}
		if strings.Count(got, "# TYPE sipdoctor_verdict ") != 1 || strings.Contains(got, `office-12",status="pass"`) {
			t.Errorf("a metric stands twice, or an old report is shown\n%s", got)
		}
		// What was so yesterday says nothing of today; that nobody reports is still to be seen.
		time.Sleep(figuresLife)
		if got := c.metrics(); strings.Contains(got, "sipdoctor_verdict") || !strings.Contains(got, `timestamp_seconds{site="office-12"} `+at) {
			t.Errorf("after a day of silence:\n%s", got)
		}
	})
}

// Whoever has no key, an old one or a recorded request gets nothing in; a wrong key
// and an unknown site look alike.
func TestOnlyGenuineNewReportsGetIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCentre(t)
		o := c.site("office-12")
		body := packed(t, report("pass", "fine"))
		wrongKey, unknown := *o, *o
		wrongKey.key, unknown.site = NewKey(), "office-13"
		s1, a1 := c.serve(wrongKey.request(body))
		s2, a2 := c.serve(unknown.request(body))
		if s1 != http.StatusForbidden || s1 != s2 || a1 != a2 || a1.Code != WrongKey {
			t.Errorf("a wrong key: %d %v, an unknown site: %d %v", s1, a1, s2, a2)
		}
		for name, change := range map[string]func(r *http.Request){
			"another site":  func(r *http.Request) { r.URL.Path = Path + "office-12b" },
			"another agent": func(r *http.Request) { r.Header.Set(headerAgent, NewAgent()) },
			"newer ones":    func(r *http.Request) { r.Header.Set(headerLater, "3") },
			"digest":        func(r *http.Request) { r.Header.Set(headerDigest, digestOf(nil)) },
			"nonce":         func(r *http.Request) { r.Header.Set(headerNonce, o.nonce()) },
		} {
			r := o.request(body)
			change(r)
			if status, a := c.serve(r); status != http.StatusForbidden || a.Code != WrongKey {
				t.Errorf("%s changed on the way: %d %v", name, status, a)
			}
		}
		old := o.request(body)
		time.Sleep(nonceLife)
		if status, a := c.serve(old); status != http.StatusUnauthorized || a.Code != StaleNonce {
			t.Errorf("an old nonce: %d %v", status, a)
		}
		forged := o.request(body)
		forged.Header.Set(headerNonce, strings.Repeat("A", 54))
		if status, a := c.serve(forged); status != http.StatusUnauthorized || a.Code != StaleNonce {
			t.Errorf("a nonce that nobody made: %d %v", status, a)
		}
		time.Sleep(MinInterval)
		swapped := o.request(body)
		swapped.Body = io.NopCloser(bytes.NewReader(packed(t, report("fail", "forged"))))
		if status, a := c.serve(swapped); status != http.StatusBadRequest || a.Code != Damaged {
			t.Errorf("another body under the code of a genuine one: %d %v", status, a)
		}
		time.Sleep(MinInterval)
		if got := c.metrics(); got != "# HELP sipdoctor_site_agents Installations that report for the site, by its last reports of a day; 0: none does.\n# TYPE sipdoctor_site_agents gauge\nsipdoctor_site_agents{site=\"office-12\"} 0\n" {
			t.Errorf("something got in\n%s", got)
		}
		recorded := o.request(body)
		again := recorded.Clone(t.Context())
		if status, _ := c.serve(recorded); status != http.StatusOK {
			t.Fatal(status)
		}
		again.Body = http.NoBody
		if status, a := c.serve(again); status != http.StatusConflict || a.Code != Replayed {
			t.Errorf("a recorded request: %d %v", status, a)
		}
		time.Sleep(MinInterval)
		if status, a := c.serve(again); status != http.StatusConflict || a.Code != Replayed {
			t.Errorf("a recorded request later: %d %v", status, a)
		}
	})
}

// Only the responder makes nonces that are good: whoever makes one up could keep it for
// a recorded request.
func TestNoncesCannotBeMadeUp(t *testing.T) {
	n := newNonces()
	good := n.make()
	if !n.fresh(good) || n.fresh(newNonces().make()) || n.fresh("") || n.fresh(good+"A") {
		t.Error("a nonce of this start only is good")
	}
	for i := range len(good) {
		b := []byte(good)
		b[i] = 'A' + (b[i]-'A'+1)%26
		if string(b) != good && n.fresh(string(b)) {
			t.Errorf("good with another letter %d", i)
		}
	}
}

func TestOneReportOfASiteInTenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCentre(t)
		o := c.site("a")
		o.push(report("pass", "1"))
		time.Sleep(MinInterval - time.Millisecond)
		if status, a := o.push(report("pass", "2")); status != http.StatusTooManyRequests || a.Code != TooSoon || a.RetryAfterS != 10 {
			t.Errorf("%d %v", status, a)
		}
		time.Sleep(time.Millisecond)
		if status, _ := o.push(report("pass", "2")); status != http.StatusOK {
			t.Error(status)
		}
	})
}

// What an office with a key might send to hurt the centre.
func TestHostileReportsAreRefused(t *testing.T) {
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	_, _ = z.Write(make([]byte, 64<<20))
	_ = z.Close()
	zip := func(text string) []byte {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = z.Write([]byte(text))
		_ = z.Close()
		return b.Bytes()
	}
	synctest.Test(t, func(t *testing.T) {
		c := newCentre(t)
		o := c.site("a")
		for name, x := range map[string]struct {
			body   []byte
			status int
			code   Code
		}{
			"longer than it may be":   {make([]byte, MaxBody+1), http.StatusRequestEntityTooLarge, TooLarge},
			"a bomb":                  {bomb.Bytes(), http.StatusRequestEntityTooLarge, TooLarge},
			"a million results":       {zip(`{"schema":"` + checks.Schema + `","results":[` + strings.Repeat("{},", 1_000_000) + `{}]}`), http.StatusRequestEntityTooLarge, TooLarge},
			"not compressed":          {[]byte(report("pass", "")), http.StatusBadRequest, NotAReport},
			"cut off":                 {zip(report("pass", ""))[:20], http.StatusBadRequest, NotAReport},
			"empty":                   {nil, http.StatusBadRequest, NotAReport},
			"not JSON":                {zip("hello"), http.StatusBadRequest, NotAReport},
			"two reports":             {zip(report("pass", "") + report("fail", "")), http.StatusBadRequest, NotAReport},
			"deep":                    {zip(strings.Repeat("[", 40_000)), http.StatusBadRequest, NotAReport},
			"another kind of results": {zip(`{"schema":"` + checks.Schema + `","results":5}`), http.StatusBadRequest, NotAReport},
			"another program's":       {zip(`{"schema":"other/1"}`), http.StatusBadRequest, NotAReport},
			"a newer version's":       {zip(`{"schema":"sipdoctor.report/2","results":{}}`), http.StatusUnprocessableEntity, NewerVersion},
		} {
			time.Sleep(MinInterval)
			if status, a := c.serve(o.request(x.body)); status != x.status || a.Code != x.code {
				t.Errorf("%s: %d %v", name, status, a)
			}
		}
		time.Sleep(MinInterval)
		if status, _ := o.push(report("pass", "many")); status != http.StatusOK || strings.Contains(c.metrics(), "sipdoctor_many") {
			t.Errorf("status %d, more figures than fit are shown", status)
		}
		if names, err := platform.ListKept(filepath.Join(c.dir, "a")); len(names) != 1 || err != nil || len(c.events) != 1 || c.events[0].Kind != FiguresCut {
			t.Errorf("kept %v, %v; said %v", names, err, c.events)
		}
	})
}

func TestTheLastEightReportsAreKeptAndReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCentre(t)
		o := c.site("a")
		for i := range 11 {
			time.Sleep(MinInterval)
			if status, a := o.push(report("warn", strconv.Itoa(i))); status != http.StatusOK {
				t.Fatal(status, a)
			}
		}
		last := c.metrics()
		c.store.Close()
		names, err := platform.ListKept(filepath.Join(c.dir, "a"))
		if err != nil || len(names) != Kept || names[0] != "000000003.json" {
			t.Fatal(names, err)
		}
		f, err := os.Open(filepath.Join(c.dir, "a", names[0]))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if r, err := checks.ReadReport(f); err != nil || r.Headline != "3" {
			t.Errorf("a kept report cannot be read: %v", err)
		}
		time.Sleep(time.Hour)
		c.open()
		if got := c.metrics(); got != last {
			t.Errorf("after a restart:\n%s\nwas:\n%s", got, last)
		}
		c.store.Close()
		// The disk was full when the machine stopped, or somebody has edited.
		if err := os.WriteFile(filepath.Join(c.dir, "a", "000000010.json"), []byte(`{"schema":`), 0o600); err != nil {
			t.Fatal(err)
		}
		c.open()
		if got := c.metrics(); !strings.Contains(got, `status="warn"`) || len(c.events) != 1 || c.events[0].Kind != FileDamaged {
			t.Errorf("said %v\n%s", c.events, got)
		}
		o.push(report("fail", "x"))
		if !strings.Contains(c.metrics(), `status="fail"`) {
			t.Error("after that nothing new is shown")
		}
	})
}

// The figures are fresh and the office keeps its report until the disk takes it.
func TestAFullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCentre(t)
		o := c.site("a")
		blocked := filepath.Join(c.dir, "a")
		if err := os.WriteFile(blocked, nil, 0o600); err != nil { // stands in for the disk, also for root
			t.Fatal(err)
		}
		text := report("fail", "x")
		status, a := o.push(text)
		if status != http.StatusInsufficientStorage || a.Code != NotStored || a.Code.Hopeless() || !strings.Contains(c.metrics(), `status="fail"`) {
			t.Errorf("%d %v\n%s", status, a, c.metrics())
		}
		time.Sleep(MinInterval)
		o.push(text)
		if kinds := c.kinds(); len(kinds) != 1 || kinds[0] != DiskFault {
			t.Errorf("said %v, one line is wanted", kinds)
		}
		if err := os.Remove(blocked); err != nil {
			t.Fatal(err)
		}
		for range 2 { // the answer to the first is lost
			time.Sleep(MinInterval)
			if status, _ := o.push(text); status != http.StatusOK {
				t.Error(status)
			}
		}
		if names, _ := platform.ListKept(blocked); len(names) != 1 {
			t.Errorf("kept %v, once is wanted", names)
		}
	})
}

func TestTwoAgentsWithOneName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCentre(t)
		first := c.site("a")
		second := *first
		second.agent, second.from = NewAgent(), "203.0.113.9:1234"
		first.push(report("pass", "1"))
		began := time.Now()
		time.Sleep(MinInterval)
		status, a := second.push(report("pass", "2"))
		if status != http.StatusOK || a.Other == nil || a.Other.Address.String() != "198.51.100.7" || !a.Other.At.Equal(began) {
			t.Errorf("%d %v", status, a)
		}
		if !strings.Contains(c.metrics(), `sipdoctor_site_agents{site="a"} 2`) || len(c.events) != 1 || c.events[0].Kind != SecondAgent || c.events[0].Seen.String() != "203.0.113.9" {
			t.Errorf("said %+v\n%s", c.events, c.metrics())
		}
		// The first was taken away.
		for range Kept {
			time.Sleep(MinInterval)
			_, a = second.push(report("pass", time.Now().String()))
		}
		if a.Other != nil || !strings.Contains(c.metrics(), `sipdoctor_site_agents{site="a"} 1`) || len(c.events) != 1 {
			t.Errorf("after eight reports of one: %v, %v", a, c.events)
		}
	})
}

// Reports that waited in the office do not stand for what is so now: not beside newer
// ones, not after a day without any, and not after the responder was started again.
func TestOldReportsAreKeptButNotShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCentre(t)
		o := c.site("a")
		send := func(verdict string, later int) {
			t.Helper()
			o.later = later
			if status, a := o.push(report(verdict, time.Now().String())); status != http.StatusOK {
				t.Fatal(status, a)
			}
			time.Sleep(MinInterval)
		}
		shown := func(want string) {
			t.Helper()
			if got := c.metrics(); strings.Contains(got, "sipdoctor_verdict") != (want != "") || !strings.Contains(got, want) {
				t.Errorf("want %q in\n%s", want, got)
			}
		}
		send("warn", 3)
		if shown(""); strings.Contains(c.metrics(), "last_report") {
			t.Error("an old report counts as the last")
		}
		send("pass", 0)
		shown(`status="pass"`)
		last := c.metrics()
		send("fail", 2)
		shown(`status="pass"`)
		c.store.Close()
		c.open()
		if got := c.metrics(); got != last {
			t.Errorf("after a restart:\n%s\nwas:\n%s", got, last)
		}
		time.Sleep(figuresLife)
		send("fail", 1)
		shown("")
		send("fail", 0)
		shown(`status="fail"`)
	})
}

// A site that is let in again goes on where its files end: its new reports are the last
// ones after a restart too.
func TestASiteThatComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCentre(t)
		o := c.site("a")
		for range 3 {
			o.push(report("fail", time.Now().String()))
			time.Sleep(MinInterval)
		}
		if err := os.Remove(filepath.Join(c.dir, "keys")); err != nil {
			t.Fatal(err)
		}
		c.store.Close()
		c.open()
		o = c.site("a")
		if status, a := o.push(report("pass", "new")); status != http.StatusOK {
			t.Fatal(status, a)
		}
		last := c.metrics()
		c.store.Close()
		c.open()
		if got := c.metrics(); got != last || !strings.Contains(got, `status="pass"`) {
			t.Errorf("after a restart:\n%s\nwas:\n%s", got, last)
		}
		if names, err := platform.ListKept(filepath.Join(c.dir, "a")); len(names) != 4 || err != nil {
			t.Errorf("kept %v, %v", names, err)
		}
	})
}

// The responder's clock ran ahead, was set right, and the responder started again: a site
// that falls silent now is noticed today.
func TestAReportFromTheFuture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCentre(t)
		o := c.site("a")
		o.push(report("pass", "1"))
		c.store.Close()
		file := filepath.Join(c.dir, "a", "000000000.json")
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		ahead := bytes.Replace(raw, []byte(`"received":"2000-`), []byte(`"received":"2009-`), 1)
		if err := os.WriteFile(file, ahead, 0o600); err != nil || bytes.Equal(raw, ahead) {
			t.Fatalf("%v\n%s", err, raw)
		}
		began := time.Now().Unix()
		c.open()
		time.Sleep(time.Hour)
		if got := c.metrics(); !strings.Contains(got, `last_report_timestamp_seconds{site="a"} `+strconv.FormatInt(began, 10)+"\n") {
			t.Errorf("began %d, now %d\n%s", began, time.Now().Unix(), got)
		}
	})
}

// What a newer program wrote into a report stays in the file, though this one does not
// know it; numbers beyond all bounds and broken text do no harm.
func TestWhatThisVersionDoesNotKnowIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCentre(t)
		o := c.site("a")
		head := `{"schema":"` + checks.Schema + `","verdict":"pass","results":[],`
		for text, want := range map[string]int{
			head + `"future":{"a":[1,2.50,"ä"]}}`:                       http.StatusOK,
			head + `"headline":"broken ` + "\xff\xfe" + `"}`:            http.StatusOK,
			head + `"duration_ms":1e999}`:                               http.StatusBadRequest,
			head + `"duration_ms":-9223372036854775808,"future":1e999}`: http.StatusOK,
		} {
			if status, a := o.push(text); status != want {
				t.Errorf("%q: %d %v", text, status, a)
			}
			if kept, err := os.ReadFile(filepath.Join(c.dir, "a", lastOf(t, c.dir))); want == http.StatusOK && (err != nil || !strings.HasPrefix(string(kept), text+"\n")) {
				t.Errorf("%v: kept %q of %q", err, kept, text)
			}
			time.Sleep(MinInterval)
		}
		before := c.metrics()
		c.store.Close()
		c.open()
		if got := c.metrics(); got != before || len(c.events) > 0 {
			t.Errorf("after a restart, said %v:\n%s\nwas:\n%s", c.events, got, before)
		}
	})
}

// lastOf is the newest report of the site a.
func lastOf(t *testing.T, dir string) string {
	t.Helper()
	names, err := platform.ListKept(filepath.Join(dir, "a"))
	if err != nil {
		t.Fatal(err)
	}
	if len(names) == 0 {
		return ""
	}
	return names[len(names)-1]
}

// A site that was set up and never reported is to be seen, without a restart and
// before anybody sends anything; one that is shut out is gone as fast.
func TestASiteThatNeverReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCentre(t)
		c.site("office-12")
		if got := c.metrics(); !strings.Contains(got, "sipdoctor_site_agents{site=\"office-12\"} 0\n") || strings.Contains(got, "last_report") {
			t.Errorf("got\n%s", got)
		}
		if err := os.Remove(filepath.Join(c.dir, "keys")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if got := c.metrics(); got != "" {
			t.Errorf("got\n%s", got)
		}
	})
}

func TestKeysAndNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCentre(t)
		o := c.site("Office")
		for _, twice := range []string{"Office", "office"} {
			if _, err := NewSite(c.dir, twice); !errors.Is(err, ErrSiteExists) {
				t.Errorf("%s: %v", twice, err)
			}
		}
		if _, err := Open(Config{Dir: c.dir}); !errors.Is(err, ErrServed) {
			t.Errorf("two responders serve one directory: %v", err)
		}
		keys := filepath.Join(c.dir, "keys")
		raw, err := os.ReadFile(keys)
		if err != nil || string(raw) != "Office "+o.key.Hex()+"\n" {
			t.Fatalf("%q %v", raw, err)
		}
		if info, err := os.Stat(keys); err != nil || info.Mode().Perm() != 0o600 {
			t.Error(info.Mode(), err)
		}
		// What an administrator wrote stays, also where an editor left the last line open.
		own := "# moved in May\n" + string(raw) + "#Branch " + NewKey().Hex()
		if err := os.WriteFile(keys, []byte(own), 0o600); err != nil {
			t.Fatal(err)
		}
		next, err := NewSite(c.dir, "a-1")
		if after, rerr := os.ReadFile(keys); err != nil || rerr != nil || string(after) != own+"\na-1 "+next.Hex()+"\n" {
			t.Errorf("%v, %v: %q", err, rerr, after)
		}
		if err := os.WriteFile(keys, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		o.push(report("pass", "first"))
		// A damaged line shuts nobody out; one that is taken out does.
		for text, status := range map[string]int{string(raw) + "x\n": http.StatusOK, "# none\n": http.StatusForbidden} {
			if err := os.WriteFile(keys, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			time.Sleep(MinInterval)
			if got, a := o.push(report("pass", text[:1])); got != status {
				t.Errorf("with keys %q: %d %v, want %d", text, got, a, status)
			}
			if shown := strings.Contains(c.metrics(), `site="Office"`); shown != (status == http.StatusOK) {
				t.Errorf("with keys %q it is shown: %v", text, shown)
			}
			_ = os.WriteFile(keys, raw, 0o600)
			time.Sleep(time.Second)
			c.serve(o.request(nil))
		}
	})
	for name, ok := range map[string]bool{
		"office-12": true, "a": true, "A.b_c-d": true, strings.Repeat("a", 64): true, strings.Repeat("a", 65): false,
		"": false, ".": false, "..": false, ".a": false, "-a": false, "a.": false, "a/b": false, "a b": false, "a\n": false, "é": false, "keys": false, "KEYS": false, "a\x00": false,
	} {
		if ValidSite(name) != ok {
			t.Errorf("%q: %v", name, !ok)
		}
	}
}

// Nothing that anybody sends makes more than an answer.
func FuzzRequests(f *testing.F) {
	f.Add("office-12", "nonce", "0123456789abcdef", "0", strings.Repeat("0", 64), "00", []byte("x"))
	f.Add("../keys", "", "", "-1", "", "zz", []byte{})
	c := newCentre(f)
	key, err := NewSite(c.dir, "a")
	if err != nil {
		f.Fatal(err)
	}
	c.store.keys.looked = time.Time{}
	f.Fuzz(func(t *testing.T, site, nonce, agent, later, digest, mac string, body []byte) {
		c := &centre{t: t, dir: c.dir, store: c.store}
		r := httptest.NewRequest(http.MethodPost, Path+"x", bytes.NewReader(body))
		r.URL.Path = Path + site
		for name, v := range map[string]string{headerNonce: nonce, headerAgent: agent, headerLater: later, headerDigest: digest, headerMAC: mac} {
			r.Header[name] = []string{v}
		}
		if status, a := c.serve(r); status < 400 || a.Code == "" {
			t.Fatalf("%d %v", status, a)
		}
		// The same body with everything right.
		o := &office{c: c, site: "a", key: key, agent: NewAgent(), from: "192.0.2.1:1"}
		c.store.mu.Lock()
		if st := c.store.sites["a"]; st != nil {
			st.last = time.Time{}
		}
		c.store.mu.Unlock()
		if status, a := c.serve(o.request(body)); status != http.StatusBadRequest && status != http.StatusRequestEntityTooLarge && status != http.StatusUnprocessableEntity && status != http.StatusOK {
			t.Fatalf("%d %v", status, a)
		}
	})
}
