package asteriskconfig

import (
	"cmp"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/platform/command"
	"github.com/sipdoctor/sipdoctor/platform/words"
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
