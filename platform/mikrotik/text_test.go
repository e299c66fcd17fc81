package mikrotik

import (
	"errors"
	"strings"
	"testing"
)

func TestWhatATerminalShows(t *testing.T) {
	for name, tt := range map[string]struct{ in, want string }{
		"lines of Windows":   {"a\r\nb\r\n", "a\nb\n"},
		"colours":            {"\x1b[m\x1b[1;36madd\x1b[0m x\r\n", "add x\n"},
		"a line drawn twice": {"\r\r[a@b] > \r[a@b] > ", "[a@b] > "},
		"a title":            {"\x1b]0;router\x07x", "x"},
		"a question of ours": {"\x1b[9999B\x1bZ\x1b[6nx", "x"},
		"rubbed out":         {"abx\bc\n", "abc\n"},
		"not ours":           {"1 \xff\xfe 2", "1 \xff\xfe 2"},
		"an escape too few":  {"a\x1b", "a\x1b"},
	} {
		if got := plain([]byte(tt.in)); got != tt.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestAPromptIsSeen(t *testing.T) {
	for text, want := range map[string]bool{
		"[admin@MikroTik] > ":                            true,
		"answer\n[admin@MikroTik] >":                     true,
		"[admin@MikroTik] /ip firewall filter> ":         true,
		"[admin@MikroTik] /ip/firewall/filter <SAFE> > ": true,
		"[admin@hAP \u0430\u0441] <SAFE>> ":              true,
		"[admin@MikroTik] > /ip address print":           false,
		"a [admin@MikroTik] > ":                          false,
		"login: ":                                        false,
		"":                                               false,
	} {
		if prompt.MatchString(text) != want || want && isSafe(text) != strings.Contains(text, "SAFE") {
			t.Errorf("%q: %v", text, !want)
		}
	}
}

func FuzzPlain(f *testing.F) {
	f.Add([]byte("\x1b[1;36madd\x1b[m\b\b\r\n[a@b] <SAFE> > "))
	f.Add([]byte("Do you want to see the software license? [Y/n]: "))
	f.Fuzz(func(t *testing.T, b []byte) {
		text := plain(b)
		if len(text) > len(b) {
			t.Errorf("%q became longer: %q", b, text)
		}
		if line := said(text); strings.ContainsAny(line, "\n\r\x1b") || len(line) > 310 {
			t.Errorf("%q", line)
		}
		_ = isSafe(text)
		for _, q := range questions() {
			q.asks.MatchString(text)
		}
	})
}

func FuzzFrames(f *testing.F) {
	f.Add([]byte("\x05!done\x00"), []byte{})
	f.Add([]byte{0xf0, 0xff}, []byte{0xff, 0xff, 0xff})
	f.Add([]byte{0xc1, 0x00}, []byte{0x00, 1, 2})
	f.Fuzz(func(t *testing.T, a, b []byte) {
		// However the bytes come in pieces, they are the same words.
		whole, parts := &frames{}, &frames{}
		err := whole.check(append(append([]byte{}, a...), b...))
		perr := errors.Join(parts.check(a))
		if perr == nil {
			perr = parts.check(b)
		}
		if (err == nil) != (perr == nil) || err == nil && whole.left != parts.left {
			t.Errorf("%v and %v, %d and %d left", err, perr, whole.left, parts.left)
		}
		if whole.left > maxWord {
			t.Error("a word of", whole.left)
		}
	})
}

func FuzzEntries(f *testing.F) {
	f.Add([]byte(`[{".id":"*1","name":"x"}]`))
	f.Add([]byte(`{"version":"7.17"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := entriesOf(b)
		if err == nil && len(list) > 0 && list[0] == nil {
			t.Skip() // null
		}
		_ = refusalOf("400 Bad Request", b).Error()
	})
}
