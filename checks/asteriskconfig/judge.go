package asteriskconfig

import (
	"encoding/json"
	"net/netip"
	"slices"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/netinfo/asterisk"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Facts are the stable summary.
type Facts struct {
	Files         []string `json:"files"` // that were read
	Endpoints     int      `json:"endpoints"`
	Peers         int      `json:"peers"`
	Registrations int      `json:"registrations"`
	Transports    int      `json:"transports"`
	Contexts      int      `json:"contexts"`
	RTPRange      string   `json:"rtp_range"`
}

func judge(o Observed, _ *netinfo.Host, others checks.Others) checks.Judgement {
	f := Facts{Files: slices.Concat([]string{}, o.Files), Endpoints: o.Kinds.Endpoints, Peers: o.Kinds.Peers, Registrations: o.Kinds.Registrations, Transports: o.Kinds.Transports, Contexts: o.Kinds.Contexts}
	if o.RTP.Last > 0 {
		f.RTPRange = netinfo.PortRange{First: o.RTP.First, Last: o.RTP.Last}.String()
	}
	j := checks.Judgement{Notes: words.Texts(o.Notes)}
	list, known := o.Faults, o.Judged
	if s, ok := o.Settings.Open(); ok {
		list, known = examine(&s, &o, seenOutside(others)), true
		j.Notes = words.Texts(slices.DeleteFunc(slices.Clone(o.Notes), func(n words.Reason) bool { // the findings say it
			return slices.ContainsFunc(s.Broken, func(b asterisk.Broken) bool { return b.Why == n })
		}))
	}
	j.Facts = f
	switch {
	case !o.Found && len(o.Denied) > 0:
		j.Summary, j.Inconclusive = words.Say("asterisk-config.summary.unread", nil), checks.NeedsRoot(words.Say("asterisk-config.reason.root-only", words.Args{"files": o.Denied}))
		return j
	case !o.Found:
		j.Summary, j.Skip = words.Say("asterisk-config.summary.none", nil), words.Say("asterisk-config.skip.none", nil)
		return j
	case !known:
		j.Summary, j.Inconclusive = words.Say("asterisk-config.summary.unread", nil), words.Say("asterisk-config.reason.lost", nil)
		return j
	}
	if len(list) == 0 && o.Kinds == (Kinds{}) && o.RTP.From == "default" {
		j.Summary, j.Skip = words.Say("asterisk-config.summary.none", nil), words.Say("asterisk-config.skip.empty", nil)
		return j
	}
	for i := range list {
		j.Findings = append(j.Findings, list[i].finding(&o))
	}
	j.Summary = words.Say("asterisk-config.summary.fine", words.Args{"endpoints": f.Endpoints + f.Peers, "registrations": f.Registrations, "transports": f.Transports, "contexts": f.Contexts})
	if n := len(j.Findings); n > 0 {
		j.Summary = words.Say("asterisk-config.summary.faults", words.Args{"n": n, "first": j.Findings[0].Message()})
	}
	if len(o.Denied) > 0 {
		j.Inconclusive = checks.NeedsRoot(words.Say("asterisk-config.reason.root-only", words.Args{"files": o.Denied}))
	}
	return j
}

// seenOutside are the public addresses that STUN servers saw, where the same run
// asked them.
func seenOutside(others checks.Others) (list []netip.Addr) {
	if others == nil {
		return nil
	}
	r := others("nat")
	if r == nil {
		return nil
	}
	var f struct {
		Public []string `json:"public"`
	}
	raw, err := json.Marshal(r.Facts)
	if err != nil || json.Unmarshal(raw, &f) != nil {
		return nil
	}
	for _, s := range f.Public {
		a, err := netip.ParseAddrPort(s)
		if err != nil || !a.Addr().Is4() || slices.Contains(list, a.Addr()) {
			continue
		}
		list = append(list, a.Addr())
	}
	return list
}
