package signalling

import (
	"fmt"

	"github.com/sipdoctor/sipdoctor/checks"
)

// accountSummary says in a few words how the registration went.
func accountSummary(a *Account) string {
	switch r := a.last(); {
	case a.Unsupported != "" || r == nil || a.Error != "" && a.Removed == nil && r.Code/100 != 2:
		return a.Address + " could not be tried"
	case r.Code/100 == 2:
		return a.Address + " registers"
	default:
		return fmt.Sprintf("%s is refused (%d)", a.Address, r.Code)
	}
}

// judgeAccount says how the one registration went; unclear is why nothing can
// be said.
func judgeAccount(a *Account) (out []checks.Finding, unclear string) {
	if a == nil {
		return nil, ""
	}
	r := a.last()
	switch {
	case r == nil:
		return nil, "the account: " + a.Error
	case a.Unsupported != "":
		return nil, "the account: " + a.Unsupported
	case a.Second == nil && (a.First.Code == 401 || a.First.Code == 407):
		return []checks.Finding{a.silentAfterPassword()}, "the account: " + a.Error
	case a.Second != nil && a.Second.Code/100 != 2 && a.Second.Stale:
		return nil, "the account: the server calls its own nonce too old and did not judge the password; it was not tried again"
	case r.Code/100 == 2:
		return a.registered(), ""
	case r.Code == 423:
		return nil, "" // the account is known; only the time was too short
	case r.Code >= 500 && r.Code < 600:
		return nil, "the account: the server answers " + explained(*r)
	}
	return []checks.Finding{a.refused(*r)}, ""
}

func (a *Account) evidence() []checks.Evidence {
	var out []checks.Evidence
	add := func(name, want string, r *Response) {
		if r == nil {
			return
		}
		out = append(out, checks.Evidence{Name: name, Want: want, Got: fmt.Sprintf("%d %s", r.Code, r.Phrase)})
		if r.Warning != "" {
			out = append(out, checks.Evidence{Name: "Warning", Got: r.Warning})
		}
	}
	add("REGISTER without credentials", "401", a.First)
	add("REGISTER with credentials ("+a.Algorithm+")", "200", a.Second)
	add("REGISTER with Expires: 0", "200", a.Removed)
	return out
}

func (a *Account) refused(r Response) checks.Finding {
	f := checks.Finding{
		ID: "signalling.account-refused", Severity: checks.Critical, Confidence: checks.Certain, Heard: true, Evidence: a.evidence(),
		Title:       fmt.Sprintf("The server refuses the account %s (%d)", a.Address, r.Code),
		Explanation: "The way is open and the server judged the account. " + explained(r) + ".",
		Advice: []string{
			"Compare login, password and domain with the provider's customer pages, letter by letter.",
			"It was tried once and not again: servers ban who tries often.",
		},
	}
	if r.Code == 401 || r.Code == 407 {
		f.Explanation = "The way is open, and the server asks for credentials again after it has seen them: password, login or realm is wrong, the account does not exist, or a SIP ALG changed the request."
	}
	return f
}

// silentAfterPassword: the request with credentials is longer, and it is the
// first one that a server can hold against its sender.
func (a *Account) silentAfterPassword() checks.Finding {
	return checks.Finding{
		ID: "signalling.account-silent", Severity: checks.Warning, Confidence: checks.Possible, Evidence: a.evidence(),
		Title:       "The server falls silent when it sees the credentials of " + a.Address,
		Explanation: "It answered the same request without them. A firewall that counts registrations has just banned this address, or the longer packet is lost on the way.",
		Advice:      []string{"Wait some minutes and try a transport over TCP or TLS."},
	}
}

func (a *Account) registered() []checks.Finding {
	switch {
	case a.Second == nil:
		return []checks.Finding{{
			ID: "signalling.account-open", Severity: checks.Warning, Confidence: checks.Certain, Heard: true, Evidence: a.evidence(),
			Title:       "The server registers " + a.Address + " without a password",
			Explanation: "Anybody who can reach it from this network can take the number over, unless the server knows this address on purpose.",
			Advice:      []string{"On a PBX of your own: give the account a password (auth in pjsip.conf, secret in sip.conf)."},
		}}
	case a.Removed == nil || a.Removed.Code/100 != 2:
		return []checks.Finding{{
			ID: "signalling.account-left", Severity: checks.Info, Confidence: checks.Certain, Evidence: a.evidence(),
			Title:       "The test registration of " + a.Address + " could not be taken back",
			Explanation: fmt.Sprintf("It ends by itself after %d seconds; until then calls to this number may ring nowhere.", registerFor),
		}}
	}
	return nil
}
