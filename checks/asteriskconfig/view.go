package asteriskconfig

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo/asterisk"
)

type (
	section = asterisk.Section
	option  = asterisk.Option
)

// view is the settings as the judges look at them.
type view struct {
	*asterisk.Settings
	o      *Observed
	public []netip.Addr // addresses of this machine or its router that were seen from outside; empty: not known

	kinds      map[string][]*section          // the objects of pjsip.conf by type
	byName     map[string]map[string]*section // by type and name
	templates  map[string]*section            // by name in lower case
	wizards    map[string]bool                // names of objects that pjsip_wizard.conf makes
	identified map[string][]*section          // identify objects by their endpoint
	dynamic    []*section                     // endpoints that phones register to
	remote     map[netip.Prefix]string        // see remoteHosts
	contexts   map[string]asterisk.Context    // of the dialplan, by name in lower case
	meant      map[string]string              // see nearestContext
	faults
}

// examine looks for mistakes. public are the addresses under which others have
// seen this machine, if anybody has.
func examine(s *asterisk.Settings, o *Observed, public []netip.Addr) []Fault {
	v := &view{Settings: s, o: o, public: public}
	v.sort()
	notLoaded(v)
	if len(v.list) == 0 { // what stands in a file that is not loaded is wrong for that reason already
		for _, judge := range judges() {
			judge(v)
		}
	}
	list := make([]Fault, len(v.list))
	for i, x := range v.list {
		list[i] = *x
	}
	slices.SortStableFunc(list, func(a, b Fault) int { return a.Severity.Compare(b.Severity) })
	return list
}

// sort finds the objects of each type.
func (v *view) sort() {
	v.kinds, v.byName, v.templates = map[string][]*section{}, map[string]map[string]*section{}, map[string]*section{}
	v.wizards, v.identified = map[string]bool{}, map[string][]*section{}
	for _, x := range v.PJSIP {
		if x.Template {
			v.templates[strings.ToLower(x.Name)] = x
			continue
		}
		kind := x.Last("type")
		v.kinds[kind] = append(v.kinds[kind], x)
		if v.byName[kind] == nil {
			v.byName[kind] = map[string]*section{}
		}
		if v.byName[kind][x.Name] == nil {
			v.byName[kind][x.Name] = x
		}
	}
	for _, i := range v.kinds["identify"] {
		v.identified[i.Last("endpoint")] = append(v.identified[i.Last("endpoint")], i)
	}
	for _, w := range v.Wizard {
		if !w.Template {
			v.wizards[w.Name] = true
		}
	}
	v.contexts, v.meant = map[string]asterisk.Context{}, map[string]string{}
	for _, name := range v.Dialplan.Elsewhere {
		v.contexts[strings.ToLower(name)] = asterisk.Context{Name: name}
	}
	for _, c := range v.Dialplan.Contexts {
		if key := strings.ToLower(c.Name); v.contexts[key].At == "" {
			v.contexts[key] = c
		}
	}
	for _, e := range v.kinds["endpoint"] {
		if slices.ContainsFunc(v.aorsOf(e), takesContacts) {
			v.dynamic = append(v.dynamic, e)
		}
	}
}

// judges are the kinds of mistakes, in reported order within a severity.
func judges() []func(*view) {
	return []func(*view){
		sectionTypes,
		unknownOptions,
		wizardOptions,
		badValues,
		transportPorts,
		externalAddresses,
		localNets,
		natOptions,
		qualify,
		references,
		aors,
		auths,
		openEndpoints,
		identifies,
		registrations,
		codecs,
		media,
		contexts,
		dials,
		mailboxes,
		hints,
		modules,
		databases,
		rtpRange,
		accessLists,
		chanSIP,
	}
}

// chanSIP is about sip.conf, where anybody reads it: it is left over on many servers.
func chanSIP(v *view) {
	if loads, _ := v.Modules.Loads("chan_sip"); !loads || asterisk.MajorVersion(v.o.Version) > lastWithChanSIP {
		return
	}
	for _, judge := range []func(*view){chanSIPOptions, chanSIPNAT, chanSIPPeers, chanSIPTransports} {
		judge(v)
	}
}

// named is the object of a type and name, nil when there is none. Asterisk compares
// letter by letter.
func (v *view) named(kind, name string) *section { return v.byName[kind][name] }

// dialled reports whether the dialplan has a context.
func (v *view) dialled(name string) bool {
	_, ok := v.contexts[strings.ToLower(name)]
	return ok
}

// complete reports whether all objects of a type are known: those of a database,
// and of files that were not read, are not.
func (v *view) complete(kind string) bool {
	return v.Whole("pjsip.conf") && !slices.Contains(v.Database, kind)
}

func takesContacts(aor *section) bool { return number(aor.Last("max_contacts")) > 0 }

func (v *view) aorsOf(e *section) (list []*section) {
	for _, name := range asterisk.Items(e.Last("aors")) {
		if a := v.named("aor", name); a != nil {
			list = append(list, a)
		}
	}
	return list
}

// behindNAT reports whether the machine has no public IPv4 address of its own; ok
// is false when its addresses are not known.
func (v *view) behindNAT() (behind, ok bool) {
	for _, a := range v.o.Own {
		if a.Is4() {
			ok = true
			if isPublic(a) {
				return false, true
			}
		}
	}
	return ok, ok
}

// sharedAddressSpace is that of carrier-grade NAT (RFC 6598).
func isPublic(a netip.Addr) bool {
	a = a.Unmap()
	return a.IsGlobalUnicast() && !a.IsPrivate() && !netip.MustParsePrefix("100.64.0.0/10").Contains(a)
}

// phonesOutside reports whether phones or trunks of this server are beyond a NAT,
// as far as the settings tell: it has an external address, or a public one of its
// own and no private network.
func (v *view) phonesOutside() bool {
	for _, t := range v.kinds["transport"] {
		if t.Last("external_media_address") != "" || t.Last("external_signaling_address") != "" {
			return true
		}
	}
	behind, ok := v.behindNAT()
	return ok && !behind && len(v.o.LANs) == 0
}

const (
	critical = checks.Critical
	warning  = checks.Warning
	info     = checks.Info

	certain  = checks.Certain
	likely   = checks.Likely
	possible = checks.Possible
)
