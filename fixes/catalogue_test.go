package fixes

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/platform/words"
)

var update = flag.Bool("update", false, "write docs/routers.md anew from the catalogue")

func TestTheCatalogueIsComplete(t *testing.T) {
	if err := lint(catalogueFiles); err != nil {
		t.Fatal(err)
	}
	docs := catalogue()
	// The routers that the program promises a cure for a SIP ALG.
	promised := strings.Fields(`mikrotik openwrt linux-nftables linux-iptables linux-modules fortigate cisco-ios cisco-asa
		juniper-srx pfsense opnsense edgerouter vyos unifi keenetic tp-link asus zyxel draytek sonicwall sophos palo-alto
		fritzbox netgear d-link linksys huawei technicolor tomato dd-wrt watchguard bt-home-hub generic`)
	for _, slug := range promised {
		if !slices.ContainsFunc(docs, func(d document) bool {
			return d.Platform == slug && slices.ContainsFunc(d.Fixes, func(r row) bool { return r.Problem == SIPALG && !r.More })
		}) {
			t.Errorf("no cure for a SIP ALG on %s", slug)
		}
	}
	onServers := []string{ExemptAddress, LetIn, BanPorts, BansLost, JailLog, TLSCertificate, SIPService, DNSRecords} // nothing that a router cures
	for _, p := range problems() {
		if slices.Contains(onServers, p) {
			continue
		}
		if len(collect(p, genericPlatform, nil, nil)) == 0 {
			t.Errorf("nothing generic against %s", p)
		}
		if len(collect(p, "mikrotik", nil, nil)) == 0 && p != DNSRebind { // RouterOS has no such protection
			t.Errorf("nothing for MikroTik against %s", p)
		}
	}
}

func TestEveryFixSaysWhatToDoAndHowToGoBack(t *testing.T) {
	for _, p := range problems() {
		for _, f := range allFixes(p) {
			name := f.Platform + "/" + f.ID
			if len(f.Commands) == 0 || len(f.Verify) == 0 || f.Source == "" || f.Where == "" {
				t.Errorf("%s: commands, verify, source or where is missing: %+v", name, f)
			}
			if f.Form != FormAdvice && len(f.Undo) == 0 {
				t.Errorf("%s: no undo", name)
			}
			for _, line := range f.UnverifiedLines {
				if !slices.Contains(slices.Concat(f.Commands, f.Undo, f.Verify), line) {
					t.Errorf("%s: not verified is %q, which nobody is shown", name, line)
				}
			}
			for _, line := range slices.Concat(f.Commands, f.Undo, f.Verify) {
				if strings.ContainsAny(line, "\n\r\x1b") || strings.Contains(line, "{{.") {
					t.Errorf("%s: %q is no line to type", name, line)
				}
			}
		}
	}
}

func TestTheBuiltCuresAreComplete(t *testing.T) {
	for id, r := range built() {
		for _, fault := range r.faults(id) {
			t.Errorf("built.yaml: %s: %s", id, fault)
		}
	}
}

// Several files hold the same line; a correction must reach all of them.
func TestEveryLinuxEndsSessionsInTheSameWay(t *testing.T) {
	found := 0
	for _, f := range allFixes(SIPALG) {
		for _, line := range f.Commands {
			if f.Form == FormShell && strings.Contains(line, "conntrack -D") {
				found++
				if diff := cmp.Diff(flushSIPEntries(), line); diff != "" {
					t.Errorf("%s/%s (-want +got)\n%s", f.Platform, f.ID, diff)
				}
			}
		}
	}
	if found < 5 {
		t.Errorf("only %d fixes end sessions", found)
	}
}

