package asteriskconfig

import (
	"cmp"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/platform/command"
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
	// mostEdits: beyond these a person changes the template or the program that
	// writes the file.
	mostEdits = 12
)

// faults collects. Those with one ID, variant and key are one.
type faults struct {
	list  []*Fault
	index map[string]*Fault
}

// add notes a fault of an object; an empty name counts none.
func (f *faults) add(x Fault, name string) {
	key := x.ID + "\x00" + x.Variant + "\x00" + x.key
	old := f.index[key]
	if old == nil {
		old = &x
		if f.index == nil {
			f.index = map[string]*Fault{}
		}
		f.index[key], f.list = old, append(f.list, old)
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
	if more := len(x.Lines) - mostLines; more > 0 {
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

// fixes are the edits as commands on the machine, or as lines for a person where
// the files are copies, or are written by FreePBX.
func (x *Fault) fixes(o *Observed) []fixes.Fix {
	if len(x.Edits) == 0 || len(x.Edits) > mostEdits {
		return nil
	}
	generated := o.FreePBX && slices.ContainsFunc(x.Edits, func(e Edit) bool { return byFreePBX(e.File) })
	var list []fixes.Fix
	files := filesOf(x.Edits)
	switch {
	case generated:
		list = fixes.ByHand("asterisk-edit-freepbx", nil, freePBXLines(x.Edits), nil)
	case o.Saved:
		do, undo := handLines(x.Edits)
		list = fixes.ByHand("asterisk-edit-by-hand", words.Args{"files": files}, append(do, reload(x.Reload).String()), append(undo, reload(x.Reload).String()))
	default:
		list = fixes.Build("asterisk-edit", "", words.Args{"files": files, "restart": x.Reload == "restart"}, steps(x.Edits, reload(x.Reload))...)
	}
	for i := range list {
		list[i].Source = cmp.Or(x.Source, docsSections)
	}
	return list
}

func filesOf(edits []Edit) (list []string) {
	for _, e := range edits {
		if name := path.Base(e.File); !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	return list
}

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

func reload(what string) command.Command {
	switch what {
	case "sip":
		return command.New("asterisk", "-rx", reloadSIP)
	case "dialplan":
		return command.New("asterisk", "-rx", reloadDialplan)
	case "rtp":
		return command.New("asterisk", "-rx", reloadRTP)
	case "acl":
		return command.New("asterisk", "-rx", reloadACL)
	case "restart":
		return command.New("asterisk", "-rx", restart)
	}
	return command.New("asterisk", "-rx", reloadPJSIP)
}

// fromTheEnd orders edits so that none moves the line of another.
func fromTheEnd(edits []Edit) []Edit {
	edits = slices.Clone(edits)
	slices.SortStableFunc(edits, func(a, b Edit) int {
		return cmp.Or(cmp.Compare(a.File, b.File), -cmp.Compare(a.Line, b.Line))
	})
	return edits
}

func steps(edits []Edit, again command.Command) []command.Step {
	s := command.Step{}
	var undo []command.Command
	for _, e := range fromTheEnd(edits) {
		var back []command.Command
		if e.Add != "" {
			s.Do = append(s.Do, command.InsertLine(e.File, e.Line+1, e.Add))
			back = append(back, command.DeleteLine(e.File, e.Line+1, e.Add))
		}
		switch {
		case e.Rename != "":
			s.Do = append(s.Do, command.RenameOption(e.File, e.Line, e.Drop, e.Rename))
			back = append(back, command.RenameOption(e.File, e.Line, e.Rename, e.Drop))
		case e.Drop != "":
			s.Do = append(s.Do, command.CommentLine(e.File, e.Line, e.Drop))
			back = append(back, command.UncommentLine(e.File, e.Line, e.Drop))
		}
		undo = append(back, undo...)
	}
	s.Do, s.Undo = append(s.Do, again), append(undo, again)
	return []command.Step{s}
}

// handLines are the edits as a person reads them: what goes and what comes, by
// file and line.
func handLines(edits []Edit) (do, undo []string) {
	for _, e := range fromTheEnd(edits) {
		at := path.Base(e.File) + ":" + strconv.Itoa(e.Line) + ": "
		switch {
		case e.Rename != "":
			do, undo = append(do, at+"- "+e.Drop+"="), append(undo, at+"+ "+e.Drop+"=")
			do, undo = append(do, at+"+ "+e.Rename+"="), append(undo, at+"- "+e.Rename+"=")
		case e.Drop != "":
			do, undo = append(do, at+"- "+e.Drop+"="), append(undo, at+"+ "+e.Drop+"=")
		}
		if e.Add != "" {
			do, undo = append(do, at+"+ "+e.Add), append(undo, at+"- "+e.Add)
		}
	}
	return do, undo
}

// byFreePBX reports whether FreePBX writes a file anew.
func byFreePBX(file string) bool {
	name := path.Base(file)
	return !strings.Contains(name, "custom") && (strings.Contains(name, "_additional") || strings.HasPrefix(name, "pjsip") || name == "sip.conf" || strings.HasPrefix(name, "extensions"))
}

// freePBXLines add to sections that FreePBX writes, in the files that it includes
// after them and leaves alone.
func freePBXLines(edits []Edit) (lines []string) {
	for _, e := range edits {
		name := cmp.Or(e.Rename, e.Drop)
		if e.Add == "" || e.Object == "" {
			lines = append(lines, path.Base(e.File)+":"+strconv.Itoa(e.Line)+": "+name)
			continue
		}
		section := "[" + e.Object + "](+)"
		if e.Type != "" {
			section = "[" + e.Object + "](+type=" + e.Type + ")"
		}
		lines = append(lines, "/etc/asterisk/"+customFile(e.Type)+": "+section, "/etc/asterisk/"+customFile(e.Type)+": "+e.Add)
	}
	return append(lines, reloadFreePBX)
}

func customFile(kind string) string {
	switch kind {
	case "transport":
		return "pjsip.transports_custom_post.conf"
	case "endpoint", "aor", "auth", "identify", "registration":
		return "pjsip." + kind + "_custom_post.conf"
	}
	return "sip_custom_post.conf"
}
