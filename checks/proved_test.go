package checks_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/netinfo"
)

// offered are the fixes of an ALG that are left when the run saw the rest.
func offered(t *testing.T, router *netinfo.Router, paths, servers string) []string {
	t.Helper()
	method := "responder"
	if strings.Contains(paths, `"note"`) {
		method = "sip-server"
	}
	host := &netinfo.Host{Router: router}
	alg := say("sip-alg", sees("x", 0), func(_ saw, h *netinfo.Host) checks.Judgement {
		return checks.Judgement{
			Facts: json.RawMessage(`{"method": "` + method + `", "paths": ` + paths + `}`),
			Findings: []checks.Finding{
				{ID: "sip-alg.rewriting", Severity: checks.Critical, Title: "A SIP ALG rewrites", Fixes: fixes.For(fixes.SIPALG, h, nil)},
			},
		}
	})
	list := []*checks.Check{alg}
	if servers != "" {
		list = append(list, say("signalling", sees("x", 0), func(saw, *netinfo.Host) checks.Judgement {
			return checks.Judgement{Facts: json.RawMessage(servers)}
		}))
	}
	env := &checks.Env{Host: func(context.Context) (*netinfo.Host, error) { return host, nil }}
	r := checks.Run(t.Context(), list, env, checks.Meta{Command: "check"})
	again, err := checks.Rejudge(r, list)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, f := range again.Results[0].Findings[0].Fixes {
		ids = append(ids, f.ID)
	}
	return ids
}

func TestNobodyIsSentToAPortThatTheRunSawRefused(t *testing.T) {
	const (
		udpBad   = `{"transport": "udp", "destination_port": 5060, "verdict": "rewriting"}`
		tcpClean = `{"transport": "tcp", "destination_port": 5060, "verdict": "none"}`
		tcpBad   = `{"transport": "tcp", "destination_port": 5060, "verdict": "proxying"}`
		tcpDrops = `{"transport": "tcp", "destination_port": 5060, "verdict": "dropping"}`
		tcpMaybe = `{"transport": "tcp", "destination_port": 5060, "verdict": "inconclusive"}`
		tlsClean = `{"transport": "tls", "destination_port": 5061, "verdict": "none"}`
		tlsBad   = `{"transport": "tls", "destination_port": 5061, "verdict": "rewriting"}`
	)
	for name, c := range map[string]struct {
		paths, servers string
		want           []string
	}{
		"only UDP was tried":                      {`[` + udpBad + `]`, "", []string{"find-the-switch", "use-tls"}},
		"TCP was clean":                           {`[` + udpBad + `,` + tcpClean + `]`, "", []string{"find-the-switch", "use-tcp", "use-tls"}},
		"TCP was rewritten too":                   {`[` + udpBad + `,` + tcpBad + `]`, "", []string{"find-the-switch", "use-tls"}},
		"TCP was dropped":                         {`[` + udpBad + `,` + tcpDrops + `]`, "", []string{"find-the-switch", "use-tls"}},
		"TCP told nothing":                        {`[` + udpBad + `,` + tcpMaybe + `]`, "", []string{"find-the-switch", "use-tls"}},
		"one TCP message was clean, one was not":  {`[` + tcpClean + `,` + tcpBad + `]`, "", []string{"find-the-switch", "use-tls"}},
		"TLS and TCP were clean":                  {`[` + udpBad + `,` + tcpClean + `,` + tlsClean + `]`, "", []string{"find-the-switch", "use-tls", "use-tcp"}},
		"TLS was intercepted":                     {`[` + udpBad + `,` + tlsBad + `]`, "", []string{"find-the-switch"}},
		"the provider refuses TLS":                {`[` + udpBad + `,` + tcpClean + `]`, `[{"transport": "tls", "port": 5061, "status": "refused"}]`, []string{"find-the-switch", "use-tcp"}},
		"the responder has TLS, the provider not": {`[` + udpBad + `,` + tlsClean + `]`, `[{"transport": "tls", "port": 5061, "status": "refused"}]`, []string{"find-the-switch"}},
		"the server refuses TLS, alone asked":     {`[` + udpBad + `, {"transport": "tls", "destination_port": 5061, "verdict": "inconclusive", "note": "connection refused"}]`, "", []string{"find-the-switch"}},
		"the server's TCP is clean, alone asked":  {`[` + udpBad + `, {"transport": "tcp", "destination_port": 5060, "verdict": "no-sign", "note": "saw-public-address"}]`, `[{"transport": "tcp", "port": 5060, "status": "answered"}]`, []string{"find-the-switch", "use-tcp", "use-tls"}},
		"nothing passes on the port of TLS":       {`[` + udpBad + `, {"transport": "tls", "destination_port": 5061, "verdict": "inconclusive", "blocked": true}]`, "", []string{"find-the-switch"}},
		"TLS is silent":                           {`[` + udpBad + `]`, `[{"transport": "tls", "port": 5061, "status": "timeout"}]`, []string{"find-the-switch"}},
		"one server of two has TLS":               {`[` + udpBad + `]`, `[{"transport": "tls", "port": 5061, "status": "refused"}, {"transport": "tls", "port": 5061, "status": "answered"}]`, []string{"find-the-switch", "use-tls"}},
		"this machine's own filter stops TLS":     {`[` + udpBad + `]`, `[{"transport": "tls", "port": 5061, "status": "local-filter"}]`, []string{"find-the-switch", "use-tls"}},
		"a server answers over TCP":               {`[` + udpBad + `]`, `[{"transport": "tcp", "port": 5060, "status": "answered"}]`, []string{"find-the-switch", "use-tcp", "use-tls"}},
		"TCP answers on another port":             {`[` + udpBad + `]`, `[{"transport": "tcp", "port": 5080, "status": "answered"}]`, []string{"find-the-switch", "use-tls"}},
		"facts of another form":                   {`"none"`, `{"transport": "tls"}`, []string{"find-the-switch", "use-tls"}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, offered(t, nil, c.paths, c.servers)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
	t.Run("the router's own cure comes first", func(t *testing.T) {
		got := offered(t, &netinfo.Router{Platform: "mikrotik", Confidence: "certain"}, `[`+tcpClean+`]`, "")
		if diff := cmp.Diff([]string{"disable-sip-helper", "use-tcp", "use-tls", "use-another-port"}, got); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
}

// What one check advises and another one saw fail is not said.
func TestNoAdviceToUseWhatTheRunSawRefused(t *testing.T) {
	for name, c := range map[string]struct {
		ways      []string
		transport string
	}{
		"the next way does":   {[]string{"tls 5061", "tcp 5060"}, "tcp"},
		"nothing is left":     {[]string{"tls 5061"}, "refuted"},
		"nothing was offered": {nil, "none"},
	} {
		alg := say("sip-alg", sees("x", 0), func(saw, *netinfo.Host) checks.Judgement {
			f := checks.Finding{ID: "sip-alg.rewriting", Severity: checks.Critical, Title: "x"}
			f.Advise(c.ways)
			return checks.Judgement{Findings: []checks.Finding{f}}
		})
		servers := say("signalling", sees("x", 0), func(saw, *netinfo.Host) checks.Judgement {
			return checks.Judgement{Facts: json.RawMessage(`[{"transport": "tls", "port": 5061, "status": "refused"}, {"transport": "tcp", "port": 5060, "status": "answered"}]`)}
		})
		if got := run(t.Context(), alg, servers).Results[0].Findings[0].Args["transport"]; got != c.transport {
			t.Errorf("%s: %v, want %s", name, got, c.transport)
		}
	}
}
