package main

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"html"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/all"
	"github.com/sipdoctor/sipdoctor/platform/lab"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// english is three words in a row: shorter pieces are names and terms.
var english = regexp.MustCompile(`\b[a-z]{2,}[,:;]? [a-z]{2,}[,:;]? [a-z]{2,}\b`)

// foreign is what is the same on every screen: what is typed on a box, inside a
// sentence, where a rule stands and what it is, what programs and the kernel
// print, and what tests of the checks made up or an earlier version recorded.
var foreign = regexp.MustCompile(strings.Join([]string{
	`\(config system [a-z-]+\)`, `/ip firewall connection print count-only where src-address`, `/ip firewall [a-z ]+`, `/system ntp client set`, `nft list ruleset`, `ufw insert 1 allow from АДРЕС to any port`,
	`/ip service (set winbox address|disable telnet,ftp,api)`, `/ip dns set allow-remote-requests`, `telnet, ftp, www, ssh, api, winbox, api-ssl`,
	`\(option helper, set_helper\)`, `uci show firewall \\?\| grep sip`,
	`core restart when convenient`, `core show channels count`, `rtp show settings`, `ip route show table main`,
	`asterisk -rx '?[a-z ]+`, `(pj)?sip show [a-z]+`, `core show [a-z]+`, `sip set debug on`, `systemctl edit asterisk`, `guest, endpoint anonymous`,
	`show sip[a-z -]+`, `show call active voice brief`, `debug ccsip messages`, `bind (media|control) source-interface`, `voice service voip`, `sip-ua, transport udp`,
	`\((No route to destination|Recovery on timer expiry)\)`, `«[^«»а-яё]+»`,
	`(ip6?tables-[a-z]+|nft) (ip6?|inet) [A-Za-z0-9-]+ [A-Za-z0-9-]+:?( rule| policy)?`, `reject with icmp`, `policy accept`, `ipset set`,
	`table full, dropping packet`, `Have not found any log file for sshd jail`, `File contains no section headers`,
	`fail2ban \([a-z, -]+`, `signed by nobody known`, `it no longer answers`, `it wants a certificate`, `the lab's authority`, `it says prohibited`, `The provider of the lab`,
	`the list of (csf|route)`, `its listing is damaged`, `rtpend is below rtpstart`, `the server: no`, `limit: 6 a second`,
}, "|"))

var cyrillic = regexp.MustCompile(`\p{Cyrillic}`)

// A screen speaks one language. What is typed, and where a menu entry is found,
// is the same in both.
func TestAScreenSpeaksOneLanguage(t *testing.T) {
	reports := os.DirFS("../../testdata/reports")
	offices, _ := fs.Glob(reports, "lab/*.json")
	observed, _ := fs.Glob(reports, "observed/*/*.json")
	if len(offices) == 0 || len(observed) == 0 {
		t.Fatal("no recorded reports")
	}
	for _, file := range slices.Concat(offices, observed) {
		raw, err := fs.ReadFile(reports, file)
		if err != nil {
			t.Fatal(err)
		}
		r, err := checks.ReadReport(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		if r, err = checks.Rejudge(r, all.Checks()); err != nil {
			t.Fatal(err)
		}
		typed := typedLines(r)
		for lang, wrong := range map[words.Lang]*regexp.Regexp{words.Russian: english, words.English: cyrillic} {
			for _, format := range []string{"text", "markdown", "html"} {
				var b bytes.Buffer
				show := reporting{format: format, color: "never", verbose: true}
				if err := show.show(t.Context(), streams{Out: &b, Lang: lang}, r); err != nil {
					t.Fatal(err)
				}
				shown := b.String()
				if format == "html" {
					shown = editionIn(shown, lang)
				}
				// Sentences go on over lines.
				text := foreign.ReplaceAllString(unwrap(typed.Replace(strings.ReplaceAll(shown, `\_`, "_"))), "")
				text = names.ReplaceAllString(text, "")
				for _, found := range wrong.FindAllStringIndex(text, -1) {
					t.Errorf("%s as %s in %s: …%s…", file, format, lang, text[max(0, found[0]-50):min(len(text), found[1]+60)])
				}
			}
		}
	}
}

// editionIn is what a page says in one language, each element on a line of its own.
func editionIn(page string, lang words.Lang) string {
	_, rest, _ := strings.Cut(page, `<main id="`+string(lang)+`"`)
	text, _, _ := strings.Cut(rest, "</main>")
	text = regexp.MustCompile(`(?s)<span class="unseen">.*?</td>|<th scope="col" colspan="2">.*?</th>`).ReplaceAllString(text, "") // what strangers wrote: messages, and what they call themselves
	return html.UnescapeString(regexp.MustCompile(`<[^>]*>`).ReplaceAllString("<"+text, "\n\n"))
}

// unwrap joins the lines of a text, except where an empty one or a new item
// stands between.
func unwrap(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		item := strings.TrimSpace(line)
		if item == "" || strings.ContainsAny(item[:1], "|*#-") {
			b.WriteString("\n")
		}
		b.WriteString(item + " ")
	}
	return b.String()
}

