package render

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo"
)

// originals is what must not be seen of the saved reports.
var originals = []string{
	"192.168.88.1", "203.0.113.1:", "198.51.100.2", "169.254.12.7",
	"4c:5e:0c", "frontdesk-pc", "acme-gw", "responder.example.net", "example.org", "example.net",
	"alice", "Alice Smith", "0123456789abcdef", "00112233445566aa", "9f86d081884c7d65",
}

// Somebody sends a report to a forum: no format may give away who it is from.
func TestRedactedReportsGiveNobodyAway(t *testing.T) {
	inBlob := regexp.MustCompile(`"[A-Za-z0-9+/=]{20,}"|base64,[A-Za-z0-9+/=]+`)
	for name, r := range savedReports(t) {
		before := shownAs(t, "json", r)
		red, err := Redact(r)
		if err != nil {
			t.Fatal(err)
		}
		held := decoded(inBlob, before)
		for format := range everyFormat {
			out := decoded(inBlob, shownAs(t, format, red))
			for _, o := range originals {
				re := regexp.MustCompile(`(?i)\b` + regexp.QuoteMeta(o))
				if re.MatchString(held) && re.MatchString(out) {
					t.Errorf("%s as %s still holds %q", name, format, o)
				}
			}
		}
		if diff := cmp.Diff(before, shownAs(t, "json", r)); diff != "" {
			t.Errorf("%s: redacting changed the report itself:\n%s", name, diff)
		}
	}
}

// decoded is s and what is written in it as base64.
func decoded(inBlob *regexp.Regexp, s string) string {
	for _, b := range inBlob.FindAllString(s, -1) {
		if raw, err := base64.StdEncoding.DecodeString(strings.Trim(strings.TrimPrefix(b, "base64,"), `"`)); err == nil {
			s += "\n" + string(raw)
		}
	}
	return s
}

// The originals above must be in the reports, or searching for them proves
// nothing.
func TestTheReportsHoldWhatIsSearchedFor(t *testing.T) {
	var all strings.Builder
	for _, r := range savedReports(t) {
		all.WriteString(shownAs(t, "json", r))
	}
	for _, o := range originals {
		if !strings.Contains(all.String(), o) {
			t.Errorf("%q occurs in no saved report", o)
		}
	}
}

// A redacted report is a report: it is saved, read and shown like any other,
// with the same findings, commands and sources.
func TestRedactedReportStillReads(t *testing.T) {
	for name, r := range savedReports(t) {
		red, err := Redact(r)
		if err != nil {
			t.Fatal(err)
		}
		again, err := checks.ReadReport(strings.NewReader(shownAs(t, "json", red)))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(skeleton(r), skeleton(again)); diff != "" {
			t.Errorf("%s: not the same report any more:\n%s", name, diff)
		}
		twice, err := Redact(red)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(skeleton(red), skeleton(twice)); diff != "" {
			t.Errorf("%s: redacting twice:\n%s", name, diff)
		}
	}
}

func skeleton(r *checks.Report) []string {
	s := []string{string(r.Verdict)}
	for _, res := range r.Results {
		s = append(s, res.Check, string(res.Status))
		for _, f := range res.Findings {
			if !strings.Contains(f.Title, "\x1b") {
				s = append(s, f.ID, string(f.Severity))
			}
			for _, fix := range f.Fixes {
				if strings.Contains(fix.ID, "mikrotik") {
					s = append(s, fix.ID, fix.Source)
					s = append(s, fix.Commands...)
				}
			}
		}
	}
	return s
}

func TestStandIns(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"a private address", "phone 192.168.1.20 is here", "phone 172.31.255.1 is here"},
		{"the same address twice", "10.1.1.1 and 10.1.1.1:5060", "172.31.255.1 and 172.31.255.1:5060"},
		{"a network", "10.20.30.0/24", "172.31.255.1/24"},
		{"a carrier's address stays a carrier's", "100.64.0.10", "100.127.255.1"},
		{"a public address stays public", "to 93.184.216.34:5060", "to 203.0.113.1:5060"},
		{"a stand-in that would contain an original is passed over", "203.0.113.1 203.0.113.2", "203.0.113.3 203.0.113.4"},
		{"an address with leading zeros", "192.168.001.020", "172.31.255.1"},
		{"a global IPv6 address", "[2a01:4f8::1]:5060", "[2001:db8:ffff::1]:5060"},
		{"a link-local IPv6 address", "fe80::a00:27ff:fe4e:66a1", "fe80::ffff:1"},
		{"a unique local IPv6 address", "fd12:3456::7", "fdff:ffff::1"},
		{"a mapped IPv4 address", "::ffff:192.168.1.20", "172.31.255.1"},
		{"an IPv6 address before a colon", "2a01:4f8::1: no answer", "2001:db8:ffff::1: no answer"},
		{"an address behind short words", "a:b:192.168.1.20", "a:b:172.31.255.1"},
		{"loopback says nothing", "127.0.0.1 and ::1", "127.0.0.1 and ::1"},
		{"a netmask says nothing", "255.255.255.0", "255.255.255.0"},
		{"a time is no address", "10:00:00", "10:00:00"},
		{"a version is no address", "RouterOS 7.14.3", "RouterOS 7.14.3"},
		{"a MAC with colons", "4c:5e:0c:11:22:33 and 4C:5E:0C:11:22:33", "02:00:00:00:00:01 and 02:00:00:00:00:01"},
		{"a MAC with dashes", "4C-5E-0C-11-22-33", "02:00:00:00:00:01"},
		{"a MAC with dots", "4c5e.0c11.2233", "02:00:00:00:00:01"},
		{"a user and his host", "sip:bob@pbx.acme.com", "sip:user-1@host-1.invalid"},
		{"an extension", "<sip:101@10.0.0.5>", "<sip:user-1@172.31.255.1>"},
		{"a shown name", `"Bob Jones" <sip:bob@10.0.0.5>`, `"user-2" <sip:user-1@172.31.255.1>`},
		{"a telephone number", "<tel:+12025550123>", "<tel:user-1>"},
		{"a probe's token keeps its number", "sdt0123456789abcdefp0007h0123456789abcdef", "sdt0000000000000000p0007h0000000000000000"},
		{"the home of a user", "reading /home/bob/profile.yaml", "reading /home/user-1/profile.yaml"},
		{"a file is no host", "reading /etc/resolv.conf and boxinfo.xml", "reading /etc/resolv.conf and boxinfo.xml"},
		{"a host in a URL", "http://gw.acme.com/index", "http://host-1.invalid/index"},
	} {
		t.Run(c.name, func(t *testing.T) {
			red := newRedactor(&checks.Report{})
			red.collect(place{key: "got"}, c.in)
			red.assign()
			if got := red.replaceAt(place{key: "got"}, c.in); got != c.want {
				t.Errorf("%q became %q, want %q", c.in, got, c.want)
			}
		})
	}
}

