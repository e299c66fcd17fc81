package fixes

import (
	"errors"
	"fmt"

	"github.com/sipdoctor/sipdoctor/netinfo"
)

// A tableRow is how many connections a box holds as it is shipped. One that
// depends on the memory of the model has no row.
type tableRow struct {
	From   string `yaml:"from"`  // versions: from <= v < below
	Below  string `yaml:"below"` //
	Size   int    `yaml:"size"`
	Source string `yaml:"source"`
}

// ConnectionTable is how many connections the host's router holds, as far as
// its kind says that. ok is false for a router that is not recognised well
// enough, or whose size nobody knows: too large a guess does harm.
func ConnectionTable(host *netinfo.Host) (size int, ok bool) {
	if host == nil || host.Router == nil || host.Router.Confidence == "possible" {
		return 0, false
	}
	for _, d := range catalogue() {
		if d.Platform != host.Router.Platform {
			continue
		}
		for _, t := range d.Connections {
			bounded := t.From != "" || t.Below != ""
			if r := (row{From: t.From, Below: t.Below}); r.fits(host.Router.Version) && (!bounded || leadingNumbers(host.Router.Version) != nil) {
				return t.Size, true
			}
		}
	}
	return 0, false
}

// faults lists what is wrong with a row.
func (t tableRow) faults(at string) error {
	var errs []error
	if t.Size < 1024 {
		errs = append(errs, fmt.Errorf("%s: a table of %d connections", at, t.Size))
	}
	if !sourcePattern.MatchString(t.Source) {
		errs = append(errs, fmt.Errorf("%s: source %q is neither an address nor a named public document", at, t.Source))
	}
	for _, v := range []string{t.From, t.Below} {
		if v != "" && !versionPattern.MatchString(v) {
			errs = append(errs, fmt.Errorf("%s: version %q is not digits and dots", at, v))
		}
	}
	return errors.Join(errs...)
}
