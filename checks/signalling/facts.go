package signalling

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Fact is one line of the stable summary: one transport of one server, or the
// real registration.
type Fact struct {
	Target    string  `json:"target"`    // as the user or the profile named it
	Transport string  `json:"transport"` // udp tcp tls ws wss; empty when there was nothing to ask
	Port      int     `json:"port"`
	Status    Status  `json:"status"`
	Code      int     `json:"code"`   // of the answer to OPTIONS, or to REGISTER where only that was answered; 0 without one
	RTTMillis float64 `json:"rtt_ms"` // of that answer
	Server    string  `json:"server"` // as it calls itself

	Address      string      `json:"address,omitempty"`
	Method       string      `json:"method,omitempty"` // of the answered request
	Phrase       string      `json:"phrase,omitempty"`
	Meaning      string      `json:"meaning,omitempty"`
	RegisterCode int         `json:"register_code,omitempty"`
	Expected     bool        `json:"expected,omitempty"` // the profile or DNS says that the server speaks this here
	Certificate  *CertFact   `json:"certificate,omitempty"`
	Account      string      `json:"account,omitempty"` // sip:user@domain: this line is the real registration
	Note         words.Cause `json:"note,omitempty"`    // why there was no answer
}

// CertFact is a certificate as its owner would look at it.
type CertFact struct {
	Subject   string    `json:"subject"`
	Issuer    string    `json:"issuer"`
	NotBefore time.Time `json:"not_before"`
	NotAfter  time.Time `json:"not_after"`
	Version   string    `json:"tls_version"`
	Faults    []string  `json:"faults"` // "expired"; with "signalling.tls-" before it, the finding
}

// Status is what became of one transport.
type Status string

// The statuses. Those after tls-error say more than CONTRACT's five.
const (
	Answered    Status = "answered"
	Timeout     Status = "timeout"
	Refused     Status = "refused"
	Prohibited  Status = "prohibited"
	TLSError    Status = "tls-error"
	Reset       Status = "reset"
	Unreachable Status = "unreachable"
	LocalFilter Status = "local-filter" // this machine's own packet filter
	NoAddress   Status = "no-address"   // the name was not found
	NoWebSocket Status = "no-websocket" // a web server that speaks no SIP
	Other       Status = "other"
)

// Statuses are all of them.
func Statuses() []Status {
	return []Status{Answered, Timeout, Refused, Prohibited, TLSError, Reset, Unreachable, LocalFilter, NoAddress, NoWebSocket, Other}
}

func (p *Probe) status() Status {
	switch {
	case p.answered():
		return Answered
	case p.TLS != nil && p.TLS.Error != "":
		return TLSError
	case p.HTTPStatus != 0:
		return NoWebSocket
	}
	switch s := Status(p.ErrorClass); s {
	case "":
		return Timeout
	case Timeout, Refused, Prohibited, Reset, Unreachable, LocalFilter: // called as platform calls them
		return s
	}
	return Other
}

// definite reports an explicit refusal, as opposed to silence.
func (s Status) definite() bool {
	switch s {
	case Refused, Prohibited, Reset, Unreachable, LocalFilter, TLSError, NoWebSocket:
		return true
	}
	return false
}

// response is the answer that counts: to OPTIONS or the BYE in its place, else to
// REGISTER. Its code is
// 0 where neither was answered.
func (p *Probe) response() (r Response, method string, rtt float64) {
	if r, ok := readResponse(p.Options.Reply); ok {
		method, _, _ := strings.Cut(string(p.Options.Sent), " ")
		return r, cmp.Or(method, "OPTIONS"), p.Options.RTTMillis
	}
	r, _ = readResponse(p.Register.Reply)
	return r, "REGISTER", p.Register.RTTMillis
}

func facts(o *Observed) []Fact {
	out := []Fact{}
	for _, s := range o.Servers {
		if s.Error != "" {
			out = append(out, Fact{Target: s.Name, Status: NoAddress, Note: s.Error})
		}
		for k := range s.Probes {
			out = append(out, fact(o, &s, &s.Probes[k]))
		}
	}
	if a := o.Account; a != nil {
		out = append(out, accountFact(a))
	}
	return out
}

func fact(o *Observed, s *Server, p *Probe) Fact {
	f := Fact{
		Target: s.Name, Transport: p.Transport, Port: p.port(), Status: p.status(), Address: p.Remote.Addr().String(),
		Expected: p.Expected, Note: p.Error,
	}
	if f.Status == Answered {
		r, method, rtt := p.response()
		f.Code, f.Method, f.RTTMillis, f.Server, f.Phrase, f.Note = r.Code, method, rtt, r.Server, r.Phrase, ""
		f.Meaning = meaning(r)
	}
	if r, ok := readResponse(p.Register.Reply); ok {
		f.RegisterCode = r.Code
	}
	if p.TLS != nil && !p.TLS.NotAfter.IsZero() {
		f.Certificate = &CertFact{
			Subject: p.TLS.Subject, Issuer: p.TLS.Issuer, NotBefore: p.TLS.NotBefore, NotAfter: p.TLS.NotAfter,
			Version: p.TLS.Version, Faults: []string{},
		}
		for _, x := range p.TLS.faults(o.now(p.TLS.At), p.Transport == "wss") {
			f.Certificate.Faults = append(f.Certificate.Faults, string(x))
		}
	}
	return f
}

func accountFact(a *Account) Fact {
	f := Fact{
		Target: a.Server, Transport: a.Transport, Port: int(a.Remote.Port()), Status: Timeout, Method: "REGISTER", Account: a.Address, Note: a.Error,
	}
	if a.Remote.IsValid() {
		f.Address = a.Remote.Addr().String()
	}
	if r := a.last(); r != nil && r.Code != 0 {
		f.Status, f.Code, f.Phrase, f.Server, f.Meaning = Answered, r.Code, r.Phrase, r.Server, meaning(*r)
	}
	return f
}

func meaning(r Response) string {
	c, _ := netinfo.ExplainSIP(r.Code, r.Phrase)
	return c.Meaning[words.English]
}

// explained is a response with what it means and what to check next.
func explained(r Response) words.Text {
	c, _ := netinfo.ExplainSIP(r.Code, r.Phrase)
	args := words.Args{"status": r.line(), "meaning": none, "next": none, "read_as": c.ReadAs}
	if c.Meaning != nil {
		args["meaning"] = c.Meaning
	}
	if c.Next != nil {
		args["next"] = c.Next
	}
	return words.Say("signalling.answer", args)
}

// none stands for an empty value where a sentence has to choose.
const none = "none"

// line is the code and the phrase: "403 Forbidden".
func (r Response) line() string { return strings.TrimSpace(fmt.Sprintf("%d %s", r.Code, r.Phrase)) }

// at names a transport and its port: "UDP 5060", "WebSocket (wss) 443".
func (p *Probe) at() string {
	name := strings.ToUpper(p.Transport)
	if p.Transport == "ws" || p.Transport == "wss" {
		name = "WebSocket (" + p.Transport + ")"
	}
	return fmt.Sprintf("%s %d", name, p.port())
}
