package fail2ban

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
	jails "github.com/sipdoctor/sipdoctor/netinfo/fail2ban"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// guard is a fail2ban with one jail that bans two addresses on two ports; each
// gets in where the test says.
func guard(udp, tcp PortTry, change func(*Observed)) Observed {
	udp.Protocol, udp.Port, tcp.Protocol, tcp.Port = "udp", 5060, "tcp", 5060
	for _, p := range []*PortTry{&udp, &tcp} {
		for _, a := range []string{"192.0.2.7", "192.0.2.8"}[:p.In] {
			p.Through = append(p.Through, netip.PrefixFrom(netip.MustParseAddr(a), 32))
		}
	}
	j := jail("asterisk", "/a")
	j.Enabled, j.BansKnown, j.Banned, j.BanTime = true, true, 2, 3600
	j.Actions = []jails.Action{{File: "iptables-multiport", Blocks: true}}
	o := Observed{Tool: "iptables", State: &jails.State{Installed: true, Running: true, Jails: []jails.Jail{j}},
		Tried: []Tried{{Jail: "asterisk", Count: 2, Ports: []PortTry{udp, tcp}}}}
	if change != nil {
		change(&o)
	}
	return o
}

func (o *Observed) tried() *Tried { return &o.Tried[0] }

func TestWhatTheBansOfNowStop(t *testing.T) {
	const allPorts = "iptables-allports[name=asterisk-sip, protocol=all]"
	for _, tt := range []struct {
		name     string
		o        Observed
		id       string // of the first finding; empty: none
		severity checks.Severity
		says     string
		cure     string // a part of the first cure
		unclear  bool
	}{
		{name: "both are stopped on both ports", o: guard(PortTry{}, PortTry{}, nil)},
		{"both get in everywhere, and no rule knows of them", guard(PortTry{In: 2}, PortTry{In: 2}, nil),
			"fail2ban.no-effect", checks.Critical, "they are in no loaded rule or set", "fail2ban-client restart asterisk", false},
		{"by an action that is not fail2ban's own", guard(PortTry{In: 2}, PortTry{In: 2}, func(o *Observed) { o.State.Jails[0].Actions[0].File = "mine" }),
			"fail2ban.no-effect", checks.Critical, "no loaded rule", allPorts, false},
		{"they are in a set that no rule asks", guard(PortTry{In: 2}, PortTry{In: 2}, func(o *Observed) {
			o.tried().Sets = []SetFacts{{Name: "f2b-asterisk"}, {Name: "f2b-asterisk-udp", Holds: true}}
			o.tried().Sets[0].UsedBy, o.tried().Asked = 1, []string{"f2b-asterisk"}
		}), "fail2ban.no-effect", checks.Critical, "it fills the set f2b-asterisk-udp, but the rules use f2b-asterisk", allPorts, false},
		{"the set has forgotten them", guard(PortTry{In: 2}, PortTry{In: 2}, func(o *Observed) {
			o.tried().Sets = []SetFacts{{Name: "f2b-asterisk", UsedBy: 1, ForgetsS: 600}}
		}), "fail2ban.no-effect", checks.Critical, "the set f2b-asterisk drops them after 10 min", allPorts, false},
		{"their rule stands where nothing comes", guard(PortTry{In: 2}, PortTry{In: 2}, func(o *Observed) {
			o.tried().Rules = []string{"iptables-nft ip filter f2b-old rule 1: -j DROP"}
		}), "fail2ban.no-effect", checks.Critical, "these packets never reach its rules", allPorts, false},
		{"their rule stands in another zone", guard(PortTry{In: 2, Rule: words.Quote("nft inet firewalld filter_IN_my_office_allow rule 2: accept")}, PortTry{In: 2}, func(o *Observed) {
			o.tried().Rules = []string{"nft inet firewalld filter_IN_public_deny rule 1: drop"}
		}), "fail2ban.no-effect", checks.Critical, "are in firewalld zone public, but these packets go through zone my_office", allPorts, false},
		{"the packets are sent on to a container", guard(PortTry{In: 2, Onward: true}, PortTry{In: 2, Onward: true}, func(o *Observed) {
			o.Chain = "DOCKER-USER"
			o.tried().Rules = []string{"iptables-nft ip filter f2b-asterisk rule 1: -j DROP"}
		}), "fail2ban.no-effect", checks.Critical, "they are in INPUT, and the packets are forwarded", "iptables-allports[name=asterisk-sip, protocol=all, chain=DOCKER-USER]", false},
		{"UDP is left open", guard(PortTry{In: 2}, PortTry{}, nil), "fail2ban.ports-open", checks.Critical, "leaves udp/5060 open", allPorts, false},
		{"UDP is left open, where nftables rules alone are loaded", guard(PortTry{In: 2}, PortTry{}, func(o *Observed) { o.Tool = "nft" }),
			"fail2ban.ports-open", checks.Critical, "leaves udp/5060 open", `nftables-allports[name=asterisk-sip, protocol="tcp,udp"]`, false},
		{"one of two gets in", guard(PortTry{In: 1}, PortTry{In: 1}, nil), "fail2ban.some-no-effect", checks.Warning, "bans 192.0.2.7, which gets in on udp/5060, tcp/5060", "fail2ban-client restart asterisk", false},
		{"the set forgets too early", guard(PortTry{}, PortTry{}, func(o *Observed) {
			o.tried().Sets = []SetFacts{{Name: "f2b-asterisk", UsedBy: 1, Holds: true, ForgetsS: 3599}}
		}), "fail2ban.set-forgets", checks.Warning, "end after 3,599 s instead of after 3,600 s", allPorts, false},
		{"the set forgets, and the ban is for good", guard(PortTry{}, PortTry{}, func(o *Observed) {
			o.State.Jails[0].BanTime = -1
			o.tried().Sets = []SetFacts{{Name: "f2b-asterisk", UsedBy: 1, Holds: true, ForgetsS: 86400}}
		}), "fail2ban.set-forgets", checks.Warning, "end after 86,400 s instead of never", allPorts, false},
		{name: "the set forgets when the ban ends", o: guard(PortTry{}, PortTry{}, func(o *Observed) {
			o.tried().Sets = []SetFacts{{Name: "f2b-asterisk", UsedBy: 1, Holds: true, ForgetsS: 3600}}
		})},
		{name: "the rules do not tell", o: guard(PortTry{Unclear: 2, Reasons: words.Quotes([]string{"limit: 6 a second"})}, PortTry{}, nil), unclear: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			j := resultOf(t, tt.o)
			if (j.Reason != "") != tt.unclear {
				t.Errorf("inconclusive: %q", j.Reason)
			}
			if tt.id == "" {
				if len(j.Findings) > 0 || !tt.unclear && j.Summary != "SIP is guarded by asterisk (2 banned)" {
					t.Errorf("%q: %+v", j.Summary, j.Findings)
				}
				return
			}
			if len(j.Findings) == 0 {
				t.Fatalf("nothing is found: %q", j.Summary)
			}
			f := j.Findings[0]
			if f.ID != tt.id || f.Severity != tt.severity || !strings.Contains(f.Title, tt.says) {
				t.Errorf("%s %s: %q, want %s %s with %q", f.ID, f.Severity, f.Title, tt.id, tt.severity, tt.says)
			}
			if len(f.Fixes) == 0 || !strings.Contains(strings.Join(f.Fixes[0].Commands, "\n"), tt.cure) {
				t.Errorf("the cure is %+v, without %q", f.Fixes, tt.cure)
			}
			if guarded := strings.HasPrefix(j.Summary, "SIP is guarded"); guarded == (tt.severity == checks.Critical) {
				t.Errorf("it sums up: %q", j.Summary)
			}
		})
	}
}

