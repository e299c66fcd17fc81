package asteriskstate

import (
	"cmp"
	"net/netip"
	"regexp"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/netinfo/asterisk"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// view is what the judges look at.
type view struct {
	o      Observed
	s      *asterisk.Shown
	phones []line // that register
	trunks []line // with a fixed address
	// identified are the endpoints that an identify section names.
	identified map[string]bool
	told       map[string]bool
	places     map[netip.Addr]netip.Addr // the first address of a network that several are in
}

// judges look for one kind of fault each, the surest first.
func judges() []func(*view) []checks.Finding {
	return []func(*view) []checks.Finding{
		transports, modules, unloadedObjects, chanSIPAbsent,
		noPhones, privateContacts, silentPhones, gonePhones, slowPhones, unmonitored,
		registrations, silentTrunks, otherPort,
		invalidEndpoints, endpointsWithoutAOR, endpointsWithoutAuth, closedAORs, fullAORs, missingObjects, overlaps,
		channels, ringing, rtp,
		unregistered,
	}
}

func judge(o Observed, _ *netinfo.Host) checks.Judgement {
	v := &view{o: o, s: &o.Shown, told: map[string]bool{}, places: map[netip.Addr]netip.Addr{}}
	for _, group := range o.Neighbours {
		for _, a := range group {
			v.places[a] = group[0]
		}
	}
	v.sort()
	var j checks.Judgement
	for _, look := range judges() {
		j.Findings = append(j.Findings, look(v)...)
	}
	checks.WorstFirst(j.Findings)
	j.Facts, j.Notes = v.facts(), v.notes()
	j.Summary = v.summary()
	switch {
	case len(j.Findings) > 0 && j.Findings[0].Severity != checks.Info:
		j.Summary = j.Findings[0].Message()
	case o.Asked == "nobody" || o.Asked == "":
		j.Summary, j.Skip = words.Say("asterisk-state.summary.nothing", nil), words.Say("asterisk-state.skip.none", nil)
	case o.Asked == "silent":
		j.Summary, j.Inconclusive = words.Say("asterisk-state.summary.unasked", nil), v.why("asterisk-state.reason.silent")
	case !v.s.Says():
		j.Summary, j.Inconclusive = words.Say("asterisk-state.summary.unknown", nil), v.why("asterisk-state.reason.unknown")
	case !v.listed():
		j.Summary, j.Inconclusive = words.Say("asterisk-state.summary.unasked", nil), words.Say("asterisk-state.reason.no-listing", nil)
	case v.s.Cut > 0:
		j.Summary, j.Inconclusive = words.Say("asterisk-state.summary.cut", words.Args{"n": v.s.Cut}), words.Say("asterisk-state.reason.cut", nil)
	}
	return j
}

// listed reports whether something was listed that can be judged.
func (v *view) listed() bool {
	for _, c := range v.s.Commands {
		if c != asterisk.ShowVersion && c != asterisk.ShowUptime && c != asterisk.ShowSIPSettings && c != asterisk.ShowRTP {
			return true
		}
	}
	return len(v.s.Missing) > 0 || v.o.Asked == "text" && v.s.RTP != nil
}

// why is the reason id with what the first note says, where there is one.
func (v *view) why(id string) words.Text {
	if len(v.o.Notes) > 0 {
		return v.o.Notes[0].Text()
	}
	return words.Say(id, nil)
}

func (v *view) summary() words.Text {
	f := v.facts()
	registered := 0
	for _, r := range f.Registrations {
		if r.Status == "Registered" {
			registered++
		}
	}
	answer, silent := 0, 0
	for _, p := range v.phones {
		switch p.state {
		case fine, late:
			answer++
		case unasked:
			silent++
		}
	}
	return words.Say("asterisk-state.summary.fine", words.Args{
		"phones": answer, "unmonitored": silent, "registered": registered, "registrations": len(f.Registrations), "channels": len(v.s.Channels),
	})
}

func (v *view) facts() Facts {
	f := Facts{
		Version: v.s.Version, UptimeS: v.s.UptimeS, Peers: map[string]int{}, Endpoints: map[string]int{}, Contacts: map[string]int{},
		Registrations: []Registration{}, Channels: Channels{Total: len(v.s.Channels), States: map[string]int{}, OldestS: -1},
	}
	for _, p := range v.s.Peers {
		state := cmp.Or(p.Status, "cut")
		if !p.Host.IsValid() {
			state = "unregistered"
		}
		f.Peers[state]++
	}
	for _, e := range v.s.Endpoints {
		f.Endpoints[e.State]++
	}
	for _, c := range v.s.Contacts {
		f.Contacts[c.Status]++
	}
	for _, r := range v.s.Registrations {
		f.Registrations = append(f.Registrations, Registration{r.Driver, r.Name, r.Server, r.Status})
	}
	for _, c := range v.s.Channels {
		f.Channels.States[c.State]++
		f.Channels.OldestS = max(f.Channels.OldestS, c.AgeS)
	}
	return f
}

// notes tell what could not be read.
func (v *view) notes() []words.Text {
	list := words.Texts(v.o.Notes)
	for _, s := range v.o.Sources {
		if s.Error != "" {
			list = append(list, words.Say("asterisk-state.note.unread", words.Args{"file": words.Raw(s.Name), "why": s.Error}))
		}
	}
	if v.s.Cut > 0 {
		list = append(list, words.Say("asterisk-state.note.cut", words.Args{"n": v.s.Cut}))
	}
	return list
}

// mostRows is how many rows a finding quotes: a screen's worth.
const mostRows = 8

// quote makes evidence of rows, in the words that Asterisk printed.
func (v *view) quote(command string, rows ...asterisk.Row) (list []checks.Evidence) {
	for _, r := range rows[:min(len(rows), mostRows)] {
		file, at := v.where(r)
		list = append(list, checks.Proof(words.Say("asterisk-state.evidence.row", words.Args{"command": command, "several": file != "", "file": file, "line": at}), nil, words.Raw(r.Text)))
	}
	if more := len(rows) - mostRows; more > 0 {
		list = append(list, checks.Proof(words.Say("asterisk-state.evidence.more", nil), nil, more))
	}
	return list
}

// where is the line of a saved text that a row is from, and its file where several were
// read.
func (v *view) where(r asterisk.Row) (file words.Raw, line int) {
	if v.o.Asked != "text" {
		return "", 0
	}
	line = r.Line
	for _, s := range v.o.Sources {
		if s.FirstLine > r.Line {
			break
		}
		line = r.Line - s.FirstLine + 1
		if len(v.o.Sources) > 1 {
			file = words.Raw(s.Name)
		}
	}
	return file, line
}

// tame is what names usually are made of. Others are shown in quotation marks and
// are in no command.
var tame = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.+@/;:-]{0,79}$`)

// named shows a name that a stranger may have chosen.
func named(name string) any {
	if tame.MatchString(name) {
		return name
	}
	return words.Raw(name)
}

// some names the first of a list.
func some(names []string) words.Text {
	var list []any
	for _, n := range names {
		list = append(list, named(n))
	}
	return checks.FirstN(list, 5)
}