// A router whose name is its vendor's gives nothing away, and its name must
// not be cut out of every sentence.
func TestRouterNamedLikeItsVendorStays(t *testing.T) {
	r := savedReports(t)["clean"]
	r.Host.Router.Name = "MikroTik"
	red, err := Redact(r)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(red.Result("uplink").Summary, "MikroTik") {
		t.Errorf("summary is %q", red.Result("uplink").Summary)
	}
}

func FuzzRedactLeavesNoAddress(f *testing.F) {
	f.Add("Via: SIP/2.0/UDP 192.168.88.10:5060;received=10.0.0.1")
	f.Add("a:b::c 1.2.3.4.5 fe80::1%eth0 4c5e.0c11.2233")
	f.Fuzz(func(t *testing.T, s string) {
		raw, err := json.Marshal(s)
		if err != nil {
			t.Skip()
		}
		r := &checks.Report{Schema: checks.Schema, Results: []checks.Result{{Check: "x", Summary: s, Observed: raw}}}
		red, err := Redact(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := JSON(io.Discard, red, JSONOptions{}); err != nil {
			t.Fatal(err)
		}
		var before []string
		matchAll(r.Results[0].Summary, func(k kind, o string) {
			if !k.word() {
				before = append(before, strings.ToLower(o))
			}
		})
		matchAll(red.Results[0].Summary, func(_ kind, o string) {
			if slices.Contains(before, strings.ToLower(o)) {
				t.Fatalf("%q still holds %q", red.Results[0].Summary, o)
			}
		})
	})
}

// Neither who logged in to a machine nor where it is.
func TestTheMachineOfARedactedReport(t *testing.T) {
	for on, want := range map[string]string{
		"root@pbx.example.com":          "root@host-1.invalid",
		"ivanov@203.0.113.9:2222":       "user@203.0.113.1:2222",
		"api://ivanov@gw-office7":       "api://user@host-1.invalid",
		"apis://iv@[2001:db8::17]:8729": "apis://user@[2001:db8:ffff::1]:8729",
		"https://admin@gw-office7:8443": "https://admin@host-1.invalid:8443",
		"ssh://a://b@c@gw-office7":      "ssh://user@host-1.invalid",
		"gw-office7":                    "host-1.invalid",
	} {
		r, err := Redact(&checks.Report{Command: "router", Headline: "gw-office7 is fine", Inputs: checks.Inputs{On: on}})
		if err != nil {
			t.Fatal(err)
		}
		if r.Inputs.On != want || strings.Contains(on, "gw-office7") == strings.Contains(r.Headline, "gw-office7") {
			t.Errorf("%s: %s, %s", on, r.Inputs.On, r.Headline)
		}
	}
}

// What was found before, or while somebody watched, is named by IDs that look like hosts.
func TestFindingsKeepTheirNames(t *testing.T) {
	r := &checks.Report{
		Schema: checks.Schema, Host: &netinfo.Host{},
		Twin:    &checks.Twin{Phone: netip.MustParseAddr("192.0.2.77"), Before: []checks.Outcome{{Check: "routeros", Status: checks.Fail, Findings: []string{"routeros.provider-blocked"}}}},
		History: []checks.Change{{Check: "sip-alg", From: checks.Pass, To: checks.Fail, Finding: "sip-alg.rewriting"}},
	}
	got, err := Redact(r)
	if err != nil {
		t.Fatal(err)
	}
	if got.Twin.Before[0].Findings[0] != "routeros.provider-blocked" || got.History[0].Finding != "sip-alg.rewriting" || got.Twin.Phone == r.Twin.Phone {
		t.Errorf("%+v %+v", got.Twin, got.History)
	}
}