// What becomes of real bans counts more than what the settings promise.
func TestSettingsAreNoProofAgainstPackets(t *testing.T) {
	o := guard(PortTry{}, PortTry{}, func(o *Observed) { o.State.Jails[0].Faults = open("udp/5060") })
	if j := judge(o, nil); len(j.Findings) > 0 {
		t.Errorf("another layer stops the banned on UDP: %+v", j.Findings)
	}
	o = guard(PortTry{}, PortTry{}, func(o *Observed) { o.State.Jails[0].Faults = []jails.Fault{{Code: jails.NoAction}} })
	if j := judge(o, nil); len(j.Findings) > 0 {
		t.Errorf("an action of somebody's own stops the banned: %+v", j.Findings)
	}
}

// Two jails that ban for the same lines, one on each protocol, close both.
func TestAJailThatHasAnotherBesideIt(t *testing.T) {
	o := guard(PortTry{}, PortTry{In: 2}, func(o *Observed) {
		o.State.Jails = append(o.State.Jails, jail("asterisk-tcp", "/a", open("udp/5060")...))
	})
	if j := judge(o, nil); len(j.Findings) > 1 || len(j.Findings) == 1 && j.Findings[0].Severity == checks.Critical {
		t.Errorf("%+v", j.Findings)
	}
}

