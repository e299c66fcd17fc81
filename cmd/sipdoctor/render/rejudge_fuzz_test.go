package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/all"
)

// notPrintable returns the first thing in s that a terminal might obey; line
// breaks and tabs are how a text is laid out.
func notPrintable(s string) string {
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 || r != '\n' && r != '\t' && !unicode.IsPrint(r) {
			return s[i : i+n]
		}
		i += n
	}
	return ""
}

// smallReports are the results of the saved reports, each in a report of its
// own: a whole one is too large to be mutated often.
func smallReports(f *testing.F) (list [][]byte) {
	files, err := filepath.Glob("../../../testdata/reports/*.json")
	if err != nil || len(files) == 0 {
		f.Fatalf("no saved reports: %v", err)
	}
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		r, err := checks.ReadReport(bytes.NewReader(raw))
		if err != nil {
			f.Fatal(err)
		}
		for i := range r.Results {
			one := *r
			one.Results = r.Results[i : i+1]
			if b, err := json.Marshal(&one); err == nil && len(b) < 6000 {
				list = append(list, b)
			}
		}
	}
	return list
}

// hostileObservation is a report of which a stranger wrote every observation.
func hostileObservation(check, observed string) []byte {
	return fmt.Appendf(nil, `{"schema": "sipdoctor.report/1", "command": "why", "host": {}, "results": [{"check": %q, "observed": %s}]}`, check, observed)
}

// asOurs lets every observation claim to be of this version: what says that it
// is of another one is not judged at all.
func asOurs(r *checks.Report, list []*checks.Check) {
	for i := range r.Results {
		for _, c := range list {
			if c.ID == r.Results[i].Check {
				r.Results[i].Observes = c.Observes()
			}
		}
	}
}

// A saved report is as hostile as any file: whatever is in it, it is judged
// again and shown in every format, and the terminal is only written to.
func FuzzReportToRejudged(f *testing.F) {
	for _, b := range smallReports(f) {
		f.Add(b)
	}
	for _, c := range all.Checks() {
		for _, o := range []string{"{}", "[]", "null", `{"x": 1}`} {
			f.Add(hostileObservation(c.ID, o))
		}
	}
	f.Add(hostileObservation("blocked", `{"read": "", "root": true, "when": "2026-11-22T10:00:00Z", "subjects": [{"address": "198.51.100.7/32", "paths": [{"direction": "in", "protocol": "udp", "ports": "5060", "verdict": "drop", "rule": "\u001b[2J", "trace": ["\u202e"], "insert": ["nft insert rule inet t c accept; id"], "remove": ["$(id)"]}], "blocks": [{"layer": "fail2ban", "jail": "\u0007", "effective": true, "free": ["fail2ban-client set $(id) unbanip 198.51.100.7"], "undo": ["x\ny"], "wait": "sleep 9"}], "near": [{"layer": "xt_recent", "name": "a", "count": -1, "limit": 9223372036854775807, "span_s": 9223372036854775807}], "failing": {"count": 1, "span_s": -9223372036854775808, "last": "9999-12-31T23:59:59Z"}}]}`))
	f.Add(hostileObservation("signalling", `{"servers": [], "local_time": "9999-12-31T23:59:59Z", "clock": {"server": "x", "offset_ms": 9223372036854775807}}`))
	f.Add(hostileObservation("fail2ban", `{"state": {"installed": true, "running": true, "jails": [{"name": "", "sip": true, "faults": [{"code": "", "detail": "\u001b"}]}]}, "must": [{"prefix": "", "why": ""}]}`))
	f.Add(hostileObservation("uplink", "\"\x88\x9b31m\""))
	list := all.Checks()
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := checks.ReadReport(bytes.NewReader(raw))
		if err != nil {
			return
		}
		asOurs(r, list)
		again, err := checks.Rejudge(r, list)
		if err != nil {
			return
		}
		for _, rep := range []*checks.Report{r, again} {
			for format, show := range everyFormat {
				if format == "colour" {
					continue // its escapes are our own
				}
				var b bytes.Buffer
				if err := show(&b, rep); err != nil {
					t.Fatalf("%s: %v", format, err)
				}
				if bad := notPrintable(b.String()); bad != "" {
					t.Fatalf("%s holds %q as it is", format, bad)
				}
			}
		}
		known := slices.ContainsFunc(list, func(c *checks.Check) bool { return len(again.Results) == 1 && again.Results[0].Check == c.ID })
		if known {
			for _, line := range printed(again) {
				if faults := commandFaults(line); faults != nil {
					t.Fatalf("a saved report has this printed as a command:\n%s\n%v", line, faults)
				}
			}
		}
	})
}
