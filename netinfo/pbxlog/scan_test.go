package pbxlog

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

func scan(t *testing.T, from io.Reader) (Summary, []int, error) {
	t.Helper()
	var lines []int
	s, err := Scan(context.Background(), from, Clock{Zone: time.UTC, Now: atTestNow}, func(e *Event) { lines = append(lines, e.Line) })
	return s, lines, err
}

const lost = "[2026-11-29 11:58:00] NOTICE[1] chan_sip.c: Peer '106' is now UNREACHABLE!  Last qualify: 41\n"
const chatter = "[2026-11-29 11:58:01] VERBOSE[1][C-00000001] pbx.c: Executing [100@default:1] Dial(\"SIP/1-1\", \"SIP/2\") in new stack\n"

// Lines are counted and told in order, however many blocks they fill.
func TestALongLog(t *testing.T) {
	const n = 40_000
	var b strings.Builder
	var want []int
	for i := range n {
		if i%1000 == 7 {
			b.WriteString(lost)
			want = append(want, i+1)
		} else {
			b.WriteString(chatter)
		}
	}
	s, lines, err := scan(t, strings.NewReader(b.String()))
	if err != nil || s.Lines != n || s.Known != n || !slices.Equal(lines, want) {
		t.Errorf("%+v, %d events, %v", s, len(lines), err)
	}
	if s.First.Second() != 1 || s.Last.Second() != 1 || s.Bytes != int64(b.Len()) {
		t.Errorf("%+v", s)
	}
}

// What could be read is told, and where reading ended.
func TestLogsThatAreBroken(t *testing.T) {
	long := strings.Repeat("x", 3*blockSize)
	cut := errors.New("cut")
	for _, tc := range []struct {
		name        string
		from        io.Reader
		lines, long int
		events      []int
		err         error
	}{
		{"empty", strings.NewReader(""), 0, 0, nil, nil},
		{"the last line is not ended", strings.NewReader(strings.TrimSuffix(chatter+lost, "\n")), 2, 0, []int{2}, nil},
		{"NULs after a crash", strings.NewReader(chatter + strings.Repeat("\x00", 5000) + "\n" + lost), 3, 0, []int{3}, nil},
		{"NULs before a line", strings.NewReader(strings.Repeat("\x00", 100) + lost), 1, 0, []int{1}, nil},
		{"a line without end", strings.NewReader(lost + long + "\n" + lost), 3, 1, []int{1, 3}, nil},
		{"not UTF-8", strings.NewReader("\xff\xfe\n" + lost + strings.Replace(lost, "106", "\xd0\xff", 1)), 3, 0, []int{2, 3}, nil},
		{"Windows", strings.NewReader(strings.ReplaceAll(lost, "\n", "\r\n")), 1, 0, []int{1}, nil},
		{"cut", io.MultiReader(strings.NewReader(lost+lost), failing{cut}), 2, 0, []int{1, 2}, cut},
	} {
		s, lines, err := scan(t, tc.from)
		if s.Lines != tc.lines || s.Long != tc.long || !slices.Equal(lines, tc.events) || !errors.Is(err, tc.err) {
			t.Errorf("%s: %+v, events in lines %v, %v", tc.name, s, lines, err)
		}
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestScanningIsInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	n := 0
	_, err := Scan(ctx, endless{}, Clock{Now: atTestNow}, func(*Event) {
		if n++; n == 10 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return copy(p, lost), nil }

func FuzzLine(f *testing.F) {
	f.Add([]byte(lost))
	f.Add([]byte(chatter))
	f.Add([]byte(`{"log":"[Nov 29 11:58:00] NOTICE[1] chan_sip.c: x\u00e9\n","time":"2026-11-29T11:58:00Z"}`))
	f.Add([]byte(`[1764417480.5] SECURITY[1] res_security_log.c: SecurityEvent="InvalidPassword",AccountID="1",SessionID="",RemoteAddress="IPV4/UDP/192.0.2.7/5061"`))
	f.Add([]byte(` 5(1234) ALERT: <script>: ALERT: pike blocking REGISTER from sip:100@pbx (IP:192.0.2.7:5060)`))
	f.Add([]byte("\x1b[1;33mNOTICE\x1b[0m[1]: chan_sip.c: Registration from 'x' failed for '[::1]:5' - Wrong password"))
	for _, list := range asteriskForms {
		for _, form := range list {
			f.Add([]byte("[2026-11-29 11:58:00] ERROR[1] x.c: " + form.begins + "a' ' for b"))
		}
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		p := Parser{Clock: Clock{Zone: time.UTC, Now: atTestNow}}
		var e Event
		for range 2 { // with and without what the parser remembers
			if told, _ := p.Parse(line, &e); !told {
				continue
			}
			if e.Kind == "" || e.Kind == Banned && !e.Addr.IsValid() || len(e.Account) > len(line) || e.RTT < 0 {
				t.Errorf("%q is read as %+v", line, e)
			}
			if _, err := json.Marshal(e.At); err != nil {
				t.Errorf("%q has a time that cannot be written: %v", line, err)
			}
		}
		_, _ = Scan(context.Background(), bytes.NewReader(line), p.Clock, func(*Event) {})
	})
}

func BenchmarkParse(b *testing.B) {
	for name, line := range map[string]string{
		"chatter": chatter, "lost": lost,
		"refused": "[2026-11-29 11:58:00] NOTICE[1] chan_sip.c: Registration from '\"110\" <sip:110@pbx.example.net>' failed for '192.0.2.7:5060' - Wrong password\n",
	} {
		b.Run(name, func(b *testing.B) {
			p := Parser{Clock: Clock{Zone: time.Local, Now: atTestNow}}
			var e Event
			b.SetBytes(int64(len(line)))
			for b.Loop() {
				p.Parse([]byte(line), &e)
			}
		})
	}
}

// The aim is at most twice the time of grep -i reach on the same log.
func BenchmarkScanLog(b *testing.B) {
	for _, every := range []int{1000, 20, 1} {
		var text bytes.Buffer
		for i := 0; text.Len() < 64<<20; i++ {
			if i%every == 0 {
				text.WriteString(lost)
			} else {
				text.WriteString(chatter)
			}
		}
		b.Run(fmt.Sprintf("one line of %d tells", every), func(b *testing.B) {
			b.SetBytes(int64(text.Len()))
			for b.Loop() {
				_, _ = Scan(context.Background(), bytes.NewReader(text.Bytes()), Clock{Zone: time.Local, Now: atTestNow}, func(*Event) {})
			}
		})
	}
}

// A line that holds the mark of an address thousands of times takes no time.
func TestALineOfMarks(t *testing.T) {
	p := Parser{Clock: Clock{Zone: time.UTC, Now: atTestNow}}
	begin := time.Now()
	for _, line := range []string{
		`SECURITY[1] res_security_log.c: SecurityEvent="InvalidPassword",Service="SIP",AccountID="1",SessionID="a"` + strings.Repeat(`,RemoteAddress="IPV4/UDP/1.1.1.1/5060"`, 6000) + `,x`,
		`NOTICE[1] res_pjsip/pjsip_distributor.c: Request 'REGISTER' from '` + strings.Repeat("' failed for '192.0.2.1", 10000),
	} {
		var e Event
		for range 20 {
			if told, _ := p.Parse([]byte("[2026-11-29 11:00:00] "+line), &e); told {
				t.Errorf("%.80s: %s", line, e.Addr)
			}
		}
	}
	if d := time.Since(begin); d > 2*time.Second {
		t.Errorf("%s for 40 lines", d)
	}
}
