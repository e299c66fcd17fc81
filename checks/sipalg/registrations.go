package sipalg

import (
	"encoding/json"
	"net/netip"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// registered is the part of what signalling observes that is evidence here: the
// answers to its REGISTER, which some ALGs act on alone.
type registered struct {
	Servers []struct {
		Name   string `json:"name"`
		Probes []struct {
			Transport string         `json:"transport"`
			Local     netip.AddrPort `json:"local"`
			Remote    netip.AddrPort `json:"remote"`
			Register  struct {
				Sent  []byte `json:"sent"`
				Reply []byte `json:"reply"`
			} `json:"register"`
		} `json:"probes"`
	} `json:"servers"`
	Account *struct {
		Transport string `json:"transport"`
		Server    string `json:"server"`
		Bound     *struct {
			Sent string `json:"sent"`
			Kept string `json:"kept"`
		} `json:"bound"`
	} `json:"account"`
}

// boundNote says that a registrar keeps another Contact than was sent. Most
// that do put there what they saw, so it is a fact and no proof of anything.
func boundNote(signalling *checks.Result) []words.Text {
	var seen registered
	if signalling == nil || json.Unmarshal(signalling.Observed, &seen) != nil || seen.Account == nil || seen.Account.Bound == nil {
		return nil
	}
	b := seen.Account.Bound
	if b.Sent == b.Kept || seen.Account.Transport == "tls" || seen.Account.Transport == "wss" {
		return nil
	}
	return []words.Text{words.Say("sip-alg.note.contact-kept", words.Args{"server": seen.Account.Server, "kept": words.Raw(b.Kept), "sent": words.Raw(b.Sent)})}
}

// registrations is the evidence of signalling's REGISTER. It comes with no
// control of its own: the server's other transports say what it does itself.
func registrations(o *Observed, signalling *checks.Result) []evidence {
	if signalling == nil {
		return nil
	}
	var seen registered
	if json.Unmarshal(signalling.Observed, &seen) != nil {
		return nil // observed by another version
	}
	var out []evidence
	for _, s := range seen.Servers {
		for _, p := range s.Probes {
			plain := p.Transport == "udp" || p.Transport == "tcp" || p.Transport == "tls"
			if !plain || len(p.Register.Sent) == 0 || len(p.Register.Reply) == 0 {
				continue
			}
			a := ServerAnswer{Transport: p.Transport, Local: p.Local, Remote: p.Remote, Sent: p.Register.Sent, Reply: p.Register.Reply}
			out = append(out, o.ofAnswer(s.Name, "REGISTER", &a))
		}
	}
	return out
}
