package checks_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
)

type listing struct {
	Lines []string `json:"lines"`
}

func TestWhatIsPackedIsOpened(t *testing.T) {
	long := listing{Lines: []string{strings.Repeat("-A INPUT -j DROP\n", 1000)}}
	length := len(`{"lines":[""]}`) + 1000*len(`-A INPUT -j DROP\n`)
	if _, ok := checks.Pack(long, length-1); ok {
		t.Error("it is longer than the limit, and was packed")
	}
	p, ok := checks.Pack(long, length)
	if !ok || len(p) > 500 {
		t.Fatalf("packed: %v, %d bytes", ok, len(p))
	}
	if got, ok := p.Open(); !ok || len(got.Lines) != 1 || got.Lines[0] != long.Lines[0] {
		t.Errorf("opened it is %v, %d lines", ok, len(got.Lines))
	}
}

// A report comes from a stranger, or was redacted.
func TestWhatIsNotPackedIsNotOpened(t *testing.T) {
	zipped := func(text string) checks.Packed[listing] {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = z.Write([]byte(text))
		_ = z.Close()
		return checks.Packed[listing](base64.StdEncoding.EncodeToString(b.Bytes()))
	}
	whole := zipped(`{"lines":["a"]}`)
	if got, ok := whole.Open(); !ok || got.Lines[0] != "a" {
		t.Errorf("whole it is %v, %v", got, ok)
	}
	for name, p := range map[string]checks.Packed[listing]{
		"nothing": "", "no base64": "{}", "no gzip": "AAAAAAAAAAAA", "cut off": whole[:len(whole)-12], "of another form": zipped(`{"lines":1}`),
		"far too long": zipped(`{"lines":["` + strings.Repeat("a", 17<<20) + `"]}`),
	} {
		if got, ok := p.Open(); ok || got.Lines != nil {
			t.Errorf("%s: opened as %d lines", name, len(got.Lines))
		}
	}
}

// What is packed belongs to the version of the observation.
func TestThePackedFormIsPartOfTheVersion(t *testing.T) {
	type longer struct {
		Lines []string `json:"lines"`
		Cut   bool     `json:"cut"`
	}
	one := versionOf[struct {
		Read checks.Packed[listing] `json:"read"`
	}]()
	other := versionOf[struct {
		Read checks.Packed[longer] `json:"read"`
	}]()
	if one == other {
		t.Error("one more field that is packed makes no other version")
	}
}
