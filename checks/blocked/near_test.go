package blocked

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
)

// Failures in a log lead to a ban where fail2ban counts them. Who could not ask
// it does not know whether they have led to one already.
func TestCloseToABanIsSaidByWhoKnowsTheBans(t *testing.T) {
	failures := strings.Repeat("[2026-11-22 09:59:00] NOTICE[1638] chan_sip.c: Registration from '<sip:110@pbx>' failed for '198.51.100.7:5060' - Wrong password\n", 4)
	for _, tt := range []struct {
		name   string
		prints map[string]string
		want   bool
	}{
		{"fail2ban answers", map[string]string{
			"fail2ban-client status":  "Status\n|- Number of jail:\t1\n`- Jail list:\tasterisk\n",
			"fail2ban-client version": "1.0.2\n", "fail2ban-client banned": "[{'asterisk': []}]\n",
		}, true},
		{"it was not asked", nil, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := onPBX(nil)
			maps.Copy(p.Prints, tt.prints)
			p.Files["/etc/fail2ban/jail.conf"] = "[asterisk]\nenabled = true\nlogpath = /var/log/asterisk/messages\nmaxretry = 5\nfindtime = 600\nbantime = 3600\naction = iptables-allports[protocol=all]\n"
			p.Files["/var/log/asterisk/messages"] = failures
			r := p.Look(t, Check(), asked("198.51.100.7"))
			got := slices.ContainsFunc(r.Findings, func(f checks.Finding) bool { return strings.Contains(f.Title, "close to a ban") })
			if got != tt.want {
				t.Errorf("%v, want %v: %+v", got, tt.want, r.Findings)
			}
		})
	}
}
