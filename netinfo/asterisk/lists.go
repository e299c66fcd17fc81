package asterisk

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/sipdoctor/sipdoctor/platform/command"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// accessLists gathers ACLs so that those which endpoints share are kept once.
type accessLists struct {
	list  []AccessList
	index map[string]int
}

// section takes the permit, deny and acl lines of a section, and those about
// contacts. Lenient says that a line with a bad address is skipped, as chan_sip
// does; PJSIP drops the object.
func (a *accessLists) section(scope, name string, s *Section, named map[string]ACLList, lenient bool) {
	source, contact := aclBuilder{sees: named}, aclBuilder{sees: named}
	for _, o := range s.Options {
		switch key := strings.ToLower(o.Name); key {
		case "permit", "deny", "acl":
			source.add(key, o)
		case "contact_permit", "contact_deny", "contact_acl", "contactpermit", "contactdeny", "contactacl":
			contact.add(strings.TrimPrefix(strings.TrimPrefix(key, "contact"), "_"), o)
		}
	}
	if lenient {
		source.own.Invalid, contact.own.Invalid = "", ""
	}
	a.add(scope, name, source.acl(), false)
	a.add(scope, name, contact.acl(), true)
}

func (a *accessLists) add(scope, name string, acl ACL, contact bool) {
	if len(acl) == 0 {
		return
	}
	key := fmt.Sprint(scope, contact, acl)
	i, known := a.index[key]
	if !known {
		i = len(a.list)
		a.index[key] = i
		a.list = append(a.list, AccessList{Scope: scope, Contact: contact, ACL: acl})
	}
	l := &a.list[i]
	if name == "" {
		return
	}
	if l.Count++; len(l.Names) < maxNames {
		l.Names = append(l.Names, name)
	}
}

// Refusal is an access list that keeps an address out.
type Refusal struct {
	Scope   string   `json:"scope"` // as in AccessList
	Contact bool     `json:"contact,omitempty"`
	Names   []string `json:"names,omitempty"` // whom it guards, the first of Count
	Count   int      `json:"count,omitempty"`
	Partly  bool     `json:"partly,omitempty"` // some addresses of the network asked about are let in
	List    string   `json:"list,omitempty"`   // section of acl.conf; empty: written in place
	Rule    string   `json:"rule"`             // the line that decided; empty where the list lets no address in
	At      string   `json:"at"`               // FILE:LINE

	// Free lets the address in and has Asterisk read the file again; Undo takes
	// that back. Both are empty where a line could not do it.
	Free []command.Command `json:"free,omitempty"`
	Undo []command.Command `json:"undo,omitempty"`
	// Note is why no address is let in, or what to mind about Free.
	Note words.Reason `json:"note,omitempty"`
}

// Refuses lists the access lists that keep addresses of p out. A network that
// only part of its addresses pass is refused partly.
func (s *State) Refuses(p netip.Prefix) (list []Refusal) {
	for _, l := range s.Lists {
		some, v := l.ACL.AllowsPrefix(p)
		if v == nil {
			continue
		}
		r := Refusal{Scope: l.Scope, Contact: l.Contact, Names: l.Names, Count: l.Count, Partly: some, List: v.List.Name}
		if v.Rule == nil {
			r.Note, r.At = v.List.Invalid, v.List.At
		} else {
			r.Rule, r.At = v.Rule.Text, v.Rule.At
			s.cure(&r, v.List, l.Contact, p)
		}
		list = append(list, r)
	}
	return list
}

// cure words a line that lets p in, after the last rule of the list: rules are
// read in order and the last that matches decides.
func (s *State) cure(r *Refusal, l *ACLList, contact bool, p netip.Prefix) {
	last := l.Rules[len(l.Rules)-1].At
	i := strings.LastIndexByte(last, ':')
	file, line := last[:i], number(last[i+1:])
	option := "permit=" + p.Masked().String()
	reload := command.New("asterisk", "-rx", "module reload res_pjsip.so")
	switch {
	case l.Name != "":
		reload = command.New("asterisk", "-rx", "module reload acl")
	case s.scopeIsChanSIP(r.Scope):
		reload = command.New("asterisk", "-rx", "sip reload")
	}
	if contact && l.Name == "" {
		option = "contact_" + option
		if s.scopeIsChanSIP(r.Scope) {
			option = "contactpermit=" + p.Masked().String()
		}
	}
	if s.FreePBX && generatedByFreePBX(file) {
		r.Note = because("freepbx-writes", "file", file)
	}
	r.Free = []command.Command{command.InsertLine(file, line+1, option), reload}
	r.Undo = []command.Command{command.DeleteLine(file, line+1, option), reload}
}

func (s *State) scopeIsChanSIP(scope string) bool { return scope == chanSIP || scope == "peer" }

// generatedByFreePBX says whether FreePBX writes the file anew: those without
// "custom" in their names that it ships, or "_additional".
func generatedByFreePBX(file string) bool {
	name := file[strings.LastIndexByte(file, '/')+1:]
	if strings.Contains(name, "custom") {
		return false
	}
	return strings.Contains(name, "_additional") || strings.HasPrefix(name, "pjsip") || name == "sip.conf"
}
