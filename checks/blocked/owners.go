package blocked

import (
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/netinfo/bans"
	"github.com/sipdoctor/sipdoctor/netinfo/fail2ban"
)

// bans adds what fail2ban and the other layers hold of the subject.
func (e question) bans(s Subject) Subject {
	filter := slices.Clone(s.Blocks)
	jails, others := e.jailBlocks(), e.otherBlocks(filter)
	attribute(e.Jails, jails, others, filter)
	s.Blocks, s.Ignored = slices.Concat(jails, others, filter), e.jailed(e.Asked.Address).IgnoredBy
	return s
}

// attribute says whose doing the rules, elements and entries are that the
// subject was found in. What a jail put there belongs to that jail: a ban of it
// has an effect if one of its objects does, and lifting the ban takes them away.
func attribute(st *fail2ban.State, jails, others, filter []Block) {
	for i := range filter {
		if b := &filter[i]; b.Owner == "fail2ban" {
			b.Jail = jailOf(st, b.Jail, jails)
		}
	}
	for i := range others {
		b := &others[i]
		k := slices.IndexFunc(jails, func(h Block) bool { return h.Prefix == b.Prefix && writesTo(st, h.Jail, b.Layer) })
		if k >= 0 {
			b.Owner, b.Jail = "fail2ban", jails[k].Jail
		}
	}
	for i := range jails {
		h := &jails[i]
		h.Effective, h.Why = stops(st, h.Jail, append(slices.Clone(filter), others...))
	}
}

// jailOf is the jail behind the name that an action gives to its chain or set:
// one that holds the subject, if it is not the only one.
func jailOf(st *fail2ban.State, object string, holding []Block) string {
	names := st.JailsOf("f2b-" + object)
	for _, h := range holding {
		if slices.Contains(names, h.Jail) {
			return h.Jail
		}
	}
	if len(names) > 0 {
		return names[0]
	}
	return object
}

// writesTo reports whether a jail bans by an entry in another layer.
func writesTo(st *fail2ban.State, jail, layer string) bool {
	begins := map[string]string{
		bans.LayerRoute: "route", bans.LayerUFW: "ufw", bans.LayerFirewalld: "firewallcmd-rich", bans.LayerHostsDeny: "hostsdeny",
		bans.LayerAPF: "apf", bans.LayerCSF: "csf",
	}[layer]
	return begins != "" && slices.ContainsFunc(actionsOf(st, jail), func(a fail2ban.Action) bool { return strings.HasPrefix(a.File, begins) })
}

func actionsOf(st *fail2ban.State, jail string) []fail2ban.Action {
	for _, j := range st.Jails {
		if j.Name == jail {
			return j.Actions
		}
	}
	return nil
}

// stops reports whether something that stops the subject is a jail's doing, or
// why nothing is.
func stops(st *fail2ban.State, jail string, places []Block) (bool, string) {
	why := whyNoRule
	if st.Dead {
		why = whyDown
	}
	for _, b := range places {
		if b.Owner == "fail2ban" && b.Jail == jail {
			if b.Effective {
				return true, ""
			}
			why = b.Why
		}
	}
	for _, a := range actionsOf(st, jail) {
		if covers := strings.TrimSpace(a.Protocol + " " + a.Port); a.Blocks && !a.AllPorts && covers != "" {
			return false, whyNot(whyCovers, covers)
		}
	}
	return false, why
}

// shownByOwner reports whether a block goes away by itself when the layer that put it
// there lifts its ban.
func shownByOwner(s Subject, b Block) bool {
	return b.Owner != "" && slices.ContainsFunc(s.Blocks, func(o Block) bool {
		return o.Layer == b.Owner && o.lifts() && (b.Owner != "fail2ban" || o.Jail == b.Jail)
	})
}

// distinct leaves one of several blocks that are the same object met by several
// rules.
func distinct(list []Block) (out []Block) {
	at := map[[4]string]int{} // in out
	for _, b := range list {
		object := [4]string{b.Layer, b.Where, b.Object, b.Prefix.String()}
		i, ok := at[object]
		if !ok {
			at[object], out = len(out), append(out, b)
			continue
		}
		o := &out[i]
		if o.Effective = o.Effective || b.Effective; o.Effective {
			o.Why, o.Note = "", ""
		}
		o.Reasons = addOnce(o.Reasons, b.Reasons...)
	}
	return out
}
