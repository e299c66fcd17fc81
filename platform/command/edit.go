package command

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
)

// optionName is what an option of a configuration file may be called where a
// command names it: nothing that sed or grep would take for syntax.
var optionName = regexp.MustCompile(`^[A-Za-z0-9_@-]{1,64}$`)

// startsWith matches a line that sets an option.
func startsWith(option string) string { return "^[[:space:]]*" + option + "[[:space:]]*[+]*=" }

// rename is sed's command that gives the option of line n another name.
func rename(n int, from, to string) string { return fmt.Sprintf("%ds/%s/%s/", n, from, to) }

var renames = regexp.MustCompile(`^([0-9]+)s/([A-Za-z0-9_@-]{1,64})/([A-Za-z0-9_@-]{1,64})/$`)

// sets is a pattern that startsWith made, before which a comment may stand.
var sets = regexp.MustCompile(`^\^;?\[\[:space:\]\]\*([A-Za-z0-9_@-]{1,64})\[\[:space:\]\]\*\[\+\]\*=$`)

// CommentLine makes a comment of line n, from 1, and fails when that line does not
// set the option any more.
func CommentLine(file string, n int, option string) Command {
	at := strconv.Itoa(n)
	return form("comment-line").with(at, file, startsWith(option), at, file)
}

// UncommentLine takes back what CommentLine did.
func UncommentLine(file string, n int, option string) Command {
	at := strconv.Itoa(n)
	return form("uncomment-line").with(at, file, "^;"+startsWith(option)[1:], at, file)
}

// RenameOption gives the option that line n sets another name, and fails when
// that line sets another one. Back is the same with the names exchanged.
func RenameOption(file string, n int, from, to string) Command {
	return form("rename-option").with(strconv.Itoa(n), file, startsWith(from), rename(n, from, to), file)
}

// checkEdit refuses all but what the three functions make.
func (f form) checkEdit(a []string) error {
	option := ""
	switch f {
	case "rename-option":
		m := renames.FindStringSubmatch(a[3])
		if m == nil || m[1] != a[0] || a[1] != a[4] {
			return fmt.Errorf("%s does not rename one option", quoted(a[3]))
		}
		option = m[2]
	default:
		if a[0] != a[3] || a[1] != a[4] {
			return errors.New("its two programs are about different lines")
		}
		pattern := sets.FindStringSubmatch(a[2])
		if pattern == nil {
			return fmt.Errorf("%s does not name an option", quoted(a[2]))
		}
		option = pattern[1]
	}
	want := startsWith(option)
	if f == "uncomment-line" {
		want = "^;" + want[1:]
	}
	if !optionName.MatchString(option) || a[2] != want {
		return fmt.Errorf("%s does not name an option", quoted(a[2]))
	}
	return checkFiles(a[1])
}