func TestFail2banThatDoesNotStart(t *testing.T) {
	noLog := jails.Jail{Name: "sshd", Enabled: true, Faults: []jails.Fault{{Code: jails.NoLogs, Detail: "/var/log/auth.log", Where: jails.Origin{File: "jail.local", Line: 8}}}}
	sip := jails.Jail{Name: "asterisk", Filter: "asterisk", SIP: true, Enabled: true}
	for _, tt := range []struct {
		name     string
		st       jails.State
		writes   []string
		severity checks.Severity
		says     string
		cure     string
	}{
		{"one jail has no log, and fail2ban can read the journal", jails.State{Tested: true, Refusal: "Have not found any log file for sshd jail", Journal: true, Jails: []jails.Jail{sip, noLog}}, nil,
			checks.Critical, "Jail sshd is enabled and its log /var/log/auth.log is missing: fail2ban refuses to start", `printf '[sshd]\nbackend = systemd\n'`},
		{"nor can it read the journal", jails.State{Tested: true, Refusal: "Have not found any log file for sshd jail", Jails: []jails.Jail{sip, noLog}}, nil,
			checks.Critical, "refuses to start", `printf '[sshd]\nenabled = false\n'`},
		{"the jail for SIP has no log, and Asterisk writes another", jails.State{Tested: true, Refusal: "Have not found any log file for asterisk jail", Jails: []jails.Jail{
			{Name: "asterisk", SIP: true, Enabled: true, Faults: []jails.Fault{{Code: jails.NoLogs, Detail: "/var/log/asterisk/fail2ban"}, {Code: jails.LogMissing, Detail: "/var/log/asterisk/fail2ban"}}}}},
			[]string{"/var/log/asterisk/full"}, checks.Critical, "/var/log/asterisk/fail2ban is missing", `logpath = /var/log/asterisk/full\n`},
		{"no jail guards SIP", jails.State{Tested: true, Refusal: "Have not found any log file for sshd jail", Jails: []jails.Jail{noLog}}, nil,
			checks.Warning, "refuses to start", `printf '[sshd]\nenabled = false\n'`},
		{"it refuses for another reason", jails.State{Tested: true, Refusal: "File contains no section headers.", Jails: []jails.Jail{sip}}, nil,
			checks.Critical, "fail2ban refuses to start: File contains no section headers", ""},
		{"it would start", jails.State{Tested: true, Jails: []jails.Jail{sip}}, nil,
			checks.Critical, "fail2ban is installed but not running", "systemctl start fail2ban"},
		{"a log is missing and it would start all the same", jails.State{Tested: true, Jails: []jails.Jail{sip, noLog}}, nil,
			checks.Critical, "fail2ban is installed but not running", "systemctl start fail2ban"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.st.Installed = true
			j := resultOf(t, Observed{State: &tt.st, Writes: tt.writes})
			if len(j.Findings) != 1 {
				t.Fatalf("%d findings: %+v", len(j.Findings), j.Findings)
			}
			f := j.Findings[0]
			if f.Severity != tt.severity || !strings.Contains(f.Title, tt.says) {
				t.Errorf("%s %q, want %s with %q", f.Severity, f.Title, tt.severity, tt.says)
			}
			first := ""
			if len(f.Fixes) > 0 {
				first = f.Fixes[0].Commands[0]
			}
			if tt.cure == "" != (first == "") || !strings.Contains(first, tt.cure) {
				t.Errorf("the cure is %q, want %q", first, tt.cure)
			}
			if strings.Contains(j.Summary, "0 banned") {
				t.Errorf("nobody said how many are banned: %q", j.Summary)
			}
		})
	}
}

// Nobody but root is told the bans.
func TestBansThatWereNotReadAreNotNone(t *testing.T) {
	st := &jails.State{Installed: true, Jails: []jails.Jail{{Name: "asterisk", SIP: true, Enabled: true}}, Notes: []jails.Note{{What: words.Quote("the server"), Why: words.Quote("no"), Privilege: true}}}
	j := resultOf(t, Observed{State: st})
	if f := j.Facts.(Facts); j.Reason == "" || strings.Contains(j.Summary, "0 banned") || f.Jails[0].Banned != -1 {
		t.Errorf("%q, inconclusive %q, %d banned", j.Summary, j.Reason, f.Jails[0].Banned)
	}
}

