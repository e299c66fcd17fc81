package firewall

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	"github.com/sipdoctor/sipdoctor/platform/command"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// inFull is a result with all that a reader acts upon: how grave and how sure
// each finding is, how much evidence it has, and the cures.
func inFull(r checks.Result) []string {
	out := []string{string(r.Status)}
	for _, f := range r.Findings {
		line := strings.TrimPrefix(f.ID, "firewall.") + " " + string(f.Severity) + " " + string(f.Confidence) + strings.Repeat("*", len(f.Evidence))
		for _, x := range f.Fixes {
			line += ", " + x.ID
		}
		out = append(out, line)
	}
	return out
}

const all, first, second = "10000-20000", "10000-15000", "15001-20000"

func rtp(ports, verdict string) Part {
	return Part{Protocol: "udp", Ports: ports, Purpose: "rtp", Verdict: verdict, Rule: "rule"}
}

func sip(protocol, verdict string) Part {
	return Part{Protocol: protocol, Ports: "5060", Purpose: "sip", Verdict: verdict}
}

func because(p Part, reason string) Part { p.Reasons = []words.Reason{words.Quote(reason)}; return p }

func curable(p Part) Part {
	p.Allow = []packetfilter.RuleEdit{{
		Position: 1, IPTables: &command.IPTablesRule{Program: "iptables", Table: "filter", Chain: "INPUT", Position: 1}, Accept: []string{"-p", "udp", "-j", "ACCEPT"},
	}}
	return p
}

func (o Observed) with(change func(*Observed)) Observed { change(&o); return o }

// parts is a PBX whose Asterisk runs, with what its rules do.
func parts(list ...Part) Observed {
	return Observed{Asterisk: true, Running: true, RTP: all, Root: true, Parts: list}
}

