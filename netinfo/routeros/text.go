package routeros

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

// What a file may be in place of an export. A caller that says what to run instead
// asks for them with errors.Is.
var (
	ErrBackup = errors.New("this is a binary backup, which only a router can read; run /export file=NAME on the router and use that file")
	ErrSupout = errors.New("this is a supout.rif, which only MikroTik can read; run /export file=NAME on the router and use that file")
	ErrBinary = errors.New("this is a binary file, not a RouterOS export")
)

// maxText bounds an export. One with 50,000 entries in its address lists has 3 MB,
// and RouterOS itself imports files of a few megabytes at most.
const maxText = 64 << 20

// decode is b as UTF-8 with lines that end in \n. A file that went through Windows
// may be UTF-16 with a byte order mark, or Windows-1251, the only 8-bit encoding
// that Winbox and Notepad write in the countries whose comments are not English.
func decode(b []byte) (string, error) {
	switch {
	case len(b) > maxText:
		return "", fmt.Errorf("the export has more than %d bytes", maxText)
	case bytes.HasPrefix(b, []byte{0x88, 0xac, 0xa1, 0xb1}), bytes.HasPrefix(b, []byte{0xef, 0xa8, 0x91, 0x72}): // plain, encrypted
		return "", ErrBackup
	case bytes.HasPrefix(b, []byte("--BEGIN ROUTEROS SUPOUT SECTION")):
		return "", ErrSupout
	case bytes.HasPrefix(b, []byte{0xff, 0xfe}), bytes.HasPrefix(b, []byte{0xfe, 0xff}):
		text, err := unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM).NewDecoder().Bytes(b)
		if err != nil {
			return "", fmt.Errorf("reading UTF-16: %w", err)
		}
		b = text
	}
	b = bytes.TrimPrefix(b, []byte("\ufeff"))
	if bytes.IndexByte(b, 0) >= 0 {
		return "", ErrBinary
	}
	text := utf8Of(string(b))
	if strings.Contains(text, "\r") {
		text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)
	}
	return text, nil
}

// utf8Of is s, whose bytes are Windows-1251 if they are not UTF-8.
func utf8Of(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	out, err := charmap.Windows1251.NewDecoder().String(s)
	if err != nil {
		return strings.ToValidUTF8(s, "\ufffd")
	}
	return out
}
