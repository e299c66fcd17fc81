package asteriskconfig

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo/asterisk"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// confDir is where the files are taken to be from.
const confDir = "/etc/asterisk/"

// maxHanded bounds all files that are handed over together.
const maxHanded = 64 << 20

// mains are the files that Asterisk reads by itself; all others are included.
func mains() []string {
	return []string{"pjsip_wizard.conf", "pjsip.conf", "sip.conf", "rtp.conf", "acl.conf", "extensions.conf", "modules.conf", "sorcery.conf", "extconfig.conf", "res_parking.conf"}
}

// Kind is the file of Asterisk's configuration that a file of any name is, such as
// "pjsip.conf" for "customer_pjsip.conf.txt"; empty for one that is none. head is
// how the file begins: some ten kilobytes are enough.
func Kind(name string, head []byte) string {
	base := strings.ToLower(path.Base(strings.ReplaceAll(name, `\`, "/")))
	for _, main := range mains() {
		if i := strings.Index(base, main); i >= 0 && (i == 0 || strings.ContainsRune("-_. ", rune(base[i-1]))) {
			return main
		}
	}
	if !hasSection.Match(head) {
		return ""
	}
	for _, main := range mains() {
		if form := forms(main); form != "" && regexp.MustCompile(form).Match(head) {
			return main
		}
	}
	return ""
}

var hasSection = regexp.MustCompile(`(?m)^\s*\[[^\]\n]+\]`)

// forms are what only one of the files has.
func forms(main string) string {
	switch main {
	case "pjsip_wizard.conf":
		return `(?mi)^\s*type\s*=>?\s*wizard\b`
	case "pjsip.conf":
		return `(?mi)^\s*type\s*=>?\s*(endpoint|aor|auth|transport|identify|registration)\b`
	case "sip.conf":
		return `(?mi)^\s*(type\s*=>?\s*(friend|peer|user)\b|udpbindaddr\s*=|externaddr\s*=|externip\s*=)`
	case "extensions.conf":
		return `(?mi)^\s*exten\s*=>?\s*[^,\n]+,`
	case "rtp.conf":
		return `(?mi)^\s*rtpstart\s*=`
	case "modules.conf":
		return `(?mi)^\s*(autoload\s*=|noload\s*=>?)`
	}
	return ""
}

// errNotGiven is why an included file is not known.
var errNotGiven = errors.New("not among the files that were handed over")

// handed is a machine of which nothing but some files is known.
type handed struct {
	platform.System
}

// Open tells a file that was not handed over from one that is not there: nobody
// knows that.
func (h handed) Open(name string) (fs.File, error) {
	f, err := h.System.Open(name)
	if errors.Is(err, fs.ErrNotExist) && strings.HasPrefix(name, confDir) && !slices.Contains(append(mains(), "asterisk.conf", "logger.conf"), path.Base(name)) {
		return nil, fmt.Errorf("reading %s: %w", path.Base(name), errNotGiven)
	}
	return f, err
}

// fromFiles observes files that somebody handed over.
func fromFiles(ctx context.Context, list []checks.File, in checks.Inputs) (Observed, error) {
	files, kinds := map[string][]byte{}, map[string][]string{}
	o := Observed{Saved: true}
	left := maxHanded
	for _, f := range list {
		data, err := f.Text(left)
		if err != nil {
			o.Notes = append(o.Notes, platform.Words(err).Reason())
			continue
		}
		left -= len(data)
		base := path.Base(strings.ReplaceAll(f.Name, `\`, "/"))
		if f.Name == "-" {
			base = "stdin"
		}
		files[confDir+base] = data
		if kind := Kind(f.Name, data[:min(len(data), maxHead)]); kind != "" {
			kinds[kind] = append(kinds[kind], base)
		} else {
			o.Notes = append(o.Notes, words.Because("asterisk-config.note.unknown-file", "file", base))
		}
		if err := ctx.Err(); err != nil {
			return o, err
		}
	}
	// A file of another name, or several that belong together, are what the main
	// file includes.
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		if _, ok := files[confDir+kind]; !ok {
			var b bytes.Buffer
			for _, base := range kinds[kind] {
				fmt.Fprintf(&b, "#include \"%s\"\n", base)
			}
			files[confDir+kind] = b.Bytes()
		}
	}
	sys := handed{platform.SavedFiles(files)}
	state, notes := asterisk.Read(ctx, sys)
	o.Notes = append(o.Notes, notes...)
	o.read(sys, state, in)
	return o, ctx.Err()
}

// maxHead is how much of a file tells what it is: comments may come first.
const maxHead = 64 << 10
