package ciscostate

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/checktest/pbxtest"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

var book = sync.OnceValue(func() *words.Book { return checks.BookOf([]*checks.Check{Check()}) })

func told(t testing.TB, text string) checks.Result {
	t.Helper()
	return run(t, &checks.Env{Files: []checks.File{pbxtest.Text("gateway.txt", text)}})
}

func run(t testing.TB, env *checks.Env) checks.Result {
	t.Helper()
	return pbxtest.Judged(t, Check(), env, book())
}

func ids(r checks.Result) string { return pbxtest.Short(r) }

func statistics(lines ...string) string {
	return "SIP Response Statistics (Inbound/Outbound)\n" + strings.Join(lines, "\n") + "\nLast time SIP Statistics were cleared: <never>\n"
}

func TestWhatAGatewaySays(t *testing.T) {
	status := func(udp, tcp, redirect, hops string) string {
		return "SIP User Agent Status\nSIP User Agent for UDP : " + udp + "\nSIP User Agent for TCP : " + tcp + "\nSIP max-forwards : " + hops + "\nRedirection (3xx) message handling: " + redirect + "\n"
	}
	timers := func(trying, expires int) string {
		return fmt.Sprintf("SIP UA Timer Values (millisecs)\ntrying %d, expires %d, connect 500, disconnect 500\nrefer 500, register 500\n", trying, expires)
	}
	leg := func(dur string, tx, rx int) string { return fmt.Sprintf(" dur %s tx:%d/100 rx:%d/100\n", dur, tx, rx) }
	numbers := "Line peer expires(sec) registered\n4001 20001 596 no\n4002 20002 596 yes\n"
	for _, tt := range []struct {
		name, text, want string
		status           checks.Status
	}{
		{"the service is up", "SIP Service is up\n", "", checks.Pass},
		{"the service is shut", "SIP service is shut globally\nunder 'voice service voip'\n", "c service-shut", checks.Fail},
		{"the service of SIP alone is shut", "SIP service is forced shut\nunder 'voice service voip', 'sip' submode\n", "c service-shut", checks.Fail},
		{"a number is not registered", numbers, "c unregistered", checks.Fail},
		{"all numbers are", strings.ReplaceAll(numbers, " no", " yes"), "", checks.Pass},
		{"both transports", status("ENABLED", "ENABLED", "ENABLED", "70"), "", checks.Pass},
		{"no TCP", status("ENABLED", "DISABLED", "ENABLED", "70"), "i transport-off", checks.Pass},
		{"no UDP", status("DISABLED", "ENABLED", "ENABLED", "70"), "w transport-off", checks.Warn},
		{"neither", status("DISABLED", "DISABLED", "ENABLED", "70"), "c transport-off", checks.Fail},
		{"no redirection", status("ENABLED", "ENABLED", "DISABLED", "10"), "i redirection-off", checks.Pass},
		{"few hops", status("ENABLED", "ENABLED", "ENABLED", "9"), "i max-forwards", checks.Pass},
		{"usual timers", timers(500, 180000), "", checks.Pass},
		{"another timer", timers(250, 180000), "i timers-changed", checks.Pass},
		{"a minute to ring", timers(500, 60000), "i timers-changed", checks.Pass},
		{"less than a minute to ring", timers(500, 59999), "w timers-changed", checks.Warn},
		{"both directions", leg("00:02:30", 100, 100), "", checks.Pass},
		{"nothing arrives", leg("00:00:10", 100, 0), "w one-way", checks.Warn},
		{"nothing is sent", leg("01:00:10", 0, 100), "w one-way", checks.Warn},
		{"nothing arrives yet", leg("00:00:09", 100, 0), "", checks.Pass},
		{"few repeats", statistics("SIP Total Traffic Statistics (Inbound/Outbound)", "Invite 0/40", "Retry Statistics", "Invite 2"), "", checks.Pass},
		{"a small share of repeats", statistics("SIP Total Traffic Statistics (Inbound/Outbound)", "Invite 0/61", "Retry Statistics", "Invite 3"), "", checks.Pass},
		{"repeats of nobody knows how many", statistics("Retry Statistics", "Invite 3"), "", checks.Pass},
		{"refusals of nobody knows how many", statistics("Client Error:", "Forbidden 50/0"), "", checks.Pass},
		{"repeats", statistics("SIP Total Traffic Statistics (Inbound/Outbound)", "Invite 0/60", "Retry Statistics", "Invite 3"), "w retries", checks.Warn},
		{"answers are repeated", statistics("SIP Total Traffic Statistics (Inbound/Outbound)", "Invite 60/0", "Retry Statistics", "Response 3"), "w responses-retried", checks.Warn},
		{"passwords asked for, busy phones", statistics("Client Error:", "Unauthorized 50/0, BusyHere 50/0, RequestCancel 50/0", "SIP Total Traffic Statistics (Inbound/Outbound)", "Invite 0/60"), "", checks.Pass},
		{"four refusals", statistics("Client Error:", "Forbidden 4/0", "SIP Total Traffic Statistics (Inbound/Outbound)", "Invite 0/20"), "", checks.Pass},
		{"five refusals of many", statistics("Client Error:", "Forbidden 5/0", "SIP Total Traffic Statistics (Inbound/Outbound)", "Invite 0/51"), "", checks.Pass},
		{"five refusals", statistics("Client Error:", "Forbidden 2/0", "Server Error:", "ServiceUnavail 3/0", "SIP Total Traffic Statistics (Inbound/Outbound)", "Invite 0/40, Register 0/10"), "w refusals", checks.Warn},
		{"refusals of its own", statistics("Client Error:", "NotFound 0/5", "SIP Total Traffic Statistics (Inbound/Outbound)", "Invite 50/0"), "w refusals", checks.Warn},
		{"3xx become 4xx", statistics("Miscellaneous counters:", "RedirectRspMappedToClientErr 1,"), "i redirection-off", checks.Pass},
		{"something else", "hello\n", "", checks.Inconclusive},
		{"an empty text", "", "", checks.Inconclusive},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := told(t, tt.text)
			if got := ids(r); got != tt.want || r.Status != tt.status {
				t.Errorf("%s %q, want %s %q", r.Status, got, tt.status, tt.want)
			}
		})
	}
	if r := run(t, &checks.Env{}); r.Status != checks.Skip {
		t.Errorf("without a text: %s", r.Status)
	}
	if r := told(t, "SIP service is shut globally\n"); len(r.Findings[0].Fixes) != 1 || r.Findings[0].Fixes[0].ID != "start-voip-service" {
		t.Errorf("%+v", r.Findings[0].Fixes)
	}
}

// A whole session at the console.
func TestAGateway(t *testing.T) {
	b, err := os.ReadFile("../../netinfo/cisco/testdata/gateway.txt")
	if err != nil {
		t.Fatal(err)
	}
	r := told(t, string(b))
	if got, want := ids(r), "c unregistered; w one-way; w retries; w retries; i redirection-off; i max-forwards"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if f := r.Facts.(Facts); f != (Facts{Service: "up", Lines: 4, Registered: 1, Legs: 2}) {
		t.Errorf("%+v", f)
	}
	for _, f := range r.Findings {
		t.Log(f.Title, "|", f.Explanation)
	}
}
