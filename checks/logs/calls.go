package logs

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/netinfo/pbxlog"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// noExtension are calls to a number that the caller's context does not have, by
// caller and context. Those of strangers are a scanner's.
func noExtension(v *view) (out []checks.Finding) {
	type key struct {
		from, context string
		addr          netip.Addr
	}
	at := map[key][]Count{}
	var order []key
	for _, c := range v.of(pbxlog.NoExtension) {
		k := key{c.Account, c.Context, c.Addr}
		if v.scanningFrom(c.Addr) {
			continue
		}
		if guest(c.Account) {
			k = key{context: c.Context}
		}
		if at[k] == nil {
			order = append(order, k)
		}
		at[k] = append(at[k], c)
	}
	for _, k := range order {
		list := at[k]
		f := checks.Finding{ID: "logs.no-extension", Variant: "account", Severity: checks.Critical, Confidence: checks.Certain, Subject: k.from, Evidence: v.proof(list...)}
		if guest(k.from) {
			f.Variant, f.Severity, f.Subject = "guest", checks.Warning, list[0].Addr.String()
		}
		var numbers []string
		for _, c := range list {
			if !slices.Contains(numbers, c.Peer) {
				numbers = append(numbers, c.Peer)
			}
		}
		f.Args = words.Args{"from": words.Raw(k.from), "addr": list[0].Addr, "context": words.Raw(k.context), "numbers": raws(numbers, shown), "count": len(numbers), "n": total(list), "when": span(list)}
		out = append(out, f)
	}
	return out
}

func (v *view) scanningFrom(addr netip.Addr) bool {
	return slices.ContainsFunc(v.by, func(og *origin) bool { return og.addr == addr && og.scanning })
}

// noReply are messages that were sent until their time was up: the ACK to the answer
// of a call never came, or nobody answered a request. A call that was hung up for it is
// proof of a fault; answers that nobody acknowledges are what scanners leave behind.
func noReply(v *view) (out []checks.Finding) {
	all := v.of(pbxlog.NoReply)
	for _, cause := range []string{"ack", "request"} {
		list, hung := byCause(all, cause), byCause(all, "hangup-"+cause)
		if len(list) == 0 && len(hung) == 0 {
			continue
		}
		f := checks.Finding{
			ID: "logs.no-reply", Variant: cause, Severity: checks.Critical, Confidence: checks.Certain, Evidence: v.proof(slices.Concat(hung, list)...),
			Args: words.Args{"n": total(list), "when": span(slices.Concat(list, hung)), "hung": total(hung)},
		}
		switch {
		case len(hung) > 0:
		case cause == "ack":
			f.Variant, f.Severity = "ack-refused", checks.Info
		default: // the end of a call, to a phone that was switched off
			f.Severity = checks.Warning
		}
		out = append(out, f)
	}
	return out
}

func byCause(list []Count, cause string) (out []Count) {
	for _, c := range list {
		if c.Cause == cause {
			out = append(out, c)
		}
	}
	return out
}

// noRTP are calls that were ended because no sound came.
func noRTP(v *view) []checks.Finding {
	list := v.of(pbxlog.NoRTP)
	if len(list) == 0 {
		return nil
	}
	return []checks.Finding{{
		ID: "logs.no-rtp", Severity: checks.Critical, Confidence: checks.Certain, Subject: list[0].Account, Evidence: v.proof(list...),
		Args: words.Args{"n": total(list), "peers": raws(accountsOf(list), shown), "when": span(list)},
	}}
}

func accountsOf(list []Count) (out []string) {
	for _, c := range list {
		if c.Account != "" && !slices.Contains(out, c.Account) {
			out = append(out, c.Account)
		}
	}
	return out
}

func peersOf(list []Count) (out []string) {
	for _, c := range list {
		if c.Peer != "" && !slices.Contains(out, c.Peer) {
			out = append(out, c.Peer)
		}
	}
	return out
}

// noChannel are calls that could not be placed.
func noChannel(v *view) (out []checks.Finding) {
	all := v.of(pbxlog.NoChannel)
	drivers := byCause(all, "no-driver")
	for _, cause := range []string{"no-driver", "no-endpoint", "no-contacts"} {
		list := byCause(all, cause)
		if len(list) == 0 {
			continue
		}
		names := slices.Concat(peersOf(list), accountsOf(list))
		out = append(out, checks.Finding{
			ID: "logs.no-channel", Variant: cause, Severity: checks.Critical, Confidence: checks.Certain, Subject: first(names), Evidence: v.proof(list...),
			Args: words.Args{"n": total(list), "names": raws(names, shown), "named": len(names), "name": words.Raw(first(names)), "when": span(list)},
		})
	}
	for _, c := range byCause(all, "cause") {
		if c.Code == 66 && len(drivers) > 0 || c.Code == 17 || c.Code == 3 && len(byCause(all, "no-contacts"))+len(byCause(all, "no-endpoint")) > 0 {
			continue // told already, or somebody is busy
		}
		f := checks.Finding{
			ID: "logs.no-channel", Variant: "cause", Severity: checks.Warning, Confidence: checks.Certain, Subject: c.Peer, Evidence: v.proof(c),
			Args: words.Args{"n": c.N, "name": words.Raw(c.Peer), "code": c.Code, "when": span([]Count{c}), "meaning": words.Text{}, "next": words.Text{}},
		}
		if list := netinfo.Explain(fmt.Sprintf("cause %d", c.Code)); len(list) > 0 {
			f.Args["meaning"], f.Args["next"] = list[0].Says, list[0].Next
		}
		out = append(out, f)
	}
	return out
}

// codecs are calls whose ends have none in common.
func codecs(v *view) []checks.Finding {
	list := v.of(pbxlog.Codecs)
	if len(list) == 0 {
		return nil
	}
	slices.SortStableFunc(list, func(a, b Count) int { return cmp.Compare(b.Cause, a.Cause) }) // what names codecs first
	f := checks.Finding{
		ID: "logs.codecs", Severity: checks.Critical, Confidence: checks.Certain, Evidence: v.proof(list...),
		Args: words.Args{"n": total(list), "when": span(list), "ours": words.Raw(""), "theirs": words.Raw(""), "named": false},
	}
	if joint := byCause(list, "joint"); len(joint) > 0 {
		f.Args["ours"], f.Args["theirs"], f.Args["named"] = words.Raw(joint[0].Account), words.Raw(joint[0].Peer), true
	}
	return []checks.Finding{f}
}

// dropped is how many packets dropped by strict RTP are more than the few that arrive
// while the source changes: five seconds of a call at 50 a second.
const dropped = 250

// strictRTP are packets from a source that Asterisk has not learnt.
func strictRTP(v *view) (out []checks.Finding) {
	for _, c := range v.of(pbxlog.StrictRTP) {
		if c.N < dropped {
			continue
		}
		out = append(out, checks.Finding{
			ID: "logs.strict-rtp", Severity: checks.Warning, Confidence: checks.Likely, Subject: c.Addr.String(), Evidence: v.proof(c),
			Args: words.Args{"addr": c.Addr, "n": c.N, "when": span([]Count{c})},
		})
	}
	return out
}
