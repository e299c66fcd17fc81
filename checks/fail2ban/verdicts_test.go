package fail2ban

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks"
	jails "github.com/sipdoctor/sipdoctor/netinfo/fail2ban"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// inFull is a result with all that a reader acts upon: of each finding how grave
// and how sure it is, about which jail, and the cures.
func inFull(r checks.Result) []string {
	out := []string{string(r.Status)}
	for _, f := range r.Findings {
		line := strings.TrimPrefix(f.ID, "fail2ban.") + " " + string(f.Severity) + " " + string(f.Confidence)
		if f.Subject != "" {
			line += " of " + f.Subject
		}
		for _, x := range f.Fixes {
			line += ", " + strings.TrimPrefix(x.ID, "fail2ban-")
		}
		out = append(out, line)
	}
	return out
}

// guarding is a fail2ban that runs with these jails.
func guarding(list ...jails.Jail) Observed {
	return Observed{State: &jails.State{Installed: true, Running: true, Jails: list}}
}

func with(j jails.Jail, change func(*jails.Jail)) jails.Jail { change(&j); return j }

func (o Observed) with(change func(*Observed)) Observed { change(&o); return o }

func (x Tried) with(change func(*Tried)) Tried { change(&x); return x }

func in(n int) PortTry { return PortTry{In: n} }

