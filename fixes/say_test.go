package fixes

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/platform/command"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// realValues are those of a run: all variables, or only what For knows, so that
// the reader has to replace the rest.
func realValues() map[string]map[string]string {
	all := map[string]string{
		"PBX": "198.51.100.7", "SIPPort": "5080", "RTPRange": "16384-32767", "RTPFirst": "16384", "RTPLast": "32767", "UDPTimeout": "130",
		"WAN": "eth1", "Network": "198.51.100.0/24", "Protocol": "udp", "Ports": "5060", "Address": "203.0.113.9", "AddressName": "203.0.113.9",
		"Family": "ipv4", "Jail": "asterisk", "ActionName": "asterisk", "Chain": "FORWARD", "LogPath": "/var/log/asterisk/full", "Domain": "pbx.example.net",
		"Router": "192.168.88.1", "Phone": "192.168.88.10",
	}
	few := map[string]string{}
	for _, name := range []string{"Address", "AddressName", "Family", "Jail", "ActionName", "Chain", "LogPath"} {
		few[name] = all[name]
	}
	return map[string]map[string]string{"all values": all, "placeholders": few}
}

// everyFix is every row of the catalogue with vars, those that the program builds
// as well.
func everyFix(t *testing.T, vars map[string]string) map[string]Fix {
	t.Helper()
	list := map[string]Fix{}
	for _, d := range catalogue() {
		for _, r := range d.Fixes {
			for _, f := range ByID(d.Platform, r.ID, vars) {
				list[d.Platform+"/"+r.ID] = f
			}
		}
	}
	step := command.Step{Do: []command.Command{command.New("sysctl", "-w").Spec("net.netfilter.nf_conntrack_helper=0")}}
	for id, r := range built() {
		args := words.Args{}
		for _, s := range append(slices.Clone(r.Verify), r.Title, r.Note) {
			for _, name := range s.Names() {
				args[name] = "198.51.100.7"
			}
		}
		for _, f := range Build(id, "linux-nftables", args, step) {
			list["built/"+id] = f
		}
	}
	return list
}

// stored is f as a saved report gives it back.
func stored(t *testing.T, f Fix) Fix {
	t.Helper()
	b, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	var out Fix
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	out.UndoFor, out.IfProven = f.UndoFor, f.IfProven // not in a report
	return out
}

