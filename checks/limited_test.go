package checks_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/checktest"
	"github.com/sipdoctor/sipdoctor/checks/checktest/farend"
	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// asked is what a made-up check observes with the responder's help.
type asked struct {
	checks.Limited
	Text string `json:"text"`
}

func twoFindings(asked, *netinfo.Host) checks.Judgement {
	return checks.Judgement{Summary: words.Literal("it is broken"), Facts: map[string]int{"blocked": 1}, Findings: []checks.Finding{
		{ID: "x.silent", Severity: checks.Critical, Confidence: checks.Certain, Title: "Nothing passes"},
		{ID: "x.rewritten", Severity: checks.Warning, Title: "It arrived changed", Heard: true},
	}}
}

// What rests on silence is taken back when the responder left anything undone,
// one thing being enough; what was heard stands.
func TestSilenceOfABusyResponderProvesNothing(t *testing.T) {
	heard := func(ch checks.Status, summary, reason string, ids ...string) string {
		return strings.Join(append(ids, string(ch), summary, reason), "; ")
	}
	busy := func(l session.Limits) *checks.FarEnd {
		return &checks.FarEnd{Carrier: "https", LimitsReply: session.LimitsReply{Limits: l, UDP: 1}}
	}
	broken := heard(checks.Fail, "it is broken", "", "x.silent", "x.rewritten")
	told := func(reason string) string {
		return heard(checks.Inconclusive, "not determined: the responder is busy", reason, "x.rewritten")
	}
	const proves = "so its silence proves nothing; try again later"
	for _, tt := range []struct {
		name string
		far  *checks.FarEnd
		want string
	}{
		{"no responder was asked", nil, broken},
		{"a responder that had time", busy(session.Limits{}), broken},
		{"control calls that were repeated", busy(session.Limits{Calls: 9}), broken},
		{"one message over its rate", busy(session.Limits{Messages: 1}), told("the responder is busy (1 message over its rate), " + proves)},
		{"two connections refused", busy(session.Limits{Connections: 2}), told("the responder is busy (2 connections refused), " + proves)},
		{"full sockets and no processor", busy(session.Limits{Overflow: 7, Late: 1}),
			told("the responder is busy (7 datagrams dropped by its full sockets, 1 moment without the processor), " + proves)},
		{"no memory", busy(session.Limits{Records: 3, Questions: 1, Ports: 1}),
			told("the responder is busy (3 messages not kept, 1 STUN request over its rate, 1 port taken by other clients), " + proves)},
		{"this machine stood still", &checks.FarEnd{LateHere: 2, LimitsReply: session.LimitsReply{UDP: 1}},
			heard(checks.Inconclusive, "not determined: this machine is busy", "this machine is busy (2 moments without the processor), so missing answers prove nothing; try again later", "x.rewritten")},
		{"a long check, and one late moment in half a minute", &checks.FarEnd{ElapsedMS: 60000, LateHere: 2, LimitsReply: session.LimitsReply{UDP: 1, Limits: session.Limits{Late: 2}}}, broken},
		{"a long check, and one late moment more", &checks.FarEnd{ElapsedMS: 60000, LimitsReply: session.LimitsReply{UDP: 1, Limits: session.Limits{Late: 3}}},
			told("the responder is busy (1 moment without the processor), " + proves)},
		{"nobody told", &checks.FarEnd{Untold: "no answer"},
			heard(checks.Inconclusive, "it is broken", "the responder could not be asked whether it was too busy to answer: no answer", "x.rewritten")},
		{"no UDP at all arrives", &checks.FarEnd{Carrier: "https", Ports: "5060"},
			heard(checks.Inconclusive, "not determined: no UDP arrives at the responder",
				"no UDP arrives at the responder, on any port: its own firewall or the network in front of it blocks UDP (open UDP 5060 there), or this network lets no UDP out", "x.rewritten")},
		{"no UDP of ours arrives, but that of others", &checks.FarEnd{Carrier: "https", LimitsReply: session.LimitsReply{OthersUDP: true}}, broken},
		{"control runs over UDP", &checks.FarEnd{Carrier: "udp"}, broken},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := checks.Define(checks.Check{ID: "x", Group: "office", Timeout: time.Second},
				func(context.Context, *checks.Env) (asked, error) { return asked{}, nil }, twoFindings)
			rep := checks.Run(t.Context(), []*checks.Check{c}, &checks.Env{}, checks.Meta{})
			rep.Results[0].Observed = stored(t, tt.far)
			again, err := checks.Rejudge(rep, []*checks.Check{c})
			if err != nil {
				t.Fatal(err)
			}
			r := again.Results[0]
			var ids []string
			for _, f := range r.Findings {
				ids = append(ids, f.ID)
			}
			if diff := cmp.Diff(tt.want, heard(r.Status, r.Summary, r.Reason, ids...)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A check that uses the responder cannot forget to store what that left undone.
func TestACheckThatForgetsTheLimitsIsAMistake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := farend.New(t, 1, checktest.RouterOptions{NAT: checktest.Linux()})
		use := func(ctx context.Context, env *checks.Env) error {
			_, err := env.Session(ctx)
			return err
		}
		forgets := checks.Define(checks.Check{ID: "forgets", Group: "office", Timeout: 30 * time.Second},
			func(ctx context.Context, env *checks.Env) (saw, error) { return saw{"silence"}, use(ctx, env) }, judgeBadly)
		if got := n.Run(t.Context(), forgets); got.Status != checks.Error || !strings.Contains(string(got.ObserveError.Text), "does not embed checks.Limited") {
			got.Explain(t)
			t.Error("nobody notices")
		}
		stores := checks.Define(checks.Check{ID: "stores", Group: "office", Timeout: 30 * time.Second},
			func(ctx context.Context, env *checks.Env) (asked, error) {
				return asked{Text: "silence"}, use(ctx, env)
			},
			func(asked, *netinfo.Host) checks.Judgement {
				return checks.Judgement{Summary: words.Literal("all is well")}
			})
		if got := n.Run(t.Context(), stores); got.Status != checks.Pass || !strings.Contains(string(got.Observed), `"responder_limits":`) {
			got.Explain(t)
			t.Error("what the responder said is not stored")
		}
	})
}

func stored(t *testing.T, far *checks.FarEnd) []byte {
	t.Helper()
	raw, err := json.Marshal(asked{Limited: checks.Limited{Far: far}, Text: "nothing came"})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
