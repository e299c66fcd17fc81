package render

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"mvdan.cc/sh/v3/syntax"
)

// programs are those that a printed command may start, and the shell's own
// words for trying, waiting and writing a line.
func programs() []string {
	return []string{
		"iptables", "iptables-nft", "iptables-legacy", "ip6tables", "ip6tables-nft", "ip6tables-legacy",
		"nft", "ipset", "ip", "conntrack", "sysctl", "fail2ban-client", "cscli", "firewall-cmd", "ufw", "csf", "apf",
		"fwconsole", "asterisk", "kamcmd", "systemctl", "service", "sipdoctor", "sed", "grep", "printf", "echo", "test", "[",
		"sleep", "timeout", "sh", "true", "false", "cat", "tee", "cp", "mv", "rm", "mkdir", "chmod", "install", "denyhosts", "sshguard",
	}
}

var (
	placeholder = regexp.MustCompile(`<[a-z][a-z -]*>`)
	counting    = regexp.MustCompile(`\$\(seq [0-9]+\)`) // of a loop that says how often
)

const controlBytes = "control bytes"

// commandFaults says what a line would do in a POSIX shell beside starting
// known programs with fixed words. Whatever comes from strangers may be a word
// and nothing else.
func commandFaults(line string) (faults []string) {
	if !utf8.ValidString(line) || strings.ContainsFunc(line, unicode.IsControl) {
		return []string{controlBytes}
	}
	// What the reader is to replace: <address>.
	line = placeholder.ReplaceAllString(line, "word")
	line = counting.ReplaceAllString(line, "1")
	file, err := syntax.NewParser(syntax.Variant(syntax.LangPOSIX)).Parse(strings.NewReader(line), "")
	if err != nil {
		return []string{"not a command: " + err.Error()}
	}
	handles := map[*syntax.CmdSubst]bool{}
	add := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	syntax.Walk(file, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.CmdSubst:
			if !handles[n] {
				add("%T", n)
			}
		case *syntax.ParamExp:
			if !isHandle(n) {
				add("%T", n)
			}
		case *syntax.ProcSubst, *syntax.ArithmExp, *syntax.ExtGlob, *syntax.FuncDecl:
			add("%T", n)
		case *syntax.Stmt:
			if n.Background || n.Coprocess {
				add("something in the background")
			}
		case *syntax.Redirect:
			if name, ok := fixedWord(n.Word); !ok || !slices.ContainsFunc([]string{"/etc/", "/var/lib/sshguard/", "/var/lib/denyhosts/", "/proc/net/xt_recent/", "/dev/null", "1", "2"}, func(p string) bool { return strings.HasPrefix(name, p) }) {
				add("a redirection to %q", name)
			}
		case *syntax.CallExpr:
			for _, a := range n.Assigns {
				if s := handleOf(a); s != nil && len(n.Args) == 0 {
					handles[s] = true
				} else {
					add("an assignment")
				}
			}
			faults = append(faults, callFaults(n.Args)...)
		}
		return true
	})
	return faults
}

// handleOf returns what looks a rule's handle up: h=$(nft -a list … | grep …). Its
// commands are judged like all others.
func handleOf(a *syntax.Assign) *syntax.CmdSubst {
	if a.Name == nil || a.Name.Value != "h" || a.Value == nil || len(a.Value.Parts) != 1 {
		return nil
	}
	s, _ := a.Value.Parts[0].(*syntax.CmdSubst)
	return s
}

// isHandle reports whether an expansion is the end of what was looked up.
func isHandle(p *syntax.ParamExp) bool {
	return p.Param != nil && p.Param.Value == "h" && p.Index == nil && p.Slice == nil && p.Repl == nil && !p.Length && !p.Excl
}

// callFaults looks at one simple command.
func callFaults(args []*syntax.Word) (faults []string) {
	var words []string
	for _, w := range args {
		text, ok := fixedWord(w)
		if !ok {
			return []string{"a word that is not fixed"}
		}
		words = append(words, text)
	}
	if len(words) > 2 && words[0] == "timeout" {
		words = words[2:]
	}
	switch {
	case len(words) == 0:
		return nil
	case !slices.Contains(programs(), words[0]):
		return []string{fmt.Sprintf("it starts %q", words[0])}
	case words[0] == "sh":
		if len(words) < 3 || words[1] != "-c" {
			return []string{"a shell that is not given a line"}
		}
		line := words[2]
		if len(words) > 4 { // words for the line's "$@"; the one before them is the shell's own name
			var quoted []string
			for _, w := range words[4:] {
				quoted = append(quoted, "'"+strings.ReplaceAll(w, "'", `'\''`)+"'")
			}
			line = strings.ReplaceAll(line, `"$@"`, strings.Join(quoted, " "))
		}
		return commandFaults(line)
	case words[0] == "nft":
		return nftFaults(strings.Join(words[1:], " "))
	}
	return nil
}

// fixedWord returns what a word stands for when no expansion can change it.
func fixedWord(w *syntax.Word) (string, bool) {
	var b strings.Builder
	for _, p := range w.Parts {
		switch p := p.(type) {
		case *syntax.Lit:
			if strings.ContainsAny(p.Value, "*?~") {
				return p.Value, false // the shell looks for files
			}
			b.WriteString(strings.ReplaceAll(p.Value, `\`, ""))
		case *syntax.SglQuoted:
			b.WriteString(p.Value)
			if p.Dollar {
				return "", false
			}
		case *syntax.DblQuoted:
			for _, inner := range p.Parts {
				lit, ok := inner.(*syntax.Lit)
				x, expands := inner.(*syntax.ParamExp)
				switch {
				case p.Dollar:
					return "", false
				case ok:
					b.WriteString(lit.Value)
				case expands && isHandle(x) && len(p.Parts) == 1:
					b.WriteString("1")
				default:
					return "", false
				}
			}
		default:
			return "", false
		}
	}
	return b.String(), true
}

// nftFaults looks at nft's arguments as nft does: joined by blanks, and read as
// a language of its own, in which only a quoted string is opaque.
func nftFaults(joined string) []string {
	quoted, depth := false, 0
	for i, c := range joined {
		switch {
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{':
			depth++
		case c == '}':
			depth--
		case c == ';', c == '\n', c == '#':
			return []string{fmt.Sprintf("nft reads a second command at %q", joined[i:])}
		}
		if depth < 0 {
			return []string{fmt.Sprintf("nft reads a closing brace at %q", joined[i:])}
		}
	}
	if quoted || depth != 0 {
		return []string{fmt.Sprintf("nft reads on beyond %q", joined)}
	}
	return nil
}