// What is found, together and alone, and what the summary says of it.
func TestWhatTheFirewallOfAPBXComesTo(t *testing.T) {
	deaf := func(o *Observed) {
		o.Sockets = []Socket{{Protocol: "tcp", Port: 5060, Listening: true}, {Protocol: "udp", Port: 5060}, {Protocol: "tcp", Port: 5061}}
	}
	set := func(verdicts ...string) func(*Observed) {
		return func(o *Observed) {
			o.RTPSet = &RTPSet{Range: "21000-21999"}
			for _, v := range verdicts {
				o.RTPSet.Parts = append(o.RTPSet.Parts, rtp("21000-21999", v))
			}
		}
	}
	full := func(o *Observed) { o.RTPUse = &RTPUse{Ports: 40, Used: 40, Calls: 0} }
	limit := func(o *Observed) {
		o.Limits = []Limit{{Protocol: "udp", Ports: "5060", AtOnce: 5, Count: 5, Seconds: 30}}
	}
	at := func(o *Observed) { o.At = netip.MustParseAddr("192.0.2.5") }
	none := func(o *Observed) { o.Asterisk, o.Running = false, false }
	missing := func(o *Observed) { o.Missing = words.Quote("table guard") }
	const notListening, reload = "not-listening critical certain*", "rtp-not-reloaded warning certain"
	for name, c := range map[string]struct {
		o           Observed
		want        []string
		says, hides string // in the summary and the reason
	}{
		"open":                                {parts(rtp(all, "accept"), sip("udp", "accept")), []string{"pass"}, "UDP 5060 open", "at "},
		"open, SIP for those who are listed":  {parts(rtp(all, "accept"), sip("udp", "drop")), []string{"pass"}, "UDP 5060 for listed", " open, UDP"},
		"open, SIP perhaps":                   {parts(rtp(all, "accept"), sip("udp", "maybe")), []string{"pass"}, "UDP 5060 conditional", "listed"},
		"open at one address":                 {parts(rtp(all, "accept")).with(at), []string{"pass"}, "at 192.0.2.5", "Asterisk here"},
		"no Asterisk":                         {parts(rtp(all, "accept")).with(none), []string{"pass"}, "no Asterisk here", "192.0.2.5"},
		"no Asterisk, and no rules":           {Observed{Unread: true, RTP: all}, []string{"inconclusive"}, "not read", "no Asterisk here"},
		"nothing was asked":                   {parts(sip("udp", "accept")), []string{"inconclusive"}, "no RTP port", "guard"},
		"nothing was asked, and why":          {parts().with(missing), []string{"inconclusive"}, "guard", "is open"},
		"a half is closed":                    {parts(rtp(first, "accept"), curable(rtp(second, "drop"))), []string{"fail", "rtp-closed critical certain**, open-rtp"}, "15001-20000 (50 %) closed, 10000-15000 open", "all closed"},
		"all is closed":                       {parts(curable(rtp(first, "drop")), curable(rtp(second, "reject"))), []string{"warn", "rtp-closed warning certain***, open-rtp"}, "all closed", " open"},
		"all is closed, and nobody knows how": {parts(rtp(all, "drop")), []string{"warn", "rtp-closed warning certain**"}, "all closed", " open"},
		"it cannot be told":                   {parts(because(rtp(all, "maybe"), "geoip")), []string{"inconclusive"}, "geoip", "guard"},
		"it cannot be told, nor why":          {parts(rtp(all, "maybe")), []string{"inconclusive"}, "cannot be known", "guard"},
		"it cannot, as a table was not read":  {parts(rtp(first, "accept"), because(rtp(second, "maybe"), "geoip")).with(missing), []string{"inconclusive"}, "guard", "geoip"},
		"SIP alone cannot be told":            {parts(rtp(all, "accept"), because(sip("udp", "maybe"), "geoip")), []string{"pass"}, "is open", "geoip"},
		"two ports are deaf":                  {parts(rtp(all, "accept")).with(deaf), []string{"fail", notListening, notListening}, "not listen on UDP 5060", "is open"},
		"they are, and RTP is closed":         {parts(rtp(all, "drop")).with(deaf), []string{"fail", notListening, notListening, "rtp-closed warning certain**"}, "all closed", "not listen"},
		"rtp.conf was not read":               {parts(rtp(all, "accept")).with(set("accept")), []string{"warn", reload + "**, reload-rtp"}, "is open", "opens what"},
		"it was not, and that range is open":  {parts(rtp(all, "drop")).with(set("accept")), []string{"warn", reload + "**, reload-rtp"}, "opens what rtp.conf says", "all closed"},
		"it was not, and that is closed, too": {parts(rtp(all, "drop")).with(set("accept", "drop")), []string{"warn", "rtp-closed warning certain**", reload + "***, reload-rtp"}, "all closed", "opens what"},
		"it was not, and nobody asked of it":  {parts(rtp(all, "drop")).with(set()), []string{"warn", "rtp-closed warning certain**", reload + "*, reload-rtp"}, "all closed", "opens what"},
		"no port is free":                     {parts(rtp(all, "accept")).with(full), []string{"warn", "rtp-in-use warning certain**"}, "is open", "closed"},
		"SIP is limited":                      {parts(rtp(all, "accept")).with(limit), []string{"warn", "sip-limited warning certain*"}, "is open", "closed"},
		"all of it": {parts(rtp(all, "drop")).with(deaf).with(set("drop")).with(full).with(limit), []string{"fail", notListening, notListening, "rtp-closed warning certain**",
			reload + "**, reload-rtp", "rtp-in-use warning certain**", "sip-limited warning certain*"}, "all closed", "open"},
	} {
		t.Run(name, func(t *testing.T) {
			r := resultOf(t, c.o)
			if diff := cmp.Diff(c.want, inFull(r)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if text := r.Summary + "; " + r.Reason; !strings.Contains(text, c.says) || strings.Contains(text, c.hides) {
				t.Errorf("it says %q, want it with %q and without %q", text, c.says, c.hides)
			}
		})
	}
}

// An office sends 50 packets at once and repeats itself after ten seconds: a
// limit that lets fewer in shuts it out.
func TestWhichLimitsShutAnOfficeOut(t *testing.T) {
	for name, c := range map[string]struct {
		l    Limit
		want bool
	}{
		"49 at a time":                             {Limit{AtOnce: 49}, true},
		"50 at a time":                             {Limit{AtOnce: 50}, false},
		"nobody knows how many":                    {Limit{}, true},
		"49 in ten seconds":                        {Limit{Count: 49, Seconds: 10}, true},
		"50 in ten seconds":                        {Limit{Count: 50, Seconds: 10}, false},
		"4 a second":                               {Limit{AtOnce: 5, Count: 4, Seconds: 1}, true},
		"5 a second":                               {Limit{AtOnce: 5, Count: 5, Seconds: 1}, false},
		"1 a second, 49 at once":                   {Limit{AtOnce: 49, Count: 1, Seconds: 1}, true},
		"1 a second, 50 at once":                   {Limit{AtOnce: 50, Count: 1, Seconds: 1}, false},
		"30 in eleven seconds, and 22 at once":     {Limit{AtOnce: 22, Count: 30, Seconds: 11}, true},
		"30 in eleven seconds, and 23 at once":     {Limit{AtOnce: 23, Count: 30, Seconds: 11}, false},
		"6 a minute, and 48 at once":               {Limit{AtOnce: 48, Count: 6, Seconds: 60}, true},
		"6 a minute, and 49 at once":               {Limit{AtOnce: 49, Count: 6, Seconds: 60}, false},
		"45 in ten seconds, and 40 of them before": {Limit{AtOnce: 40, Count: 45, Seconds: 10}, true},
	} {
		if got := c.l.tight(); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// Several limits are one finding, about the first that an office meets.
func TestSeveralLimits(t *testing.T) {
	limit := func(atOnce int) Limit { return Limit{Protocol: "udp", Ports: fmt.Sprint(atOnce), AtOnce: atOnce} }
	for name, c := range map[string]struct {
		list []Limit
		port string // that the title is about; empty: no finding
		more int
	}{
		"none":                 {nil, "", 0},
		"one that is generous": {[]Limit{limit(500)}, "", 0},
		"one":                  {[]Limit{limit(5)}, "UDP 5", 0},
		"one of two":           {[]Limit{limit(500), limit(5)}, "UDP 5", 0},
		"two":                  {[]Limit{limit(9), limit(5)}, "UDP 5", 1},
		"three":                {[]Limit{limit(5), limit(9), limit(7)}, "UDP 5", 2},
	} {
		list := limited(c.list)
		if c.port == "" {
			if len(list) > 0 {
				t.Errorf("%s: %+v", name, list)
			}
			continue
		}
		if len(list) != 1 || list[0].Args["port"] != c.port || list[0].Args["more"] != c.more || len(list[0].Evidence) != c.more+1 {
			t.Errorf("%s: %+v", name, list)
		}
	}
	for want, l := range map[string]Limit{
		"a number of new connections for all senders together": {},
		"5 new connections at a time for all senders together": {AtOnce: 5},
		"6 new connections in 5 s for all senders together":    {AtOnce: 5, Count: 6, Seconds: 5},
		"a number of packets for all senders together":         {Packets: true},
		"a number of new connections per address":              {Address: true},
	} {
		got, err := checks.BookOf([]*checks.Check{Check()}).Fill(words.English, l.limit())
		if got != want || err != nil {
			t.Errorf("%+v: %q, %v, want %q", l, got, err, want)
		}
	}
}

// Fewer than a tenth of the pairs free are next to none; more ports than eight
// for each call, and one call more, have leaked.
func TestWhenRTPPortsAreScarceOrLeaked(t *testing.T) {
	for name, c := range map[string]struct {
		u           *RTPUse
		scarce      bool
		leak, known bool
	}{
		"nobody counted":                         {nil, false, false, false},
		"one port is no pair":                    {&RTPUse{Ports: 1}, false, false, false},
		"one pair, free":                         {&RTPUse{Ports: 2, Free: 1}, false, false, false},
		"one pair, held":                         {&RTPUse{Ports: 2, Used: 2, Calls: 1}, true, false, true},
		"nineteen of two hundred pairs":          {&RTPUse{Ports: 400, Free: 19, Used: 362, Calls: 100}, true, false, true},
		"twenty of two hundred":                  {&RTPUse{Ports: 400, Free: 20, Used: 360, Calls: 100}, false, false, false},
		"sixteen ports held by one call":         {&RTPUse{Ports: 16, Used: 16, Calls: 1}, true, false, true},
		"seventeen":                              {&RTPUse{Ports: 18, Used: 17, Calls: 1}, true, true, true},
		"eight ports held by none":               {&RTPUse{Ports: 8, Used: 8}, true, false, true},
		"nine":                                   {&RTPUse{Ports: 10, Used: 9}, true, true, true},
		"many, and nobody knows of calls":        {&RTPUse{Ports: 40, Used: 40, Calls: -1}, true, false, false},
		"many, and Asterisk says how many calls": {&RTPUse{Ports: 40, Used: 40, Calls: 10, Program: "asterisk"}, true, false, true},
	} {
		list := rtpExhausted(c.u, all)
		if (len(list) > 0) != c.scarce {
			t.Errorf("%s: %v", name, list)
			continue
		}
		for _, f := range list {
			if f.Args["leaked"] != c.leak || (f.Args["calls"] == -1) == c.known {
				t.Errorf("%s: %v", name, f.Args)
			}
		}
	}
}
