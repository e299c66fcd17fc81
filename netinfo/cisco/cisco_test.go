package cisco

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func sample(t testing.TB) string {
	t.Helper()
	b, err := os.ReadFile("testdata/gateway.txt")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestShow(t *testing.T) {
	text := sample(t)
	for name, text := range map[string]string{
		"as it is": text, "quoted": "> " + strings.ReplaceAll(text, "\n", "\r\n> "), "indented": "\t" + strings.ReplaceAll(text, "\n", "\n\t  "),
	} {
		s := Show(text)
		if diff := cmp.Diff([]string{ShowService, ShowRegister, ShowStatistics, ShowStatus, ShowTimers, ShowCalls}, s.Commands); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
		if s.Service == nil || !s.Service.Up || len(s.Lines) != 4 || s.Lines[0].Number != "4001" || s.Lines[0].Registered || !s.Lines[3].Registered {
			t.Errorf("%s: service %+v, lines %+v", name, s.Service, s.Lines)
		}
		for _, c := range []struct{ section, name, want string }{
			{"success", "OkRegister", "12/49"}, {"client error", "unauthorized", "3/0"}, {"server error", "ServiceUnavail", "2/0"}, {"traffic", "Register", "49/16"},
			{"retry", "Invite", "7/0"}, {"retry", "Register", "4/0"}, {"traffic", "Invite", "10/20"}, {"miscellaneous counters", "RedirectRspMappedToClientErr", "1/0"},
		} {
			if x := s.Counter(c.section, c.name); fmt.Sprintf("%d/%d", x.In, x.Out) != c.want {
				t.Errorf("%s: %s of %s is %+v, want %s", name, c.name, c.section, x, c.want)
			}
		}
		if s.Cleared != "<never>" || len(s.Status) != 7 || s.Status[0].Label != "SIP User Agent for UDP" || s.Status[0].Value != "ENABLED" || len(s.Timers) != 10 || s.Timers[1].Value != 180000 {
			t.Errorf("%s: cleared %q, status %+v, timers %+v", name, s.Cleared, s.Status, s.Timers)
		}
		if len(s.Legs) != 2 || s.Legs[0].Tx != 7529 || s.Legs[0].Rx != 0 || s.Legs[0].Seconds != 150 || s.Legs[0].Address != "192.0.2.10:16384" || strings.Contains(s.Legs[0].Text, "5551000") {
			t.Errorf("%s: legs %+v", name, s.Legs)
		}
	}
}

func TestTheServiceIsShut(t *testing.T) {
	for text, want := range map[string]Service{
		"SIP Service is up\n": {Up: true},
		"SIP service is shut globally\nunder 'voice service voip'\n":                   {Globally: true},
		"SIP service is shut\nunder 'voice service voip', 'sip' submode\n":             {},
		"SIP service is forced shut globally\nunder 'voice service voip'\n":            {Forced: true, Globally: true},
		"Router# show sip service\nSIP service is forced shut\n under 'voice service'": {Forced: true},
	} {
		s := Show(text).Service
		if s == nil {
			t.Fatalf("%q", text)
		}
		s.Row = Row{}
		if *s != want {
			t.Errorf("%q: %+v", text, *s)
		}
	}
}

func TestWhatIsNoOutputOfIOS(t *testing.T) {
	for _, text := range []string{"", "hello\n", "Line peer\n", "SIP/2.0 200 OK\n", "Name/username Host Dyn\n101 192.0.2.1 D 5060 OK (3 ms)\n", "4001 20001 596 no\n"} {
		if s := Show(text); s.Says() || len(s.Lines) > 0 {
			t.Errorf("%q: %+v", text, s)
		}
	}
}

func FuzzShow(f *testing.F) {
	f.Add(sample(f))
	f.Fuzz(func(t *testing.T, text string) {
		s := Show(text)
		if n := len(s.Counters) + len(s.Timers) + len(s.Lines); n > len(text) {
			t.Fatalf("%d rows of %d bytes", n, len(text))
		}
		s.Counter("retry", "invite")
	})
}
