package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/platform/words"
)

// offline is a check that sends nothing.
func offline(folder string, open func(string) error) doubleClick {
	return doubleClick{command: []string{"check", "dns", "--no-public", "--bind=127.0.0.1", "--timeout=2s"}, folder: folder, open: open}
}

// Somebody double-clicks the program in an office: the check runs, its report can be
// read and saved, and the window stays until they press Enter.
func TestDoubleClick(t *testing.T) {
	for _, l := range words.Languages() {
		folder := t.TempDir()
		var out, errs bytes.Buffer
		var opened []string
		open := func(f string) error {
			opened = append(opened, f)
			if l == words.Russian {
				return errors.New("there is no such program")
			}
			return nil
		}
		s := streams{In: strings.NewReader("S\r\n\r\nnobody reads on\n"), Out: &out, Err: &errs, Lang: l}
		status := s.doubleClicked(t.Context(), offline(folder, open))
		files, _ := filepath.Glob(filepath.Join(folder, "sipdoctor-*.html"))
		if status != statusInconclusive || len(files) != 1 || len(opened) != 1 || opened[0] != files[0] || errs.Len() > 0 {
			t.Fatalf("status %d, saved %q, opened %q\n%s%s", status, files, opened, out.String(), errs.String())
		}
		page, err := os.ReadFile(files[0])
		if err != nil || !strings.Contains(string(page), "<html") || !strings.Contains(string(page), "dns") {
			t.Errorf("%v\n%s", err, page)
		}
		if said := out.String(); strings.Count(said, "Enter") != 4 || !strings.Contains(said, "dns") || !strings.Contains(said, files[0]) || cyrillic.MatchString(said) != (l == words.Russian) {
			t.Error(said)
		}
	}
}

// Enter alone closes, and so does the end of the input; nothing is saved unasked.
func TestDoubleClickAndEnter(t *testing.T) {
	for _, typed := range []string{"\n", "", "n\n"} {
		folder := t.TempDir()
		var out, errs bytes.Buffer
		streams{In: strings.NewReader(typed), Out: &out, Err: &errs}.doubleClicked(t.Context(), offline(folder, nil))
		files, _ := os.ReadDir(folder)
		if len(files) > 0 || strings.Count(out.String(), "Press Enter to close") != 1 {
			t.Errorf("%q: %v\n%s", typed, files, out.String())
		}
	}
}

// What went wrong can be read before the window closes: a folder that cannot be written,
// a mistake in the configuration.
func TestDoubleClickWithTroubles(t *testing.T) {
	var out, errs bytes.Buffer
	nowhere := filepath.Join(t.TempDir(), "nowhere")
	never := func(string) error { t.Error("opened"); return nil }
	streams{In: strings.NewReader("s\n\n"), Out: &out, Err: &errs}.doubleClicked(t.Context(), offline(nowhere, never))
	if !strings.Contains(errs.String(), "nowhere") || strings.Count(out.String(), "Press Enter to close") != 2 {
		t.Errorf("%s%s", out.String(), errs.String())
	}
	config := filepath.Join(t.TempDir(), "sipdoctor.yaml")
	if err := os.WriteFile(config, []byte("responser: x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out.Reset()
	errs.Reset()
	status := streams{In: strings.NewReader("s\n"), Out: &out, Err: &errs, Config: config}.doubleClicked(t.Context(), offline(nowhere, never))
	if status != statusUsage || !strings.Contains(errs.String(), "responder") || !strings.Contains(out.String(), "Press Enter to close") || strings.Contains(out.String(), "save") {
		t.Errorf("status %d\n%s%s", status, out.String(), errs.String())
	}
}

// How reports are shown by default is for whoever types: the window shows the text.
func TestDoubleClickAndTheConfigurationFile(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "sipdoctor.yaml")
	if err := os.WriteFile(config, []byte("lang: ru\noutput: "+filepath.Join(dir, "out")+"\nformat: nagios\nlabel: [site=office-12]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	streams{In: strings.NewReader(""), Out: &out, Err: &errs, Config: config}.doubleClicked(t.Context(), offline(dir, nil))
	if !strings.Contains(out.String(), "Ничего") && !strings.Contains(out.String(), "ничего") || strings.Count(out.String(), "Enter") != 2 || errs.Len() > 0 {
		t.Errorf("%s%s", out.String(), errs.String())
	}
	if _, err := os.Stat(filepath.Join(dir, "out")); err == nil {
		t.Error("a file was written unasked")
	}
}

// A double click speaks the language of the desktop, where no variable says another.
func TestTheLanguageOfADoubleClick(t *testing.T) {
	for _, tc := range []struct {
		desktop, lang string
		want          words.Lang
	}{
		{"ru-RU", "", words.Russian}, {"RU", "", words.Russian}, {"ru-RU", "en_US.UTF-8", words.English},
		{"en-US", "", words.English}, {"", "", words.English}, {"en-US", "ru_RU.UTF-8", words.Russian},
	} {
		env := func(name string) string { return map[string]string{"LANG": tc.lang}[name] }
		if got := clickLanguage(env, tc.desktop); got != tc.want {
			t.Errorf("desktop %q, LANG %q: %s", tc.desktop, tc.lang, got)
		}
	}
}