// typedLines takes the commands of a report out of a line.
func typedLines(r *checks.Report) *strings.Replacer {
	var list []string
	for _, res := range r.Results {
		for _, f := range res.Findings {
			for _, x := range f.Fixes {
				for _, line := range slices.Concat(x.Commands, x.Undo, x.Verify) {
					list = append(list, line, "")
				}
			}
		}
	}
	return strings.NewReplacer(list...)
}

// What the commands say is complete in every language.
func TestOwnWords(t *testing.T) {
	if err := book().Problems(); err != nil {
		t.Error(err)
	}
}

func TestTheLanguageOfACommandLine(t *testing.T) {
	for line, want := range map[string]words.Lang{
		"check": words.English, "check --lang ru": words.Russian, "--lang=ru check": words.Russian, "check --lang": words.English,
		"check --lang fr": words.English, "lab clean -- echo --lang ru": words.English,
	} {
		if got := languageOf(strings.Fields(line), words.English); got != want {
			t.Errorf("%s: %s, want %s", line, got, want)
		}
	}
}

// Whoever mistypes a command is told so in his language.
func TestMistakesInRussian(t *testing.T) {
	// No check was run here before, by this user or by one with sudo.
	t.Setenv("STATE_DIRECTORY", t.TempDir())
	t.Setenv("SUDO_UID", "")
	for _, line := range []string{
		"chek", "help chek", "completion bsh", "completion bash please", "check --formt json", "check -Z", "check --profile",
		"check --format yaml", "checks --format yaml", "check --color sometimes", "check --quiet --verbose", "check --quiet --format json",
		"check sipalg", "check --skip sipalg", "check sip-alg --skip sip-alg", "check nat-lifetime --ladder 900",
		"check nat-lifetime --ladder 1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1",
		"check --responder vps.example.net --responder-fingerprint 12:34",
		"check --responder-fingerprint 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
		"check --bind no-such-interface", "check --bind 192.0.2.77", "check --timeout soon", "check --timeout -5s", "check --rate many",
		"check --rate -1", "check --fast --router-entries 5", "check --router-entries -1",
		"check --inbound", "check --account 100", "check --account 1<0@pbx.example.net", "check --account 100@pbx.example.net:5060",
		"check --password-file x", "check --account 100@pbx.example.net", "check nat --account 100@pbx.example.net",
		"check --account 100@pbx.example.net --watch", "check --again",
		"lab sipalg", "lab clean sip-alg", "lab -- sh", "lab clean --memory -- sh", "version please", "checks nat dns", "checks sipalg",
		"why", "why 198.51.100", "why 198.51.100.7:5060", "why 198.51.100.7/33", "why pbx.example.net", "why 198.51.100.7/24",
		"check --responder vps.example.net:70000", "check --sip-server http://pbx.example.net", "check --stun 192.168.1.256", "check --rtp-range 5-4",
		"check --sip-server sip:pbx.example.net", "check --rtp-range 10000-70000", "why 192.0.2.9 --udp 70-60", "why 192.0.2.9 --tcp sip",
		"check --profile nonsense", "profiles telnix", "report nowhere.json", "fix nowhere.json",
		"check --output no/such/directory/report.json", "check --output .", "pbx --collect same --output same", "profiles lint", "report", "fix", "fix x --apply --undo", "fix x --yes", "fix - --apply",
		"serve --listen x", "serve --sip-ports 0", "serve --max-sessions 0", "serve --control x", "serve --tls-cert x", "serve x",
	} {
		var out, errs bytes.Buffer
		status := run(t.Context(), append([]string{"--lang=ru"}, strings.Fields(line)...), strings.NewReader(""), &out, &errs)
		text := names.ReplaceAllString(errs.String(), "")
		if status != statusUsage || english.MatchString(text) || !cyrillic.MatchString(text) {
			t.Errorf("%s: status %d\n%s", line, status, errs.String())
		}
	}
}

