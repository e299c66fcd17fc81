package asteriskconfig

import (
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Fault is one mistake, in one or several places.
type Fault struct {
	ID         string            `json:"id"` // without that of the check
	Variant    string            `json:"variant,omitempty"`
	Severity   checks.Severity   `json:"severity"`
	Confidence checks.Confidence `json:"confidence"`
	Args       words.Args        `json:"args,omitempty"`

	// Names are the objects it is about, the first mostNames of Count.
	Names []string `json:"names,omitempty"`
	Count int      `json:"count"`
	More  int      `json:"more,omitempty"`  // further faults of this kind, which are not listed
	Lines []Line   `json:"lines,omitempty"` // that prove it, the first mostLines
	Edits []Edit   `json:"edits,omitempty"`
	// Reload makes Asterisk read the files again: pjsip sip dialplan rtp acl;
	// restart where that is not enough.
	Reload string `json:"reload,omitempty"`
	Source string `json:"source,omitempty"` // of the fix

	key  string // what the places have in common, beside the ID
	seen map[string]bool
}

// Line is a line of a file, or the place where one is missing.
type Line struct {
	At   string `json:"at"` // FILE:LINE
	Want string `json:"want,omitempty"`
	Got  string `json:"got"` // the line without a password; empty: there is none
	// Why is what is wrong with it, in words, instead of Got.
	Why words.Reason `json:"why,omitempty"`
}

// Edit is one change to a file. Line is the number that a line has before any
// change.
type Edit struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Drop   string `json:"drop,omitempty"`   // the option that Line sets: it becomes a comment
	Rename string `json:"rename,omitempty"` // the new name of that option instead
	Add    string `json:"add,omitempty"`    // a line to put in after Line
	Object string `json:"object,omitempty"` // the section, and its type, for who may not edit the file itself
	Type   string `json:"type,omitempty"`
}

const (
	// A person reads a handful of places; the count says how many more there are.
	mostNames = 8
	mostLines = 8
	// mostAlike: whoever has corrected as many mistakes of one kind looks again.
	mostAlike = 50
	// mostEdits: beyond these a person changes the template or the program that
	// writes the file.
	mostEdits = 12
)

// faults collects. Those with one ID, variant and key are one.
type faults struct {
	list  []*Fault
	index map[string]*Fault
	kinds map[string][]*Fault // by ID and variant
}

// full reports whether further faults of a kind are counted only, for what costs time
// to find out about each.
func (f *faults) full(id, variant string) bool { return len(f.kinds[id+"/"+variant]) >= mostAlike }

// add notes a fault of an object; an empty name counts none.
func (f *faults) add(x Fault, name string) {
	key := x.ID + "\x00" + x.Variant + "\x00" + x.key
	old := f.index[key]
	if old == nil {
		kind := x.ID + "/" + x.Variant
		if f.full(x.ID, x.Variant) {
			f.kinds[kind][mostAlike-1].More++
			return
		}
		old = &x
		if f.index == nil {
			f.index, f.kinds = map[string]*Fault{}, map[string][]*Fault{}
		}
		f.index[key], f.list, f.kinds[kind] = old, append(f.list, old), append(f.kinds[kind], old)
	} else {
		old.Lines = addNew(old.Lines, x.Lines)
		old.Edits = addNew(old.Edits, x.Edits)
	}
	if old.seen == nil {
		old.seen = map[string]bool{}
	}
	if name != "" && !old.seen[name] {
		old.seen[name] = true
		if old.Count++; len(old.Names) < mostNames {
			old.Names = append(old.Names, name)
		}
	}
}

func addNew[T comparable](list, more []T) []T {
	for _, x := range more {
		if len(list) < 4*mostEdits && !slices.Contains(list, x) {
			list = append(list, x)
		}
	}
	return list
}

// finding words a fault.
func (x *Fault) finding(o *Observed) checks.Finding {
	args := words.Args{"count": max(1, x.Count), "names": checks.FirstN(x.Names, mostNames)}
	for k, v := range x.Args {
		args[k] = v
	}
	if more := x.Count - len(x.Names); more > 0 {
		args["names"] = words.Say("checks.some", words.Args{"list": x.Names, "more": more})
	}
	f := checks.Finding{
		ID: "asterisk-config." + x.ID, Variant: x.Variant, Severity: x.Severity, Confidence: x.Confidence, Args: args, Heard: true,
		Fixes: x.fixes(o),
	}
	for _, l := range x.Lines[:min(len(x.Lines), mostLines)] {
		var want any
		if l.Want != "" {
			want = l.Want
		}
		got := any(l.Got)
		switch {
		case l.Why != "":
			got = l.Why
		case l.Got == "":
			got = words.Say("asterisk-config.evidence.absent", nil)
		}
		f.Evidence = append(f.Evidence, checks.Proof(strings.TrimPrefix(l.At, o.prefix()), want, got))
	}
	if more := max(0, len(x.Lines)-mostLines) + x.More; more > 0 {
		f.Evidence = append(f.Evidence, checks.Proof(words.Say("asterisk-config.evidence.more", nil), nil, more))
	}
	return f
}

// prefix is what of a file's name the reader does not want to see: the folder that
// files which were handed over are taken to be from.
func (o *Observed) prefix() string {
	if o.Saved {
		return confDir
	}
	return ""
}

// docs are the pages that stand behind the fixes.
const (
	docsPJSIP    = "https://docs.asterisk.org/Configuration/Channel-Drivers/SIP/Configuring-res_pjsip/"
	docsNAT      = docsPJSIP + "Configuring-res_pjsip-to-work-through-NAT/"
	docsSections = docsPJSIP + "PJSIP-Configuration-Sections-and-Relationships/"
	docsTrouble  = docsPJSIP + "PJSIP-Troubleshooting-Guide/"
	docsDialplan = "https://docs.asterisk.org/Configuration/Dialplan/Contexts-Extensions-and-Priorities/"
	docsModules  = "https://docs.asterisk.org/Configuration/Core-Configuration/Configuring-the-Asterisk-Module-Loader/"
)

// What makes Asterisk read its files again.
const (
	reloadPJSIP    = "module reload res_pjsip.so"
	reloadSIP      = "sip reload"
	reloadDialplan = "dialplan reload"
	reloadRTP      = "module reload res_rtp_asterisk.so"
	reloadACL      = "module reload acl"
	restart        = "core restart when convenient"
	reloadFreePBX  = "fwconsole reload"
)
