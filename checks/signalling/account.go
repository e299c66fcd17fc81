package signalling

import (
	"cmp"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

func accountSummary(a *Account) words.Text {
	args := words.Args{"account": a.Address}
	switch r := a.last(); {
	case a.Unsupported != "" || r == nil || a.Error != "" && a.Removed == nil && r.Code/100 != 2:
		return words.Say("signalling.summary.account-untested", args)
	case r.Code/100 == 2:
		return words.Say("signalling.summary.account-registers", args)
	default:
		args["code"] = r.Code
		return words.Say("signalling.summary.account-refused", args)
	}
}

// judgeAccount says how the one registration went; unclear is why nothing can
// be said.
func judgeAccount(a *Account) (out []checks.Finding, unclear words.Text) {
	if a == nil {
		return nil, words.Text{}
	}
	why := words.Args{"why": cmp.Or(a.Error, none)}
	r := a.last()
	switch {
	case r == nil:
		return nil, words.Say("signalling.reason.account", why)
	case a.Unsupported != "":
		return nil, words.Say("signalling.reason.account-challenge", words.Args{"why": a.Unsupported, "algorithm": a.Algorithm})
	case a.Second == nil && (a.First.Code == 401 || a.First.Code == 407):
		return a.finding("account-silent", checks.Warning, checks.Possible, nil), words.Say("signalling.reason.account-silent", why)
	case a.Second != nil && a.Second.Code/100 != 2 && a.Second.Stale:
		return nil, words.Say("signalling.reason.account-stale", nil)
	case r.Code/100 == 2:
		return a.registered(), words.Text{}
	case r.Code == 423:
		return nil, words.Text{} // the account is known; only the time was too short
	case r.Code >= 500 && r.Code < 600:
		return nil, words.Say("signalling.reason.account-trouble", words.Args{"answer": explained(*r)})
	}
	asks := r.Code == 401 || r.Code == 407 // again, after it has seen the credentials
	return a.finding("account-refused", checks.Critical, checks.Certain, words.Args{"code": r.Code, "asks": asks, "answer": explained(*r)}), words.Text{}
}

func (a *Account) registered() []checks.Finding {
	switch {
	case a.Second == nil:
		return a.finding("account-open", checks.Warning, checks.Certain, nil)
	case a.Removed == nil || a.Removed.Code/100 != 2:
		return a.finding("account-left", checks.Info, checks.Certain, words.Args{"seconds": registerFor})
	}
	return nil
}

// finding is the one about the account. It rests on silence where the server
// did not answer.
func (a *Account) finding(id string, s checks.Severity, c checks.Confidence, args words.Args) []checks.Finding {
	if args == nil {
		args = words.Args{}
	}
	args["account"] = a.Address
	return []checks.Finding{{
		ID: "signalling." + id, Severity: s, Confidence: c, Args: args, Evidence: a.evidence(),
		Heard: id == "account-refused" || id == "account-open",
	}}
}

func (a *Account) evidence() []checks.Evidence {
	var out []checks.Evidence
	add := func(r *Response, id string, args words.Args, want string) {
		if r != nil {
			out = append(out, r.evidence(words.Say("signalling.evidence."+id, args), want)...)
		}
	}
	add(a.First, "register-first", nil, "401")
	add(a.Second, "register-second", words.Args{"algorithm": a.Algorithm}, "200")
	add(a.Removed, "register-removed", nil, "200")
	return out
}

// Bound is the Contact of the registration as it was sent, and as the registrar
// keeps it. A device on the way may have changed it, and so may the registrar
// itself: many put in the address that they saw.
type Bound struct {
	Sent string `json:"sent"`
	Kept string `json:"kept"`
}

// boundAs reads our binding from the answer to a REGISTER; nil if it cannot be
// told apart from those of other phones.
func boundAs(request, reply []byte) *Bound {
	s, err := sip.Parse(request)
	if err != nil || s.Get("contact") == nil {
		return nil
	}
	r, err := sip.Parse(reply)
	if err != nil || r.Status/100 != 2 {
		return nil
	}
	ours := contactURI(s.Get("contact").Value)
	list := r.All("contact")
	for _, h := range list {
		if contactURI(h.Value) == ours {
			return &Bound{ours, ours}
		}
	}
	if len(list) != 1 || strings.Contains(string(list[0].Value), ",") {
		return nil
	}
	return &Bound{ours, cut(contactURI(list[0].Value))}
}

// contactURI is what stands in angle brackets, or before the parameters.
func contactURI(value []byte) string {
	v := strings.TrimSpace(string(value))
	if _, rest, ok := strings.Cut(v, "<"); ok {
		uri, _, _ := strings.Cut(rest, ">")
		return uri
	}
	uri, _, _ := strings.Cut(v, ";")
	return uri
}