// names are of commands, and lists of what there is.
var names = regexp.MustCompile(`sipdoctor:?( [a-z]+)*|есть [^;\n]*`)

// Every message that the program says is in the words, gets the values that it
// names, and no other is there.
func TestMessagesAndTheirValues(t *testing.T) {
	said := map[string]bool{}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	files = slices.DeleteFunc(files, func(f string) bool { return strings.HasSuffix(f, "_test.go") })
	for _, file := range files {
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			for i, arg := range call.Args {
				id, ok := arg.(*ast.BasicLit)
				if !ok || !strings.HasPrefix(id.Value, `"say.`) {
					continue
				}
				name := strings.Trim(id.Value, `"`)
				said[name] = true
				wanted, err := book().Names(name)
				if err != nil {
					t.Errorf("%s: %s: %v", file, name, err)
				}
				var given []string
				if i+1 < len(call.Args) {
					if args, ok := call.Args[i+1].(*ast.CompositeLit); ok {
						for _, e := range args.Elts {
							given = append(given, strings.Trim(e.(*ast.KeyValueExpr).Key.(*ast.BasicLit).Value, `"`))
						}
					} else if x, ok := call.Args[i+1].(*ast.Ident); !ok || x.Name != "nil" {
						continue // made elsewhere
					}
				}
				slices.Sort(given)
				if !slices.Equal(given, wanted) {
					t.Errorf("%s: %s is given %v, and names %v", file, name, given, wanted)
				}
			}
			return true
		})
	}
	for _, s := range lab.Scenarios() {
		said["say.scenario."+s.Name+".title"], said["say.scenario."+s.Name+".story"] = true, true
	}
	for id := range said {
		if !book().Has(id) {
			t.Errorf("%s is not in the words", id)
		}
	}
	for _, id := range book().IDs() {
		if strings.HasPrefix(id, "say.") && !said[id] {
			t.Errorf("nobody says %s", id)
		}
	}
}

// What the commands list is in the user's language; what is typed, and what a
// provider says, is what it is.
func TestListsInRussian(t *testing.T) {
	for _, line := range []string{"lab", "lab clean --memory --quiet=false", "profiles sipnet"} {
		var out, errs bytes.Buffer
		run(t.Context(), append([]string{"--lang=ru"}, strings.Fields(line)...), strings.NewReader(""), &out, &errs)
		if !cyrillic.MatchString(out.String()) || errs.Len() > 0 {
			t.Errorf("%s: %s%s", line, out.String(), errs.String())
		}
		for text := range strings.Lines(out.String()) {
			if strings.HasPrefix(line, "lab") && english.MatchString(names.ReplaceAllString(text, "")) {
				t.Errorf("%s: %s", line, text)
			}
		}
	}
}

func TestTheLanguageOfALocale(t *testing.T) {
	for name, c := range map[string]struct {
		env  map[string]string
		want words.Lang
	}{
		"none":                     {nil, words.English},
		"Russian":                  {map[string]string{"LANG": "ru_RU.UTF-8"}, words.Russian},
		"messages in English":      {map[string]string{"LANG": "ru_RU.UTF-8", "LC_MESSAGES": "C"}, words.English},
		"all in Russian":           {map[string]string{"LANG": "C", "LC_ALL": "ru_RU.utf8"}, words.Russian},
		"a terminal without UTF-8": {map[string]string{"LANG": "ru_RU.KOI8-R"}, words.English},
		"another language":         {map[string]string{"LANG": "de_DE.UTF-8"}, words.English},
	} {
		if got := localeLanguage(func(name string) string { return c.env[name] }); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}