// saysBack tells f in Russian and in English again, fresh and from a report.
func saysBack(t *testing.T, name string, f Fix) (russian Fix) {
	t.Helper()
	want, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	for _, again := range []Fix{f, stored(t, f)} {
		before := slices.Clone(again.Commands)
		again.Say(words.Russian)
		if diff := cmp.Diff(before, f.Commands); diff != "" {
			t.Errorf("%s: Say changed the lines of another copy:\n%s", name, diff)
		}
		russian = again
		again = stored(t, again)
		again.Say(words.English)
		got, err := json.Marshal(again)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
	return russian
}

func TestEveryFixIsSaidInRussianAndInEnglishAgain(t *testing.T) {
	for with, vars := range realValues() {
		list := everyFix(t, vars)
		if len(list) < 150 {
			t.Errorf("%s: only %d fixes", with, len(list))
		}
		for name, f := range list {
			f.Verify = append(f.Verify, "sipdoctor check sip-alg --again") // as the runner completes it
			r := saysBack(t, name+" with "+with, f)
			if r.Source == f.Source && !plainSource.MatchString(r.Source) {
				t.Errorf("%s in Russian: source %q", name, r.Source)
			}
			for _, s := range []string{r.Title, r.Note} {
				if s != "" && !saysIn(words.Russian, s) {
					t.Errorf("%s in Russian: %q", name, s)
				}
			}
			if strings.Contains(r.Note, "with your own values") {
				t.Errorf("%s in Russian: %q", name, r.Note)
			}
			if lines := slices.Concat(f.Commands, f.Undo); f.Form == FormShell && cmp.Diff(lines, slices.Concat(r.Commands, r.Undo)) != "" {
				t.Errorf("%s: a line for the shell changed", name)
			}
			for _, line := range slices.Concat(r.Commands, r.Undo, r.Verify, []string{r.Note}) {
				for _, p := range placeholderPattern.FindAllString(line, -1) {
					if !saysIn(words.Russian, p) {
						t.Errorf("%s in Russian: %s is English, in %q", name, p, line)
					}
				}
			}
			for _, line := range r.UnverifiedLines {
				if !slices.Contains(slices.Concat(r.Commands, r.Undo, r.Verify), line) {
					t.Errorf("%s in Russian: not verified is %q, which nobody is shown", name, line)
				}
			}
		}
	}
}

func TestFixesThatAreDoneTogetherAreSaidInRussianAndInEnglishAgain(t *testing.T) {
	for with, vars := range realValues() {
		list := everyFix(t, vars)
		for name, f := range list {
			for other, g := range list {
				if f.Platform != g.Platform || f.Form != g.Form || f.Built || g.Built || name == other {
					continue
				}
				title, notes := f.Title, []string{f.Note, g.Note}
				joined := Join([]Fix{f, g})[0]
				r := saysBack(t, name+" and "+other+" with "+with, joined)
				if joined.Title != title || !strings.Contains(joined.Note, notes[0]) || !strings.Contains(joined.Note, notes[1]) {
					t.Errorf("%s and %s: %q %q", name, other, joined.Title, joined.Note)
				}
				if !saysIn(words.Russian, r.Title) {
					t.Errorf("%s and %s in Russian: %q", name, other, r.Title)
				}
			}
		}
	}
	// The same row for two addresses, as an office with two providers needs it.
	two := realValues()["all values"]
	first := ByID("mikrotik", "allow-sip-provider", two)
	two["PBX"] = "198.51.100.8"
	r := saysBack(t, "two providers", Join(append(first, ByID("mikrotik", "allow-sip-provider", two)...))[0])
	if !strings.Contains(strings.Join(r.Commands, "\n"), "198.51.100.7") || !strings.Contains(strings.Join(r.Commands, "\n"), "198.51.100.8") {
		t.Errorf("%+v", r)
	}
}

func TestWhatCannotBeWrittenAsACommandIsSaidInRussian(t *testing.T) {
	ok := command.Step{Do: []command.Command{command.New("systemctl", "start").Values("fail2ban")}}
	no := command.Step{Do: []command.Command{command.Impossible("the entry is several lines long: edit %s by hand", "/etc/hosts.allow")}}
	for name, list := range map[string][]Fix{
		"a row":           Build("let-trunk-in", "linux-nftables", words.Args{"address": "198.51.100.7"}, ok, no, no),
		"one of no row":   Fix{ID: "free-everywhere", Title: "Free it", Where: "pbx"}.Steps(ok, no, no),
		"part of several": Join(append(Build("let-trunk-in", "linux-nftables", words.Args{"address": "198.51.100.7"}, ok, no), Build("raise-conntrack-max", "", nil, no)...)),
	} {
		if len(list) != 1 {
			t.Fatalf("%s: %+v", name, list)
		}
		want := []string{"Run: systemctl start fail2ban", "By hand, because no command can be written safely: the entry is several lines long: edit /etc/hosts.allow by hand"}
		if diff := cmp.Diff(want, list[0].Commands); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
		want = []string{"Выполните: systemctl start fail2ban", "Вручную, потому что безопасную команду составить нельзя: запись занимает несколько строк: исправьте /etc/hosts.allow вручную"}
		if diff := cmp.Diff(want, saysBack(t, name, list[0]).Commands); diff != "" {
			t.Errorf("%s in Russian (-want +got)\n%s", name, diff)
		}
	}
	args := words.Args{"address": "198.51.100.7"}
	Build("let-trunk-in", "linux-nftables", args, no)
	if len(args) != 1 {
		t.Errorf("the caller's values were changed: %v", args)
	}
}

func TestTheSwitchOfAnUnknownRouterIsFoundInRussian(t *testing.T) {
	f := For(SIPALG, nil, nil)[0]
	r := saysBack(t, "find-the-switch", f)
	common := 0
	for _, d := range catalogue() {
		if !d.Common {
			continue
		}
		common++
		if !slices.Contains(f.Commands, d.Name+": "+d.SIPALG) || !slices.Contains(r.Commands, d.in(words.Russian).Name+": "+d.in(words.Russian).SIPALG) {
			t.Errorf("%s is missing in %q or %q", d.Name, f.Commands, r.Commands)
		}
	}
	if own := len(f.Commands) - common; own != 2 || len(r.Commands) != len(f.Commands) || !strings.HasPrefix(f.Commands[0], "Find out the make") {
		t.Errorf("what to do first is missing in %q or %q", f.Commands, r.Commands)
	}
	if !slices.Contains(r.Commands, "NETGEAR: Advanced > Setup > WAN Setup > Disable SIP ALG (флажок означает «выключено»)") {
		t.Errorf("%q", r.Commands)
	}
}

// What this program does not know, or was changed on the way, stays as it is.
func TestAFixOfAnotherVersionKeepsItsWords(t *testing.T) {
	unknown := Fix{ID: "x", Platform: "mikrotik", Title: "X", Note: "Y.", Form: FormAdvice, Commands: []string{"Z"}}
	hole := Fix{ID: "raise-udp-stream-timeout", Platform: "mikrotik", Title: "X", Commands: []string{"Z"}}
	strange := Fix{ID: "let-trunk-in", Built: true, Title: "X", Commands: []string{"Z"}, Args: words.Args{argRun: "no list", argByHand: []any{int64(1)}}}
	for _, f := range []Fix{unknown, hole, strange} {
		was := f
		f.Say(words.Russian)
		f.Title, was.Title = "", "" // a built row may have a title without values
		f.Note, was.Note = "", ""
		if diff := cmp.Diff(was, f); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	}
	f := ByID("mikrotik", "disable-sip-helper", nil)[0]
	f.Commands[0] = "/changed by somebody"
	f.Say(words.Russian)
	if f.Commands[0] != "/changed by somebody" || !strings.ContainsFunc(f.Title, isCyrillic) {
		t.Errorf("%+v", f)
	}
}

func TestEveryNameOfABoxIsInRussian(t *testing.T) {
	en, ru := Platforms(words.English), Platforms(words.Russian)
	for i, p := range en {
		if strings.ContainsFunc(p.Name+p.SIPALG, isCyrillic) || ru[i].Slug != p.Slug || (p.SIPALG == "") != (ru[i].SIPALG == "") {
			t.Errorf("%+v and %+v", p, ru[i])
		}
		for _, w := range strings.Fields(ru[i].Name) {
			if slices.Contains([]string{"and", "with", "of", "router", "gateway", "any", "its"}, strings.TrimFunc(w, unicode.IsPunct)) {
				t.Errorf("%q in Russian", ru[i].Name)
			}
		}
	}
}

// Every phrase of the table is used by a row: one that is not has been changed
// there.
func TestEveryPhraseIsUsed(t *testing.T) {
	used := map[string]bool{}
	for _, d := range catalogue() {
		for _, r := range d.Fixes {
			used[r.Source] = true
			for _, p := range placeholderPattern.FindAllString(strings.Join(r.lines(), "\n"), -1) {
				used[p] = true
			}
			for _, v := range r.Defaults {
				used[v] = true
			}
		}
	}
	for _, r := range built() {
		used[r.Source] = true
	}
	for _, p := range standIns() {
		used[p] = true
	}
	for p, in := range phrases() {
		if !used[p] || in[words.Russian] == "" || len(in) != len(otherLanguages()) {
			t.Errorf("no row uses %q, or it is not in every language: %v", p, in)
		}
	}
	if len(englishPhrases()) != len(phrases()) {
		t.Error("two phrases are the same in another language")
	}
}

// Whoever does not know his router is not shown the menus of every maker, so
// the program has to know which lines they are: also those of a report that was
// saved before it said so, unless its lines are other ones.
func TestTheMakersOfMenusAreKnownInEveryLanguage(t *testing.T) {
	made := ByID(genericPlatform, "find-the-switch", nil)[0]
	before, older := stored(t, made), stored(t, made)
	before.Makers, older.Makers = nil, nil
	older.Commands = slices.Delete(older.Commands, 2, 3)
	for _, l := range words.Languages() {
		for name, f := range map[string]Fix{"made now": made, "saved before": before} {
			f.Say(l)
			menus := f.Commands[len(f.Commands)-len(f.Makers):]
			if len(f.Commands) < 10 || len(f.Commands)-len(menus) != 2 {
				t.Fatalf("%s in %s: %d of %d lines are menus", name, l, len(menus), len(f.Commands))
			}
			for i, line := range menus {
				if !strings.HasPrefix(line, f.Makers[i]+": ") {
					t.Errorf("%s in %s: %q is not the menu of %s", name, l, line, f.Makers[i])
				}
			}
		}
		if older.Say(l); len(older.Makers) > 0 {
			t.Errorf("in %s an older report is said to name %v", l, older.Makers)
		}
	}
}
