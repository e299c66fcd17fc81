package asterisk

import (
	"context"
	"errors"
	"io/fs"
	"strings"

	"github.com/sipdoctor/sipdoctor/platform"
)

// ReadTrusted asks the FreePBX firewall which networks it trusts. It is apart
// from Read because fwconsole starts PHP and takes seconds; the packet filter's
// own chains (zone-trusted) say the same at once. An error that satisfies
// fs.ErrNotExist means that this is not a FreePBX.
func ReadTrusted(ctx context.Context, sys platform.System) ([]Trusted, error) {
	out, err := sys.Run(ctx, "fwconsole", "firewall", "list", "trusted")
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, platform.ErrNoAnswer) && len(out) > 0 {
		err = nil // it complains by its status when a zone is empty
	}
	return parseTrusted(string(out), "trusted"), err
}

// parseTrusted takes every word that is an address or a network.
func parseTrusted(out, zone string) (list []Trusted) {
	for word := range strings.FieldsFuncSeq(withoutColours(out), func(r rune) bool {
		return r == ' ' || r == '\t' || r == '\n' || r == '\r' || r == '|' || r == ',' || r == '\''
	}) {
		if p, ok := prefix(word); ok {
			list = append(list, Trusted{Prefix: p, Zone: zone})
		}
	}
	return list
}