// What is wrong with one jail, and what cures it.
func TestWhatIsWrongWithAJailAndWhatCuresIt(t *testing.T) {
	const log, other = "/var/log/asterisk/messages", "/var/log/asterisk/full"
	fault := func(code string) jails.Fault { return jails.Fault{Code: code, Detail: log} }
	sip := func(codes ...string) jails.Jail {
		j := jail("asterisk", log)
		for _, c := range codes {
			j.Faults = append(j.Faults, fault(c))
		}
		return j
	}
	sshd := func(codes ...string) jails.Jail {
		return with(sip(codes...), func(j *jails.Jail) { j.Name, j.Filter, j.SIP = "sshd", "sshd", false })
	}
	writes := func(o Observed) Observed {
		return o.with(func(o *Observed) { o.LogDir, o.LogsListed, o.Writes = "/var/log/asterisk", true, []string{other} })
	}
	counted := with(sip(jails.NotSeen), func(j *jails.Jail) { j.Unseen = &jails.Unseen{Count: 9, Line: "x"} })
	for name, c := range map[string]struct {
		o    Observed
		want []string
	}{
		"its log is missing":                        {guarding(sip(jails.LogMissing)), []string{"fail", "log-missing critical certain of asterisk"}},
		"its log is missing, Asterisk has another":  {writes(guarding(sip(jails.LogMissing))), []string{"fail", "log-missing critical certain of asterisk, read-log"}},
		"the jail is not loaded for lack of a log":  {guarding(with(sip(jails.LogMissing, jails.NoLogs), func(j *jails.Jail) { j.Running = false })), []string{"pass"}},
		"it lost its log while it ran":              {guarding(sip(jails.LogMissing, jails.NoLogs)), []string{"fail", "log-missing critical certain of asterisk"}},
		"its log is empty, and may be a new one":    {writes(guarding(sip(jails.LogEmpty))).with(func(o *Observed) { o.LogsListed = false }), []string{"warn", "log-empty warning likely of asterisk, read-log"}},
		"Asterisk does not write its log":           {writes(guarding(sip(jails.LogNotWritten))), []string{"fail", "log-not-written critical certain of asterisk, read-log"}},
		"no failures are written to it":             {writes(guarding(sip(jails.LogNoFailures))), []string{"fail", "log-no-failures critical certain of asterisk, read-log"}},
		"a missing log that is not open, either":    {writes(guarding(sip(jails.LogMissing))), []string{"fail", "log-missing critical certain of asterisk, read-log"}},
		"Asterisk has not opened its log":           {writes(guarding(sip())), []string{"fail", "log-not-written critical certain of asterisk, read-log"}},
		"so has not that of a jail for others":      {writes(guarding(sshd())), []string{"pass"}},
		"nobody asked Asterisk for its logs":        {writes(guarding(sip())).with(func(o *Observed) { o.LogsListed = false }), []string{"pass"}},
		"it reads the journal":                      {writes(guarding(with(sip(), func(j *jails.Jail) { j.Backend = "systemd[journalflags=1]" }))), []string{"pass"}},
		"it watches no file":                        {writes(guarding(with(sip(), func(j *jails.Jail) { j.Logs = nil }))), []string{"pass"}},
		"one of its two logs is open":               {writes(guarding(with(sip(), func(j *jails.Jail) { j.Logs = append(j.Logs, jails.Log{Path: other}) }))), []string{"pass"}},
		"one of its two logs is elsewhere":          {writes(guarding(with(sip(), func(j *jails.Jail) { j.Logs = append(j.Logs, jails.Log{Path: "/srv/asterisk.log"}) }))), []string{"pass"}},
		"a folder whose name begins alike":          {writes(guarding(with(sip(), func(j *jails.Jail) { j.Logs[0].Path = "/var/log/asterisk-old/full" }))), []string{"pass"}},
		"its log is JSON":                           {guarding(sip()).with(func(o *Observed) { o.JSON = []string{log} }), []string{"fail", "log-format critical certain of asterisk"}},
		"its log is JSON, and another is not":       {writes(guarding(sip())).with(func(o *Observed) { o.JSON = []string{log} }), []string{"fail", "log-format critical certain of asterisk, read-log"}},
		"one of its two logs is JSON":               {guarding(with(sip(), func(j *jails.Jail) { j.Logs = append(j.Logs, jails.Log{Path: other}) })).with(func(o *Observed) { o.JSON = []string{log} }), []string{"pass"}},
		"it watches no file, and there is JSON":     {guarding(with(sip(), func(j *jails.Jail) { j.Logs = nil })).with(func(o *Observed) { o.JSON = []string{log} }), []string{"pass"}},
		"a jail for others reads JSON":              {guarding(sshd()).with(func(o *Observed) { o.JSON = []string{log} }), []string{"pass"}},
		"it counts less than is in its log":         {writes(guarding(counted)).with(func(o *Observed) { o.Writes = []string{log} }), []string{"fail", "not-seen critical certain of asterisk"}},
		"the journal has nothing for it":            {writes(guarding(with(sip(jails.EmptyJournal), func(j *jails.Jail) { j.Backend = "systemd" }))), []string{"fail", "empty-journal critical certain of asterisk, read-log"}},
		"it is set and does not run":                {guarding(sip(jails.NotRunning)), []string{"fail", "not-running critical certain of asterisk, start-jail"}},
		"fail2ban says why it does not run":         {guarding(sip(jails.NotRunning)).with(func(o *Observed) { o.State.Refusal = "no such filter" }), []string{"fail", "not-running critical certain of asterisk"}},
		"it ignores everybody":                      {guarding(sip(jails.IgnoresAll)), []string{"fail", "ignores-all critical certain of asterisk"}},
		"it has no action":                          {guarding(sip(jails.NoAction)), []string{"fail", "no-action critical certain of asterisk, ban-all-ports"}},
		"it has no action, and nftables are loaded": {guarding(sip(jails.NoAction)).with(func(o *Observed) { o.Tool = "nft" }), []string{"fail", "no-action critical certain of asterisk, ban-all-ports-nft"}},
		"a jail for others has no action":           {guarding(sshd(jails.NoAction)), []string{"pass"}},
		"a jail for others lost its log":            {guarding(sip(), sshd(jails.NoLogs)), []string{"warn", "no-logs warning likely of sshd"}},
		"a jail for others was never loaded":        {guarding(sip(), with(sshd(jails.NoLogs), func(j *jails.Jail) { j.Running = false })), []string{"pass"}},
		"the worst comes first":                     {guarding(sip(jails.LogEmpty, jails.NoAction)), []string{"fail", "no-action critical certain of asterisk, ban-all-ports", "log-empty warning likely of asterisk"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := resultOf(t, c.o)
			if diff := cmp.Diff(c.want, inFull(r)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for _, f := range r.Findings {
				if f.Title == "" || f.Explanation == "" || len(f.Evidence) == 0 || len(f.Fixes)+len(f.Advice) == 0 {
					t.Errorf("it does not say all: %+v", f)
				}
				if f.Subject == "asterisk" && c.o.State.Refusal != "" && len(f.Evidence) != 2 {
					t.Errorf("evidence %+v", f.Evidence)
				}
			}
		})
	}
}

// What the bans of now do to packets, in all that may come together.
func TestWhatBansDoAndWhatCuresThem(t *testing.T) {
	const noEffect = "no-effect critical certain of asterisk"
	action := func(file string, blocks bool) func(*Observed) {
		return func(o *Observed) { o.State.Jails[0].Actions = []jails.Action{{File: file, Blocks: blocks}} }
	}
	set := func(s ...SetFacts) func(*Observed) { return func(o *Observed) { o.tried().Sets = s } }
	forgets := func(seconds, ban int64, usedBy int) func(*Observed) {
		return func(o *Observed) {
			o.State.Jails[0].BanTime = ban
			o.tried().Sets = []SetFacts{{Name: "f2b-asterisk", UsedBy: usedBy, Holds: true, ForgetsS: seconds}}
		}
	}
	beside := func(j jails.Jail) func(*Observed) {
		return func(o *Observed) { o.State.Jails = append(o.State.Jails, j) }
	}
	tcp := func(faults ...jails.Fault) jails.Jail { return jail("asterisk-tcp", "/a", faults...) }
	const open, early = "ports-open critical certain of asterisk, ban-all-ports", "set-forgets warning likely of asterisk, ban-all-ports"
	const partly = "some-no-effect warning certain of asterisk"
	for name, c := range map[string]struct {
		o    Observed
		want []string
	}{
		"all are stopped":                        {guard(in(0), in(0), nil), []string{"pass"}},
		"all get in":                             {guard(in(2), in(2), nil), []string{"fail", noEffect + ", ban-again, ban-all-ports"}},
		"all get in, by nftables":                {guard(in(2), in(2), action("nftables-multiport", true)), []string{"fail", noEffect + ", ban-again, ban-all-ports"}},
		"all get in, by an action of somebody's": {guard(in(2), in(2), action("mine", true)), []string{"fail", noEffect + ", ban-all-ports"}},
		"all get in, by one that only counts":    {guard(in(2), in(2), action("iptables-multiport", false)), []string{"fail", noEffect + ", ban-all-ports"}},
		"all get in, though a set has them":      {guard(in(2), in(2), set(SetFacts{Name: "f2b-asterisk"})), []string{"fail", noEffect + ", ban-all-ports"}},
		"all get in, though a rule has them":     {guard(in(2), in(2), func(o *Observed) { o.tried().Rules = []string{"rule 1"} }), []string{"fail", noEffect + ", ban-all-ports"}},
		"all get in, to a container":             {guard(PortTry{In: 2, Onward: true}, in(2), nil), []string{"fail", noEffect + ", ban-forwarded"}},
		"another jail's packets go to a container": {guard(in(2), in(2), func(o *Observed) {
			o.Tried = append(o.Tried, Tried{Jail: "other", Count: 1, Ports: []PortTry{{Onward: true}}})
		}), []string{"fail", noEffect + ", ban-again, ban-all-ports"}},
		"UDP is open":                             {guard(in(2), in(0), nil), []string{"fail", open}},
		"UDP is open, and goes to a container":    {guard(PortTry{In: 2, Onward: true}, in(0), func(o *Observed) { o.Tool = "nft" }), []string{"fail", "ports-open critical certain of asterisk, ban-forwarded-nft"}},
		"UDP is open for one of them":             {guard(in(1), in(0), nil), []string{"warn", partly + ", ban-again"}},
		"for one of them, whom a rule names":      {guard(in(1), in(0), func(o *Observed) { o.tried().Rules = []string{"rule 1"} }), []string{"warn", partly}},
		"UDP for all of them, TCP for one":        {guard(in(2), in(1), nil), []string{"fail", open}},
		"another jail closes UDP":                 {guard(in(2), in(0), beside(tcp())), []string{"pass"}},
		"another jail closes it for that one":     {guard(in(1), in(0), beside(tcp())), []string{"pass"}},
		"another jail leaves it open, too":        {guard(in(2), in(0), beside(tcp(jails.Fault{Code: jails.PortsOpen, Detail: "udp/5060"}))), []string{"fail", open}},
		"another jail has no action":              {guard(in(2), in(0), beside(tcp(jails.Fault{Code: jails.NoAction}))), []string{"fail", open, "no-action critical certain of asterisk-tcp, ban-all-ports"}},
		"another jail does not run":               {guard(in(2), in(0), beside(with(tcp(), func(j *jails.Jail) { j.Running = false }))), []string{"fail", open}},
		"another jail is not for SIP":             {guard(in(2), in(0), beside(with(tcp(), func(j *jails.Jail) { j.SIP = false }))), []string{"fail", open}},
		"another jail matches other lines":        {guard(in(2), in(0), beside(with(tcp(), func(j *jails.Jail) { j.Filter = "mine" }))), []string{"fail", open}},
		"another jail watches another log":        {guard(in(2), in(0), beside(with(tcp(), func(j *jails.Jail) { j.Logs[0].Path = "/b" }))), []string{"fail", open}},
		"a set forgets them":                      {guard(in(0), in(0), forgets(600, 3600, 1)), []string{"warn", early}},
		"a set forgets them a second early":       {guard(in(0), in(0), forgets(3599, 3600, 1)), []string{"warn", early}},
		"a set forgets them in time":              {guard(in(0), in(0), forgets(3600, 3600, 1)), []string{"pass"}},
		"a set never forgets them":                {guard(in(0), in(0), forgets(0, -1, 1)), []string{"pass"}},
		"a set forgets those who never come back": {guard(in(0), in(0), forgets(longest-1, -1, 1)), []string{"warn", early}},
		"a set remembers as long as it can":       {guard(in(0), in(0), forgets(longest, -1, 1)), []string{"pass"}},
		"a set that no rule asks forgets":         {guard(in(0), in(0), forgets(600, 3600, 0)), []string{"pass"}},
		"a set forgets, and UDP is open":          {guard(in(2), in(0), forgets(600, 3600, 1)), []string{"fail", open}},
		"a set forgets, and one gets in":          {guard(in(1), in(0), forgets(600, 3600, 1)), []string{"warn", partly + ", ban-again", early}},
		"the rules do not tell of TCP":            {guard(in(0), PortTry{Unclear: 1, Reasons: words.Quotes([]string{"a limit"})}, nil), []string{"inconclusive"}},
		"they do not, and one gets in on UDP":     {guard(in(1), PortTry{Unclear: 1, Reasons: words.Quotes([]string{"a limit"})}, nil), []string{"warn", partly + ", ban-again"}},
		"nobody was tried":                        {guard(in(0), in(0), func(o *Observed) { o.tried().Count = 0 }), []string{"pass"}},
		"no port was tried":                       {guard(in(0), in(0), func(o *Observed) { o.tried().Ports = nil }), []string{"pass"}},
		"those of a jail that has gone since":     {guard(in(2), in(2), func(o *Observed) { o.tried().Jail = "gone" }), []string{"pass"}},
		"the settings leave a port open, bans do": {guard(in(2), in(0), func(o *Observed) {
			o.State.Jails[0].Faults = []jails.Fault{{Code: jails.PortsOpen, Detail: "udp/5060"}}
		}), []string{"fail", open}},
		"a log is empty, which a test of bans says": {guard(in(0), in(0), func(o *Observed) { o.State.Jails[0].Faults = []jails.Fault{{Code: jails.LogEmpty, Detail: "/a"}} }), []string{"warn", "log-empty warning likely of asterisk"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := resultOf(t, c.o)
			if diff := cmp.Diff(c.want, inFull(r)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if r.Status == checks.Inconclusive && !strings.Contains(r.Reason, "a limit") {
				t.Errorf("inconclusive because %q", r.Reason)
			}
		})
	}
}

// Settings that leave a port open: one finding for all jails, one cure a jail.
func TestPortsThatSettingsLeaveOpen(t *testing.T) {
	a, b := jail("a", "/a", open("udp/5060")...), jail("b", "/b", open("tcp/5060")...)
	for name, c := range map[string]struct {
		o       Observed
		want    []string
		cured   string // each jail that the cure names
		evident int
	}{
		"of one jail":           {guarding(a), []string{"warn", "ports-open warning likely, ban-all-ports"}, "a", 1},
		"of two":                {guarding(a, b), []string{"warn", "ports-open warning likely, ban-all-ports"}, "ab", 2},
		"of a jail for others":  {guarding(with(a, func(j *jails.Jail) { j.SIP = false })), []string{"pass"}, "", 0},
		"another jail closes":   {guarding(a, jail("b", "/a", open("tcp/5060")...)), []string{"pass"}, "", 0},
		"one closes one of two": {guarding(jail("a", "/a", open("udp/5060", "tcp/5060")...), jail("b", "/a", open("tcp/5060")...)), []string{"warn", "ports-open warning likely, ban-all-ports"}, "ab", 2},
	} {
		t.Run(name, func(t *testing.T) {
			r := resultOf(t, c.o)
			if diff := cmp.Diff(c.want, inFull(r)); diff != "" {
				t.Fatalf("(-want +got):\n%s", diff)
			}
			if c.evident == 0 {
				return
			}
			f := r.Findings[0]
			cured := ""
			for _, j := range []string{"a", "b"} {
				if strings.Contains(strings.Join(f.Fixes[0].Commands, "\n"), "restart "+j) {
					cured += j
				}
			}
			if cured != c.cured || len(f.Evidence) != c.evident {
				t.Errorf("the cure is for %q, %d lines of evidence", cured, len(f.Evidence))
			}
		})
	}
}

// Whom a jail must spare: by address or network, in all jails that do not, and
// each jail once.
func TestWhomAJailMustSpare(t *testing.T) {
	not := func(name string, who ...string) jails.Jail {
		j := jail(name, "/"+name)
		for _, a := range who {
			j.Faults = append(j.Faults, jails.Fault{Code: jails.NotIgnored, Detail: a})
		}
		return j
	}
	sshd := with(not("sshd", "192.0.2.7"), func(j *jails.Jail) { j.SIP = false })
	for name, c := range map[string]struct {
		must  string
		jails []jails.Jail
		want  string // the jails; empty: no finding
		cures int    // commands that name the address
	}{
		"an address":                     {"192.0.2.7/32", []jails.Jail{not("a", "192.0.2.7")}, "a", 1},
		"an address as a network of one": {"192.0.2.7/32", []jails.Jail{not("a", "192.0.2.7/32")}, "a", 1},
		"a network":                      {"192.0.2.0/24", []jails.Jail{not("a", "192.0.2.0/24")}, "a", 1},
		"a network whose first is named": {"192.0.2.0/24", []jails.Jail{not("a", "192.0.2.0")}, "", 0},
		"one of IPv6":                    {"2001:db8::7/128", []jails.Jail{not("a", "2001:db8::7")}, "a", 1},
		"two jails, in order":            {"192.0.2.7/32", []jails.Jail{not("b", "192.0.2.7"), not("a", "192.0.2.7")}, "a, b", 2},
		"one jail that says it twice":    {"192.0.2.7/32", []jails.Jail{not("a", "192.0.2.7", "192.0.2.7")}, "a", 1},
		"another address":                {"192.0.2.7/32", []jails.Jail{not("a", "192.0.2.8")}, "", 0},
		"a jail that is not about SIP":   {"192.0.2.7/32", []jails.Jail{sshd}, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			o := guarding(c.jails...)
			o.Must = []Must{{netip.MustParsePrefix(c.must), "you"}}
			r := resultOf(t, o)
			if c.want == "" {
				if r.Status != checks.Pass || len(r.Findings) > 0 {
					t.Errorf("%s: %+v", r.Status, r.Findings)
				}
				return
			}
			if r.Status != checks.Warn || len(r.Findings) != 1 {
				t.Fatalf("%s: %+v", r.Status, r.Findings)
			}
			f := r.Findings[0]
			if f.Severity != checks.Warning || f.Confidence != checks.Certain || !strings.HasSuffix(f.Evidence[0].Name, " "+c.want) {
				t.Errorf("%s %s %+v", f.Severity, f.Confidence, f.Evidence)
			}
			address := strings.TrimSuffix(strings.TrimSuffix(c.must, "/32"), "/128")
			n := 0
			for _, j := range c.jails {
				n += strings.Count(strings.Join(f.Fixes[0].Commands, "\n"), j.Name+" addignoreip "+address)
			}
			if len(f.Fixes) != 1 || n != c.cures {
				t.Errorf("%d jails are told of %s: %+v", n, address, f.Fixes)
			}
		})
	}
}

// A fail2ban that does not answer, and why.
func TestAFail2banThatDoesNotAnswer(t *testing.T) {
	sip := jails.Jail{Name: "asterisk", SIP: true, Enabled: true}
	off := jails.Jail{Name: "asterisk", SIP: true}
	noLog := func(name string, sip bool) jails.Jail {
		return jails.Jail{Name: name, SIP: sip, Enabled: true, Faults: []jails.Fault{{Code: jails.NoLogs, Detail: "/x"}}}
	}
	denied := []jails.Note{{What: words.Quote("the server"), Why: words.Quote("no"), Privilege: true}}
	asleep := func(st jails.State) Observed { st.Installed = true; return Observed{State: &st} }
	const journal, without = ", start-journal", ", start-without"
	for name, c := range map[string]struct {
		o       Observed
		want    []string
		evident int
	}{
		"it would start":                           {asleep(jails.State{Tested: true, Jails: []jails.Jail{sip}}), []string{"fail", "not-running critical certain, start-fail2ban"}, 1},
		"nobody tested whether it would":           {asleep(jails.State{Jails: []jails.Jail{sip}}), []string{"fail", "not-running critical certain, start-fail2ban"}, 0},
		"nothing is set for SIP":                   {asleep(jails.State{Tested: true, Jails: []jails.Jail{off}}), []string{"warn", "not-running warning certain, start-fail2ban"}, 1},
		"what is set is for others":                {asleep(jails.State{Tested: true, Jails: []jails.Jail{{Name: "sshd", Enabled: true}}}), []string{"warn", "not-running warning certain, start-fail2ban"}, 1},
		"it would not, for another reason":         {asleep(jails.State{Tested: true, Refusal: "no sections", Jails: []jails.Jail{sip}}), []string{"fail", "not-running critical certain"}, 1},
		"it would not, for lack of a log":          {asleep(jails.State{Tested: true, Refusal: "no log file for sshd jail", Jails: []jails.Jail{sip, noLog("sshd", false)}}), []string{"fail", "no-logs critical certain" + without}, 2},
		"the journal is at hand":                   {asleep(jails.State{Tested: true, Refusal: "no log file for sshd jail", Journal: true, Jails: []jails.Jail{sip, noLog("sshd", false)}}), []string{"fail", "no-logs critical certain" + journal + without}, 2},
		"a log is missing, and nobody tested":      {asleep(jails.State{Jails: []jails.Jail{sip, noLog("sshd", false)}}), []string{"fail", "no-logs critical likely" + without}, 1},
		"a log is missing, and it would start":     {asleep(jails.State{Tested: true, Jails: []jails.Jail{sip, noLog("sshd", false)}}), []string{"fail", "not-running critical certain, start-fail2ban"}, 1},
		"the jail for SIP has none, nor the other": {asleep(jails.State{Jails: []jails.Jail{noLog("asterisk", true)}}), []string{"fail", "no-logs critical likely" + without}, 1},
		"it runs and hangs":                        {asleep(jails.State{Hung: true, Notes: denied, Jails: []jails.Jail{sip}}), []string{"inconclusive"}, 0},
		"only root may ask":                        {asleep(jails.State{Notes: denied, Jails: []jails.Jail{sip}}), []string{"inconclusive"}, 0},
		"it is not in the bundle":                  {asleep(jails.State{Jails: []jails.Jail{sip}}).with(func(o *Observed) { o.NotCollected = true }), []string{"inconclusive"}, 0},
		"it runs, and its state was not collected": {guarding(jail("asterisk", "/a")).with(func(o *Observed) { o.NotCollected = true }), []string{"pass"}, 0},
		"it is not installed":                      {Observed{State: &jails.State{}}, []string{"skip"}, 0},
		"nothing was read":                         {Observed{}, []string{"skip"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := resultOf(t, c.o)
			if diff := cmp.Diff(c.want, inFull(r)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if len(r.Findings) > 0 && len(r.Findings[0].Evidence) != c.evident {
				t.Errorf("evidence %+v", r.Findings[0].Evidence)
			}
		})
	}
}

// Of several jails without a log it is the one that fail2ban complains of, else
// the first; to turn the jail for SIP off is a choice.
func TestWhichJailKeepsFail2banFromStarting(t *testing.T) {
	noLog := func(name string, sip bool) jails.Jail {
		return jails.Jail{Name: name, SIP: sip, Enabled: true, Faults: []jails.Fault{{Code: jails.LogMissing}, {Code: jails.NoLogs, Detail: "/x"}}}
	}
	list := []jails.Jail{{Name: "sound", Enabled: true}, noLog("sshd", false), noLog("nginx", false), noLog("asterisk", true), noLog("nginx-bad", false)}
	for refusal, c := range map[string]struct {
		jail   string
		choice bool
	}{
		"":                                 {"sshd", false},
		"Have not found any log file":      {"sshd", false},
		"no log file for nginx jail":       {"nginx", false},
		"no log file for nginx-bad jail":   {"nginx-bad", false},
		"no log file for asterisk jail":    {"asterisk", true},
		"no log file for somebody's  jail": {"sshd", false},
	} {
		r := resultOf(t, Observed{State: &jails.State{Installed: true, Refusal: refusal, Jails: list}})
		if len(r.Findings) != 1 || len(r.Findings[0].Fixes) != 1 {
			t.Fatalf("%q: %+v", refusal, r.Findings)
		}
		x := r.Findings[0].Fixes[0]
		if !strings.Contains(x.Commands[0], "["+c.jail+"]") || x.Choice != c.choice {
			t.Errorf("%q: %q, choice %v", refusal, x.Commands, x.Choice)
		}
	}
}

// At most three reasons why fail2ban did not answer are shown.
func TestWhyFail2banDidNotAnswerIsShown(t *testing.T) {
	note := jails.Note{What: words.Quote("the socket"), Why: words.Quote("no such file")}
	for notes, want := range map[int]int{0: 0, 1: 1, 3: 3, 4: 3} {
		st := &jails.State{Installed: true}
		for range notes {
			st.Notes = append(st.Notes, note)
		}
		r := resultOf(t, Observed{State: st})
		if len(r.Findings) != 1 || len(r.Findings[0].Evidence) != want || len(r.Notes) != notes {
			t.Errorf("%d notes: %+v", notes, r)
		}
	}
}

// The stable summary counts what is known, and of SIP's jails alone.
func TestTheFactsOfJails(t *testing.T) {
	o := guard(in(0), in(0), func(o *Observed) {
		sshd := jail("sshd", "/b")
		sshd.SIP = false
		silent := jail("asterisk-old", "/c", jails.Fault{Code: jails.LogEmpty, Detail: "/c"})
		silent.Running, silent.Banned = false, 7
		o.State.Jails = append(o.State.Jails, sshd, silent)
	})
	want := Facts{Installed: true, Running: true, Jails: []JailFacts{
		{Name: "asterisk", Running: true, Banned: 2, Tried: 2, Logs: []string{"/a"}, Faults: []string{}},
		{Name: "asterisk-old", Banned: unknownBans, Logs: []string{"/c"}, Faults: []string{jails.LogEmpty}},
	}}
	r := resultOf(t, o)
	if diff := cmp.Diff(any(want), r.Facts); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !strings.Contains(r.Summary, "asterisk (2 banned), asterisk-old (") || strings.Contains(r.Summary, "7") {
		t.Errorf("it sums up: %q", r.Summary)
	}
	if r := resultOf(t, guarding(jails.Jail{Name: "sshd", Running: true})); r.Summary != "no jail guards SIP" {
		t.Errorf("it sums up: %q", r.Summary)
	}
	if r := resultOf(t, guarding(jail("asterisk", "/a"))); !strings.HasPrefix(r.Summary, "SIP is watched") {
		t.Errorf("without a ban that was tried it sums up: %q", r.Summary)
	}
}

// Which reason is given for bans without effect hangs on where they stand.
func TestWhyBansHaveNoEffect(t *testing.T) {
	ban := &jails.Jail{Name: "asterisk", BanTime: 3600}
	set := func(name string, used int, holds bool) SetFacts {
		return SetFacts{Name: name, UsedBy: used, Holds: holds}
	}
	early := SetFacts{Name: "used", UsedBy: 1, ForgetsS: 60}
	zone := func(bans, packets string) Tried {
		return Tried{Rules: []string{"nft inet firewalld filter_IN_" + bans + "_deny rule 1: drop"}, Ports: []PortTry{{Rule: words.Quote("nft inet firewalld filter_IN_" + packets + "_allow rule 2: accept")}}}
	}
	for name, c := range map[string]struct {
		x    Tried
		want string
	}{
		"nothing knows of them":            {Tried{}, "no loaded rule or set"},
		"rules ask a set like theirs":      {Tried{Asked: []string{"used"}}, "no loaded rule or set"},
		"a set that no rule asks":          {Tried{Sets: []SetFacts{set("idle", 0, true)}}, "no rule uses the set idle"},
		"two of them":                      {Tried{Sets: []SetFacts{set("idle", 0, true), set("lazy", 0, true)}}, "no rule uses the sets idle, lazy"},
		"and rules ask another":            {Tried{Sets: []SetFacts{set("idle", 0, true)}, Asked: []string{"used"}}, "fills the set idle, but the rules use used"},
		"an empty set that no rule asks":   {Tried{Sets: []SetFacts{set("idle", 0, false)}}, "no loaded rule or set"},
		"they are in both":                 {Tried{Sets: []SetFacts{set("idle", 0, true), set("used", 1, true)}, Asked: []string{"used"}}, "the rules that use used do not stop"},
		"they are in the one that is used": {Tried{Sets: []SetFacts{set("used", 1, true)}}, "the rules that use used do not stop"},
		"they are not in it":               {Tried{Sets: []SetFacts{set("used", 1, false)}}, "they are not in used"},
		"the first of two has them":        {Tried{Sets: []SetFacts{set("first", 1, true), set("used", 2, false)}}, "do not stop"},
		"it has forgotten them":            {Tried{Sets: []SetFacts{early}}, "used drops them after 60 s"},
		"another holds them unasked":       {Tried{Sets: []SetFacts{early, set("idle", 0, true)}}, "no rule uses the set idle"},
		"a rule where no packet comes":     {Tried{Rules: []string{"ip filter old rule 1"}, Ports: []PortTry{{}}}, "these packets never reach its rules"},
		"another zone":                     {zone("public", "office"), "firewalld zone public, but these packets go through zone office"},
		"a rule outside all zones":         {zone("public", "x").with(func(x *Tried) { x.Ports[0].Rule = words.Quote("nft inet mine input rule 2: accept") }), "these packets never reach its rules"},
		"a ban outside all zones":          {zone("x", "public").with(func(x *Tried) { x.Rules[0] = "nft inet mine input rule 1: drop" }), "these packets never reach its rules"},
		"the same zone":                    {zone("public", "public"), "these packets never reach its rules"},
		"sent on to a container":           {Tried{Rules: []string{"x"}, Ports: []PortTry{{}, {Onward: true}}}, "forwarded"},
	} {
		if got := english(t, reason(ban, c.x)); !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// The evidence names who gets in by which rule, where the bans stand, and the
// line that sets the action.
func TestTheEvidenceOfABanThatStopsNobody(t *testing.T) {
	at := func(option string, line int) map[string]jails.Origin {
		return map[string]jails.Origin{option: {File: "jail.local", Line: line}}
	}
	both := at("action", 3)
	both["banaction"] = jails.Origin{File: "jail.local", Line: 4}
	for name, c := range map[string]struct {
		set  map[string]jails.Origin
		want string
	}{
		"nobody set an action":     {nil, ""},
		"action is set":            {at("action", 3), "jail.local:3"},
		"banaction is set":         {at("banaction", 4), "jail.local:4"},
		"both are: action decides": {both, "jail.local:3"},
	} {
		o := guard(in(2), in(2), func(o *Observed) {
			o.State.Jails[0].Set = c.set
			o.tried().Sets, o.tried().Rules = []SetFacts{{Name: "s"}}, []string{"rule 1"}
		})
		list := resultOf(t, o).Findings[0].Evidence
		last := list[len(list)-1].Got
		if n := 4 + min(len(c.set), 1); len(list) != n || c.want != "" && last != c.want {
			t.Errorf("%s: %d lines, the last %q, want %d and %q", name, len(list), last, n, c.want)
		}
	}
	for want, s := range map[string]SetFacts{
		"does not contain them, used by no rule": {}, "contains them, used by one rule": {Holds: true, UsedBy: 1}, "contains them, used by 2 rules": {Holds: true, UsedBy: 2},
	} {
		o := guard(in(2), in(2), func(o *Observed) { o.tried().Sets = []SetFacts{s} })
		if list := resultOf(t, o).Findings[0].Evidence; list[2].Got != want {
			t.Errorf("%+v: %q, want %q", s, list[2].Got, want)
		}
	}
}

// Names of chains are short, and a cut name does not end with a dash.
func TestTheNameOfAnActionFitsAChain(t *testing.T) {
	for jail, want := range map[string]string{"asterisk": "asterisk", strings.Repeat("a", 20): strings.Repeat("a", 20), strings.Repeat("a", 21): strings.Repeat("a", 20), strings.Repeat("a", 19) + "-b": strings.Repeat("a", 19)} {
		if got := jailVars(jail)["ActionName"]; got != want {
			t.Errorf("%s: %q", jail, got)
		}
	}
}

// What is started by hand stays, or says that it does not.
func TestWhatStartsAgainStays(t *testing.T) {
	if x := startJail("asterisk"); len(x) != 1 || !x[0].Persistent {
		t.Errorf("%+v", x)
	}
	x := startServer()
	x[0].Say(words.English)
	if len(x) != 1 || x[0].Persistent || x[0].Note == "" {
		t.Errorf("%+v", x)
	}
}

// A list in a sentence names its first and says how many more there are.
func TestHowListsAreWritten(t *testing.T) {
	for want, list := range map[string][]string{"a": {"a"}, "a, b": {"a", "b"}, "a, b and 1 more": {"a", "b", "c"}} {
		if got := english(t, checks.FirstN(list, 2)); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// english fills a message of this check.
func english(t *testing.T, say words.Text) string {
	t.Helper()
	s, err := checks.BookOf([]*checks.Check{Check()}).Fill(words.English, say)
	if err != nil {
		t.Error(err)
	}
	return s
}
