package capture

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
)

func TestPortsThatAProviderDoesNotList(t *testing.T) {
	profile := filepath.Join(t.TempDir(), "example.yaml")
	text := `name: example
title: Example
kind: provider
sip:
  - {host: sip.example.net, transport: udp, port: 5060}
subnets:
  - {cidr: 198.51.100.0/24, use: media}
  - {cidr: 203.0.113.0/24, use: signalling}
rtp:
  - {range: 10000-20000}
source: "https://example.net"
checked: 2026-11-29
`
	if err := os.WriteFile(profile, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		profile bool
		port    string
		found   int
	}{
		"a port that is listed":    {true, "10000", 0},
		"the last of those":        {true, "20000", 0},
		"the one after":            {true, "20001", 1},
		"no profile, so not known": {false, "20001", 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := tell()
			there := "198.51.100.2:" + tt.port
			d := s.dial(officeAt, pbxAt)
			d.request("INVITE", sdp("203.0.113.1:4000"))
			d.answer("200 OK", seen, sdp(there))
			d.request("ACK")
			a, b := theUp(), theDown()
			a.to, b.from = there, there
			s.say(5*time.Second, a, b)
			d.hangUp()
			env := &checks.Env{Files: []checks.File{s.asFile()}}
			if tt.profile {
				env.Inputs.Profile = profile
			}
			r := checks.Run(context.Background(), []*checks.Check{Check()}, env, checks.Meta{Command: "capture"}).Results[0]
			if r.Status == checks.Inconclusive || len(r.Findings) != tt.found || tt.found > 0 && r.Findings[0].ID != "capture.rtp-range" {
				t.Errorf("%s %s: %v", r.Status, r.Reason, r.Findings)
			}
		})
	}
}
