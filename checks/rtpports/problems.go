package rtpports

import (
	"strconv"
	"strings"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Problems that this check finds itself. Their values follow, with a space
// before each. Any other problem in an observation is the text of an error.
const (
	noRTPPorts      = "no-rtp-ports"      // the responder answers on none
	otherPorts      = "other-ports"       // ports served, ports wanted
	rangeTooLow     = "range-too-low"     // its first port, the lowest that is possible
	openPortsSilent = "open-ports-silent" // known-open ports no longer answered
	halfLost        = "half-lost"         // of all packets
	tableFull       = "table-full"        // new connections no longer passed; seconds that going on would take, if known
	responderLimit  = "responder-limit"   // it sends to one address only so much
	notSent         = "not-sent"          // the address that the responder could not send to
	wentSilent      = "went-silent"       // packets from outside stopped arriving
)

// problem says what a field for problems holds.
func problem(p words.Cause) words.Text {
	code, rest, _ := strings.Cut(string(p), " ")
	first, second, _ := strings.Cut(rest, " ")
	switch code {
	case noRTPPorts, openPortsSilent, halfLost, responderLimit, wentSilent:
		return say("reason."+code, nil)
	case otherPorts:
		return say("reason.other-ports", words.Args{"served": first, "wanted": second})
	case rangeTooLow:
		return say("reason.range-too-low", words.Args{"first": first, "lowest": second})
	case notSent:
		return say("reason.not-sent", words.Args{"address": first})
	case tableFull:
		if s, err := strconv.Atoi(first); err == nil {
			return say("reason.table-full-slow", words.Args{"left": time.Duration(s) * time.Second})
		}
		return say("reason.table-full", nil)
	}
	return say("reason.problem", words.Args{"problem": p})
}

// say is a message of this check.
func say(id string, args words.Args) words.Text { return words.Say("rtp-ports."+id, args) }

// joined says two things, one after the other.
func joined(a, b words.Text) words.Text {
	switch {
	case a.IsZero():
		return b
	case b.IsZero():
		return a
	}
	return say("apart", words.Args{"parts": []words.Text{a, b}})
}

// mostShown bounds the ranges in a sentence.
const mostShown = 6

// portList shows the first of some ranges of ports.
func portList(ranges []string) words.Text {
	if len(ranges) == 0 {
		return say("none", nil)
	}
	return checks.FirstN(ranges, mostShown)
}
