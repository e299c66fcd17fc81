package blocked

import (
	"net/netip"
	"slices"
	"time"

	"github.com/sipdoctor/sipdoctor/checks/internal/pbx"
	"github.com/sipdoctor/sipdoctor/netinfo/bans"
	"github.com/sipdoctor/sipdoctor/netinfo/fail2ban"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
)

// step adds to the answer about a subject what follows from what was read and
// from the steps before it. It is pure: it changes neither.
type step struct {
	do func(question, Subject) Subject
	// filter: it asks the packet filter, and is left out where that was not read.
	filter bool
}

// steps are all steps in their order.
func steps() []step {
	return []step{
		{question.paths, true},         // what the packet filter does with each kind of packet
		{question.filterBlocks, true},  // the rules, elements and lists that stop the subject, or are meant to
		{question.nearRecent, true},    // lists of "recent" that count it towards a ban
		{question.everyPort, true},     // of the gateway and the administrator: bans on other ports
		{question.bans, false},         // what fail2ban and the other layers hold, and whose the filter's objects are
		{question.failures, false},     // what the logs show, and which jails count it
		{question.firstOfRange, false}, // why a banned network stops only its first address
		{question.unusedSets, false},   // why a ban in a set that no rule asks stops nothing
		{question.accessLists, false},  // what Asterisk itself refuses
		{question.flows, false},        // connections that a ban spares
	}
}

// evaluated returns o with the answers about all subjects, or about those that were
// evaluated before stop reported true.
func (o Observed) evaluated(r Read, rules *packetfilter.Ruleset, wording *packetfilter.Wording, steps []step, stop func() bool) Observed {
	e := &evaluator{Read: r, rules: rules, wording: wording, when: o.When, strangers: map[string]bool{}}
	o.Machine.Docker = pbx.ForwardChain(rules) == pbx.DockerUser
	o.Subjects = nil
	for _, a := range r.Asked {
		q, s := e.about(a)
		for _, step := range steps {
			if !step.filter || !slices.Contains(o.Unread, layerFilter) {
				s = step.do(q, s)
			}
		}
		if o.Subjects = append(o.Subjects, s); stop() {
			break
		}
	}
	if r.FlowsUnread != "" && slices.ContainsFunc(o.Subjects, sparesFlows) {
		o.Notes = append(slices.Clone(o.Notes), r.FlowsUnread)
	}
	return o
}

// about is the question about one subject, and its answer before the first step.
func (e *evaluator) about(a Asked) (question, Subject) {
	s := Subject{Address: a.Address, Roles: a.Roles, Use: a.Use, Phones: a.Phones, Unread: e.Missing4}
	if a.Address.Addr().Is6() {
		s.Unread = e.Missing6
	}
	return question{evaluator: e, Asked: a, ports: portsFor(a.Use, e.Ports)}, s
}

// opened evaluates what o carries, if it does. ok is false when that is lost.
func (o Observed) opened() (_ Observed, ok bool) {
	if o.Kept != keptRead {
		return o, true
	}
	r, ok := o.Read.Open()
	if !ok || r.Routes == nil || r.Routes.Host == nil || r.Jails == nil {
		return o, false
	}
	return o.evaluated(r, packetfilter.Parse(r.Listings), packetfilter.SavedWording(r.Texts), steps(), func() bool { return false }), true
}

// Settle keeps what comes of the evaluation instead of what was read.
func (o Observed) Settle() Observed {
	done, ok := o.opened()
	if ok && o.Kept == keptRead {
		done.Read, done.Kept = "", keptOut
	}
	return done
}

// evaluator is what the questions about all subjects share.
type evaluator struct {
	Read
	rules   *packetfilter.Ruleset
	wording *packetfilter.Wording
	when    time.Time
	// strangers caches the verdicts on an unknown address, by family and kind of
	// packet: a port that is closed for it is closed for everybody, not by a ban.
	strangers map[string]bool
}

// question is about one subject: what was read of it, and the kinds of packet
// that matter for it.
type question struct {
	*evaluator
	Asked
	ports []pbx.Ports
}

// jailed is what fail2ban has about a subject.
func (r Read) jailed(p netip.Prefix) fail2ban.Address {
	for _, a := range r.Jails.Addresses {
		if a.Asked == bans.Normal(p) {
			return a
		}
	}
	return fail2ban.Address{}
}