func TestBadRowsAreRefusedByFileAndLine(t *testing.T) {
	const good = `platform: box
name: A box
fixes:
  - id: switch-off
    problem: sip-alg
    title: Switch it off
    where: router
    form: console
    commands: [off]
    undo: ["on"]
    source: https://example.net/box
    translations:
      ru: {title: Выключить}
translations: {ru: {name: Коробка}}
`
	const noRussianNote = "\ncatalogue/box.yaml:4: switch-off: note in ru is missing, or has no note in English"
	tests := []struct{ name, old, new, want string }{
		{"a good one", "", "", ""},
		{"a misspelt key", "undo:", "undoo:", "catalogue/box.yaml: yaml: unmarshal errors:\n  line 10: field undoo not found in type fixes.row"},
		{"the same key twice", "    commands: [off]\n", "    commands: [off]\n    commands: [off]\n", `catalogue/box.yaml: yaml: unmarshal errors:
  line 10: mapping key "commands" already defined at line 9`},
		{"no undo", "    undo: [\"on\"]\n", "", "catalogue/box.yaml:4: switch-off: changes state but has no undo"},
		{"no source", "https://example.net/box", `""`, `catalogue/box.yaml:4: switch-off: source "" is neither an address nor a named public document` + "\n" + "catalogue/box.yaml:4: switch-off: no source"},
		{"hearsay as source", "https://example.net/box", "somebody said so", `catalogue/box.yaml:4: switch-off: source "somebody said so" is neither an address nor a named public document`},
		{"general knowledge not marked", "https://example.net/box", "general knowledge", `catalogue/box.yaml:4: switch-off: source "general knowledge" is neither an address nor a named public document`},
		{"one line marked", "    source:", "    unverified_lines: [\"on\"]\n    source:", ""},
		{"a line marked that is not there", "    source:", "    unverified_lines: [\"reboot\"]\n    source:", `catalogue/box.yaml:4: switch-off: unverified line "reboot" is none of the row's lines`},
		{"a line marked in a row that is marked", "    source:", "    unverified: true\n    unverified_lines: [\"on\"]\n    source:", `catalogue/box.yaml:4: switch-off: unverified already speaks of all lines`},
		{"general knowledge in the note", "    source:", "    note: The undo is general knowledge.\n    source:", `catalogue/box.yaml:4: switch-off: the note says "general knowledge": say which lines are not verified, in unverified_lines` + noRussianNote},
		{"a forum without an address", "https://example.net/box", "a forum (public rumours)", `catalogue/box.yaml:4: switch-off: source "a forum (public rumours)" is neither an address nor a named public document`},
		{"a place nobody knows", "where: router", "where: attic", `catalogue/box.yaml:4: switch-off: where "attic" is unknown`},
		{"a problem nobody knows", "problem: sip-alg", "problem: ghosts", `catalogue/box.yaml:4: switch-off: problem "ghosts" is unknown` + "\ncatalogue/box.yaml:4: switch-off: no verify"},
		{"a line break in a command", "[off]", `["off\nreboot"]`, `catalogue/box.yaml:4: switch-off: "off\nreboot" is not one printable line without spaces around it`},
		{"an escape sequence in a command", "[off]", `["off\u001b[2J"]`, `catalogue/box.yaml:4: switch-off: "off\x1b[2J" is not one printable line without spaces around it`},
		{"a variable nobody knows", "[off]", `["off {{.Cat}}"]`, `catalogue/box.yaml:4: switch-off: variable Cat is unknown`},
		{"a template that does more than name", "[off]", `["off {{printf 1}}"]`, `catalogue/box.yaml:4: switch-off: "off {{printf 1}}": braces that are no {{.Variable}}`},
		{"a placeholder in a shell", "form: console\n    commands: [off]", "form: shell\n    commands: [\"off {{.PBX}}\"]\n    defaults: {PBX: <address>}", `catalogue/box.yaml:4: switch-off: placeholder <address> in a shell command`},
		{"shouting", "Switch it off", "Switch it off!", "catalogue/box.yaml:4: switch-off: no exclamation marks"},
		{"another platform in the file", "platform: box", "platform: crate", `catalogue/box.yaml: platform is "crate", the file's name says "box"`},
		{"a pointer into the void", "    commands: [off]\n    undo: [\"on\"]\n", "    same_as: box/nothing\n", `catalogue/box.yaml:4: same_as "box/nothing" names no row with commands of its own, or this row has its own
catalogue/box.yaml:4: switch-off: no commands
catalogue/box.yaml:4: switch-off: changes state but has no undo`},
		{"a second document", "Коробка}}\n", "Коробка}}\n---\nname: more\n", "catalogue/box.yaml: there must be one YAML document and nothing after it"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, faultsOf(strings.Replace(good, tt.old, tt.new, 1))); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// faultsOf is what the lint says of a catalogue of one file.
func faultsOf(text string) string {
	if err := lint(fstest.MapFS{"catalogue/box.yaml": {Data: []byte(text)}}); err != nil {
		return err.Error()
	}
	return ""
}

func TestRowsThatAreNotTranslatedAreRefused(t *testing.T) {
	const good = `platform: box
name: A box with a switch
sip_alg: "the switch on its back"
fixes:
  - id: switch-off
    problem: sip-alg
    title: Switch it off for {{.PBX}}
    where: router
    form: menu
    commands: ["Admin > SIP: add {{.PBX}}; apply", reboot]
    undo: ["Remove {{.PBX}}"]
    verify: ["The lamp is off"]
    note: Restart the box afterwards.
    defaults: {PBX: <address of the PBX>}
    source: https://example.net/box
    translations:
      ru:
        title: Выключить для {{.PBX}}
        note: Затем перезапустите устройство.
        commands: ["Admin > SIP: добавьте {{.PBX}}; примените", reboot]
        undo: ["Удалите {{.PBX}}"]
        verify: [Лампа не горит]
translations: {ru: {name: Коробка с выключателем, sip_alg: выключатель сзади}}
`
	const row = "catalogue/box.yaml:5: switch-off: "
	tests := []struct{ name, old, new, want string }{
		{"a good one", "", "", ""},
		{"no title", "        title: Выключить для {{.PBX}}\n", "", row + "no title in ru"},
		{"a title in lower case", "Выключить", "выключить", row + "title in ru must be a verb phrase that starts with a capital"},
		{"a title with a full stop", "Выключить для {{.PBX}}", "Выключить для {{.PBX}}.", row + "title in ru must be a verb phrase that starts with a capital"},
		{"a title in English", "Выключить для {{.PBX}}", "Switch it off for {{.PBX}}", row + `"Switch it off for {{.PBX}}" is not in ru`},
		{"a title without its variable", "Выключить для {{.PBX}}", "Выключить", row + `"Выключить" does not name the variables of "Switch it off for {{.PBX}}"`},
		{"no note", "        note: Затем перезапустите устройство.\n", "", row + "note in ru is missing, or has no note in English"},
		{"a note that English does not have", "    note: Restart the box afterwards.\n", "", row + "note in ru is missing, or has no note in English"},
		{"a note with another variable", "перезапустите устройство", "перезапустите {{.Phone}}", row + `"Затем перезапустите {{.Phone}}." does not name the variables of "Restart the box afterwards."`},
		{"shouting", "устройство.", "устройство!", row + "no exclamation marks"},
		{"no undo", "        undo: [\"Удалите {{.PBX}}\"]\n", "", row + `"Remove {{.PBX}}" is not in ru`},
		{"no verify", "        verify: [Лампа не горит]\n", "", row + `"The lamp is off" is not in ru`},
		{"a line less", "примените\", reboot]", "примените\"]", row + "commands in ru has 1 lines, not 2"},
		{"a line for a menu in English", "добавьте {{.PBX}}; примените", "add {{.PBX}}; apply", row + `"Admin > SIP: add {{.PBX}}; apply" is not in ru`},
		{"a line with another variable", "добавьте {{.PBX}}", "добавьте {{.Phone}}", row + `"Admin > SIP: добавьте {{.Phone}}; примените" does not name the variables of "Admin > SIP: add {{.PBX}}; apply"`},
		{"a line to type that is translated", "примените\", reboot]", "примените\", перезагрузка]", row + `"reboot" is to be typed and the same in every language, not "перезагрузка"`},
		{"a line to type in Cyrillic", "apply\", reboot]", "apply\", rеboot]", row + `"rеboot" is not English` + "\n" + row + `"rеboot" is to be typed and the same in every language, not "reboot"`},
		{"a line break", "Лампа не горит", `"Лампа\nне горит"`, row + `"Лампа\nне горит" is not one printable line without spaces around it`},
		{"more than a variable", "Лампа не горит", `"Лампа {{printf 1}}"`, row + `"Лампа {{printf 1}}": braces that are no {{.Variable}}`},
		{"a placeholder that no language has", "<address of the PBX>", "<the name of the cat>", row + "placeholder <the name of the cat> has no words in ru, in phrases.yaml"},
		{"a source that no language names", "https://example.net/box", "RFC 1, section 2", row + `source "RFC 1, section 2" has no words in ru, in phrases.yaml`},
		{"a source that is a manual page", "https://example.net/box", "box(8), box.conf(5)", ""},
		{"a language that nobody speaks", "      ru:\n", "      tlh: {title: nuqneH}\n      ru:\n", row + `translations into "tlh", which the program does not speak`},
		{"a box without a name", "name: Коробка с выключателем, ", "", "catalogue/box.yaml: no name in ru"},
		{"a box with an English name", "Коробка с выключателем", "A box", `catalogue/box.yaml: the name "A box" is not in ru`},
		{"a box whose switch hides", ", sip_alg: выключатель сзади", "", "catalogue/box.yaml: no sip_alg in ru, or one that is not in English"},
		{"a box whose switch hides in English", "выключатель сзади", "behind it", `catalogue/box.yaml: the sip_alg "behind it" is not in ru`},
		{"a box in a language that nobody speaks", "translations: {ru", "translations: {tlh: {name: x}, ru", `catalogue/box.yaml: translations into "tlh", which the program does not speak`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := strings.Replace(good, tt.old, tt.new, 1)
			if tt.old != "" && text == good {
				t.Fatal("nothing was changed")
			}
			if diff := cmp.Diff(tt.want, faultsOf(text)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

var placeholders = regexp.MustCompile(`<[A-Za-z]+>`)

func TestShellCommandsAreShell(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no sh on this machine")
	}
	for _, p := range problems() {
		for _, f := range allFixes(p) {
			if f.Form != FormShell {
				continue
			}
			for _, line := range slices.Concat(f.Commands, f.Undo, f.Verify) {
				if strings.HasPrefix(line, "sipdoctor ") {
					continue
				}
				line = placeholders.ReplaceAllString(line, "value") // what the program puts in is a plain word
				if out, err := exec.Command(sh, "-n", "-c", line).CombinedOutput(); err != nil {
					t.Errorf("%s/%s: %s\n%s", f.Platform, f.ID, line, out)
				}
			}
		}
	}
}

func TestTheDocumentAboutRoutersIsUpToDate(t *testing.T) {
	const path = "../docs/routers.md"
	want := routersDocument()
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, strings.ReplaceAll(string(got), "\r\n", "\n")); diff != "" {
		t.Errorf("run go test ./fixes -update (-want +got)\n%s", diff)
	}
}

// routersDocument writes the catalogue for people who read documents.
func routersDocument() string {
	var b strings.Builder
	b.WriteString("# Fixes by router\n\nMade from `fixes/catalogue` by `go test ./fixes -update`; change the data, not this file. ")
	b.WriteString("`<Phone>` and the like are put in by the program.\n\n")
	for _, p := range Platforms(words.English) {
		fmt.Fprintf(&b, "- [%s](#%s)\n", p.Name, p.Slug)
	}
	for _, p := range Platforms(words.English) {
		fmt.Fprintf(&b, "\n<a id=\"%s\"></a>\n\n## %s\n", p.Slug, p.Name)
		if p.SIPALG != "" {
			fmt.Fprintf(&b, "\nThe SIP ALG: %s\n", strings.ReplaceAll(p.SIPALG, "<", "\\<"))
		}
		for _, problem := range Problems(words.English) {
			for _, f := range allFixes(problem.ID) {
				if f.Platform == p.Slug {
					writeFix(&b, problem.Title, f)
				}
			}
		}
	}
	return b.String()
}

func writeFix(b *strings.Builder, heading string, f Fix) {
	fmt.Fprintf(b, "\n### %s: %s\n", heading, f.Title)
	for _, part := range []struct {
		name  string
		lines []string
	}{{"Commands", f.Commands}, {"Undo", f.Undo}, {"Verify", f.Verify}, {"Not verified", f.UnverifiedLines}} {
		if len(part.lines) > 0 {
			fmt.Fprintf(b, "\n%s:\n\n```\n%s\n```\n", part.name, strings.Join(part.lines, "\n"))
		}
	}
	stays := "does not survive a reboot"
	if f.Persistent {
		stays = "survives a reboot"
	}
	if f.Unverified {
		stays += "; unverified"
	}
	fmt.Fprintf(b, "\nWhere: %s; %s. %s\n\nSource: %s\n", f.Where, stays, strings.ReplaceAll(f.Note, "<", "\\<"), f.Source)
}
