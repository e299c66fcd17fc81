package signalling

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

func cureNames(list []fixes.Fix) (names []string) {
	for _, f := range list {
		names = append(names, f.Platform+"/"+f.ID)
	}
	return names
}

func TestWhatCuresACertificate(t *testing.T) {
	day := 24 * time.Hour
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name   string
		server string // what it says that it is
		tls    TLS
		want   []string
	}{
		{"expired on an Asterisk", "Asterisk PBX 20.5.0", TLS{NotBefore: at.Add(-90 * day), NotAfter: at.Add(-day), DomainBy: byName}, []string{"asterisk/renew-certificate", "generic/renew-certificate"}},
		{"expired on a FreePBX", "FPBX-16.0.40(18.9)", TLS{NotBefore: at.Add(-90 * day), NotAfter: at.Add(-day), DomainBy: byName}, []string{"freepbx/renew-certificate", "generic/renew-certificate"}},
		{"expired on a FreePBX that says so in full", "FreePBX 17", TLS{NotBefore: at.Add(-90 * day), NotAfter: at.Add(-day), DomainBy: byName}, []string{"freepbx/renew-certificate", "generic/renew-certificate"}},
		{"another server's name", "kamailio (5.6.3)", TLS{NotBefore: at.Add(-day), NotAfter: at.Add(90 * day), CheckedName: "sip.example"}, []string{"generic/renew-certificate"}},
		{"named by its address", "", TLS{NotBefore: at.Add(-day), NotAfter: at.Add(90 * day), CheckedName: "198.51.100.20"}, nil},
		{"only TLS 1.0", "", TLS{NotBefore: at.Add(-day), NotAfter: at.Add(90 * day), Version: "TLS 1.0", DomainBy: byName}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.tls.At = at
			s := &Server{Name: "sip.example", Probes: []Probe{{Transport: "tls", TLS: &c.tls, Options: Answer{
				Reply: []byte("SIP/2.0 200 OK\r\nServer: " + c.server + "\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"),
			}}}}
			list := certificate(&Observed{}, s, &s.Probes[0])
			if len(list) != 1 {
				t.Fatalf("%d findings", len(list))
			}
			cureCertificates(list, s, nil)
			if diff := cmp.Diff(c.want, cureNames(list[0].Fixes)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", list[0].ID, diff)
			}
		})
	}
}

// A certificate need not name its owner, nor a home-made one its issuer.
func TestACertificateWithoutASubject(t *testing.T) {
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	for _, c := range []struct{ subject, issuer, en, ru string }{
		{"", "CN=Example CA", "without a subject, issued by CN=Example CA", "без имени владельца, выдан CN=Example CA"},
		{"CN=pbx", "", "CN=pbx, without an issuer", "CN=pbx, издатель не указан"},
		{"CN=pbx", "CN=Example CA", "CN=pbx, issued by CN=Example CA", "CN=pbx, выдан CN=Example CA"},
	} {
		p := answers("tls", 5061, "200 OK")
		p.TLS = &TLS{At: at, NotBefore: at.AddDate(-1, 0, 0), NotAfter: at.AddDate(0, 0, -1), Subject: c.subject, Issuer: c.issuer}
		rep := &checks.Report{Results: []checks.Result{resultOf(t, Observed{Servers: []Server{{Name: "pbx.example.net", Probes: []Probe{p}}}})}}
		for lang, want := range map[words.Lang]string{words.English: c.en, words.Russian: c.ru} {
			checks.Fill(rep, checks.BookOf([]*checks.Check{Check()}), lang)
			if got := rep.Results[0].Findings[0].Evidence[0].Got; got != want {
				t.Errorf("%q, want %q", got, want)
			}
		}
	}
}

func TestWhatCuresAWrongClock(t *testing.T) {
	for os, want := range map[string][]string{
		"linux":   {"systemd/set-clock", "mikrotik/set-clock-6", "generic/set-clock"},
		"windows": {"windows/set-clock", "mikrotik/set-clock-6", "generic/set-clock"},
		"darwin":  {"macos/set-clock", "mikrotik/set-clock-6", "generic/set-clock"},
		"freebsd": {"mikrotik/set-clock-6", "generic/set-clock"},
	} {
		t.Run(os, func(t *testing.T) {
			h := &netinfo.Host{OS: os, Router: &netinfo.Router{Platform: "mikrotik", Version: "6.49.10"}}
			o := Observed{Servers: []Server{{Name: "sip.example", Error: "no such host"}}, Clock: &Clock{OffsetMillis: 3_600_000, Server: "198.51.100.30:123"}}
			var got []string
			for _, f := range judge(o, h).Findings {
				if f.ID == "signalling.clock" && f.Severity == checks.Warning {
					got = cureNames(f.Fixes)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