func TestJailsAndTheirLogs(t *testing.T) {
	running := func(change func(*jails.Jail)) Observed {
		j := jail("asterisk", "/var/log/asterisk/messages")
		j.Enabled = true
		change(&j)
		return Observed{State: &jails.State{Installed: true, Running: true, Jails: []jails.Jail{j}}, LogDir: "/var/log/asterisk", LogsListed: true, Writes: []string{"/var/log/asterisk/messages"}}
	}
	fault := func(code, detail string) func(*jails.Jail) {
		return func(j *jails.Jail) { j.Faults = []jails.Fault{{Code: code, Detail: detail}} }
	}
	for _, tt := range []struct {
		name     string
		o        Observed
		id       string
		severity checks.Severity
	}{
		{"Asterisk writes it", running(func(*jails.Jail) {}), "", ""},
		{"Asterisk writes it, and nothing has happened since it was rotated", running(fault(jails.LogEmpty, "/var/log/asterisk/messages")), "", ""},
		{"it is empty, and Asterisk writes another", running(fault(jails.LogEmpty, "/var/log/asterisk/fail2ban")), "fail2ban.log-empty", checks.Warning},
		{"it does not exist", running(fault(jails.LogMissing, "/var/log/asterisk/fail2ban")), "fail2ban.log-missing", checks.Critical},
		{"logger.conf does not name it", running(fault(jails.LogNotWritten, "/var/log/asterisk/fail2ban")), "fail2ban.log-not-written", checks.Critical},
		{"it has no failures in it by logger.conf", running(fault(jails.LogNoFailures, "/var/log/asterisk/messages")), "fail2ban.log-no-failures", checks.Critical},
		{"logger.conf was changed, and Asterisk has not read it", running(func(j *jails.Jail) { j.Logs[0].Path = "/var/log/asterisk/fail2ban" }), "fail2ban.log-not-written", checks.Critical},
		{"Asterisk writes it as JSON", func() Observed {
			o := running(func(*jails.Jail) {})
			o.Writes, o.JSON = nil, []string{"/var/log/asterisk/messages"}
			return o
		}(), "fail2ban.log-format", checks.Critical},
		{"it ignores half of the Internet", running(fault(jails.IgnoresAll, "0.0.0.0/1")), "fail2ban.ignores-all", checks.Critical},
		{"a log elsewhere is no log of Asterisk", running(func(j *jails.Jail) { j.Logs[0].Path = "/var/log/syslog" }), "", ""},
		{"the jail counts nothing of what is in it", running(func(j *jails.Jail) {
			j.Unseen = &jails.Unseen{Count: 12, Line: "Failed to authenticate"}
			fault(jails.NotSeen, "/var/log/asterisk/messages")(j)
		}), "fail2ban.not-seen", checks.Critical},
		{"the journal has nothing for it", running(func(j *jails.Jail) {
			j.Backend = "systemd"
			fault(jails.EmptyJournal, "_SYSTEMD_UNIT=asterisk.service")(j)
		}), "fail2ban.empty-journal", checks.Critical},
		{"the jail is on and does not run", running(func(j *jails.Jail) { j.Running = false; fault(jails.NotRunning, "")(j) }), "fail2ban.not-running", checks.Critical},
		{"it only sends mail", running(fault(jails.NoAction, "")), "fail2ban.no-action", checks.Critical},
		{"another jail lost its log", func() Observed {
			o := running(func(*jails.Jail) {})
			o.State.Jails = append(o.State.Jails, jails.Jail{Name: "sshd", Enabled: true, Running: true, Faults: []jails.Fault{{Code: jails.NoLogs, Detail: "/var/log/auth.log"}}})
			return o
		}(), "fail2ban.no-logs", checks.Warning},
	} {
		t.Run(tt.name, func(t *testing.T) {
			j := judge(tt.o, nil)
			switch {
			case tt.id == "" && len(j.Findings) == 0:
			case len(j.Findings) != 1 || j.Findings[0].ID != tt.id || j.Findings[0].Severity != tt.severity:
				t.Errorf("want %s %s, got %+v", tt.id, tt.severity, j.Findings)
			}
		})
	}
}
