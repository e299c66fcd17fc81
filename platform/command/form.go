package command

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
	"strings"
)

// A form is a shell line around programs with places for arguments. In JSON it
// is a name: a report cannot bring a line of its own.
type form string

// template is the line of a form. Each ? is one argument, ?* all that are
// left; # is a number, ~ the text of sed's command a.
func (f form) template() string {
	switch f {
	case "delete-line":
		return `sed -n #p ? | grep -Fxq -e ? && sed -i #d ?`
	case "insert-line":
		return `sed -i #a\\~ ?`
	case "insert-first-line":
		return `cp -p ? ? && { printf '%s\n' ?; cat ?; } > ? && rm ?`
	case "comment-line":
		return `sed -n #p ? | grep -Eq -e ? && sed -i '#s/^/;/' ?`
	case "uncomment-line":
		return `sed -n #p ? | grep -Eq -e ? && sed -i '#s/^;//' ?`
	case "rename-option":
		return `sed -n #p ? | grep -Eq -e ? && sed -i -e ? ?`
	case "recent-once":
		return `test ! -e ? || echo ? > ?`
	case "recent":
		return `test ! -e ? || for n in $(seq #); do echo ? > ?; done`
	case "wait-until-fails":
		return `timeout 30 sh -c 'while "$@" > /dev/null 2>&1; do sleep 1; done' sh ?*`
	case "iptables-insert":
		return `? -t ? -S ? # | grep -Fxq -e ? && ? -t ? -I ? # ?*`
	case "nft-delete":
		return `nft -s -a list chain ? ? ? | sed 's/^[[:space:]]*//' | grep -Fxq -e ? && nft delete rule ? ? ? handle #`
	case "nft-insert":
		return `nft -s -a list chain ? ? ? | sed 's/^[[:space:]]*//' | grep -Fxq -e ? && nft insert rule ? ? ? handle # ?`
	case "nft-delete-marked":
		return `h=$(nft -a list chain ? ? ? | grep -F -m 1 -e ?) && nft delete rule ? ? ? handle "${h##* }"`
	}
	return ""
}

// lastWord is the one thing in the lines that looks like a place for an
// argument: it takes the last word of a variable.
const lastWord = "${h##* }"

// places are the kinds of a form's arguments, in order.
func (f form) places() (kinds []byte, open bool) {
	t := strings.ReplaceAll(f.template(), lastWord, "")
	for i := range len(t) {
		if strings.IndexByte("?~#", t[i]) >= 0 {
			kinds = append(kinds, t[i])
		}
	}
	return kinds, strings.Contains(t, "?*")
}

// line fills the template.
func (f form) line(args []string) string {
	var b strings.Builder
	t := f.template()
	for i := 0; i < len(t); i++ {
		switch {
		case strings.HasPrefix(t[i:], lastWord):
			b.WriteString(lastWord)
			i += len(lastWord) - 1
		case strings.HasPrefix(t[i:], "?*"):
			b.WriteString(Quote(args...))
			i++
		case t[i] == '~':
			b.WriteString(quote(strings.ReplaceAll(args[0], `\`, `\\`)))
			args = args[1:]
		case t[i] == '?' || t[i] == '#':
			b.WriteString(quote(args[0]))
			args = args[1:]
		default:
			b.WriteByte(t[i])
		}
	}
	return b.String()
}

// with makes a command of a form, if its arguments fit.
func (f form) with(args ...string) Command {
	c := Command{form: f}
	kinds, open := f.places()
	if len(kinds) == 0 {
		return Impossible("%s is not a form of command", quoted(string(f)))
	}
	if len(args) < len(kinds) || len(args) > len(kinds) && !open {
		return Impossible("the form %s takes %d arguments", f, len(kinds))
	}
	for i, a := range args {
		if i < len(kinds) && kinds[i] == '#' {
			if _, err := strconv.ParseUint(a, 10, 64); err != nil {
				return Impossible("%s is not a number", quoted(a))
			}
		}
		c = c.add(a)
	}
	if c.err == nil {
		c.err = f.check(args)
	}
	return c
}

// check refuses arguments that a form was not made for: names that are syntax
// to nft, programs and files that no cure is about.
func (f form) check(a []string) error {
	switch f {
	case "delete-line":
		if !slices.Equal(a[:2], a[3:]) {
			return errors.New("its two programs are about different lines")
		}
		return checkFiles(a[1])
	case "comment-line", "uncomment-line", "rename-option":
		return f.checkEdit(a)
	case "insert-line":
		return checkFiles(a[2])
	case "insert-first-line":
		return checkFiles(a[0], a[1], a[3], a[4], a[5])
	case "recent", "recent-once":
		return checkFiles(a[0], a[len(a)-1])
	case "wait-until-fails":
		return (Command{args: a}).Err()
	case "iptables-insert":
		if !slices.Equal(a[:4], a[5:9]) {
			return errors.New("its two programs are about different rules")
		}
		return (Command{args: slices.Concat([]string{a[5], "-t", a[6], "-I"}, a[7:])}).Err()
	case "nft-delete", "nft-delete-marked", "nft-insert":
		if !slices.Equal(a[:3], a[4:7]) {
			return errors.New("its two programs are about different chains")
		}
		if f == "nft-insert" {
			return cmp.Or(checkNFTNames(a[:3]...), checkNFT(a[8]))
		}
		return checkNFTNames(a[:3]...)
	}
	return nil
}
